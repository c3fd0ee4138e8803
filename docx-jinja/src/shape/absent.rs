//! Values in which what may be left out, and is, counts as empty.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, State, Value, filters};

use super::Shape;

/// A shape as a render reads it.
#[derive(Debug)]
enum Node {
    /// Nothing is known below.
    Leaf,
    List(Arc<Node>),
    Map {
        fields: BTreeMap<String, Field>,
        /// Whether a field may be left out.
        gaps: bool,
        /// Whether something below a field may be.
        deep: bool,
    },
}

#[derive(Debug)]
struct Field {
    optional: bool,
    node: Arc<Node>,
}

impl Node {
    fn of(shape: &Shape) -> Self {
        match shape {
            Shape::Any | Shape::Plain => Self::Leaf,
            Shape::Optional(inner) => Self::of(inner),
            Shape::List(item) => Self::List(Arc::new(Self::of(item))),
            Shape::Map(fields) => {
                let fields: BTreeMap<String, Field> = fields
                    .iter()
                    .map(|(name, shape)| (name.clone(), Field::of(shape)))
                    .collect();
                Self::Map {
                    gaps: fields.values().any(|field| field.optional),
                    deep: fields.values().any(|field| field.node.has_gaps()),
                    fields,
                }
            }
        }
    }

    fn has_gaps(&self) -> bool {
        match self {
            Self::Leaf => false,
            Self::List(item) => item.has_gaps(),
            Self::Map { gaps, deep, .. } => *gaps || *deep,
        }
    }
}

impl Field {
    fn of(shape: &Shape) -> Self {
        Self {
            optional: matches!(shape, Shape::Optional(_)),
            node: Arc::new(Node::of(shape)),
        }
    }
}

/// See [`Shape::completed`].
pub(super) fn completed(shape: &Shape, values: Value) -> Value {
    complete(values, &Arc::new(Node::of(shape)))
}

fn complete(value: Value, node: &Arc<Node>) -> Value {
    let fits = match (&**node, value.kind()) {
        (Node::Map { .. }, ValueKind::Map) => node.has_gaps(),
        (Node::List(item), ValueKind::Seq | ValueKind::Iterable) => item.has_gaps(),
        _ => false,
    };
    if !fits {
        return value;
    }
    Value::from_object(Completed {
        value,
        node: Arc::clone(node),
    })
}

/// A map or list whose fields may have been left out.
#[derive(Debug)]
struct Completed {
    value: Value,
    node: Arc<Node>,
}

impl Completed {
    fn field(&self, name: &str, found: Option<Value>) -> Option<Value> {
        let Node::Map { fields, deep, .. } = &*self.node else {
            return found;
        };
        match found {
            Some(value) if !deep => Some(value),
            Some(value) => Some(match fields.get(name) {
                Some(field) => complete(value, &field.node),
                None => value,
            }),
            None => {
                let field = fields.get(name).filter(|field| field.optional);
                field.map(|field| left_out(&field.node))
            }
        }
    }
}

impl Object for Completed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.value.kind() {
            ValueKind::Map => ObjectRepr::Map,
            ValueKind::Seq => ObjectRepr::Seq,
            _ => ObjectRepr::Iterable,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.value.get_item(key).ok();
        let found = found.filter(|value| !value.is_undefined());
        match (&*self.node, key.as_str()) {
            (Node::List(item), _) => found.map(|value| complete(value, item)),
            (Node::Map { .. }, Some(name)) => self.field(name, found),
            _ => found,
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self.value.get_attr(key).ok();
        self.field(key, found.filter(|value| !value.is_undefined()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match (&*self.node, self.value.kind(), self.value.len()) {
            (_, ValueKind::Seq, Some(count)) => Enumerator::Seq(count),
            (Node::List(item), ..) => {
                let item = Arc::clone(item);
                match self.value.try_iter() {
                    Ok(items) => {
                        Enumerator::Iter(Box::new(items.map(move |value| complete(value, &item))))
                    }
                    Err(error) => Enumerator::Iter(Box::new(std::iter::once(Value::from(error)))),
                }
            }
            _ => Enumerator::Iter(Box::new(self.value.try_iter().into_iter().flatten())),
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        self.value.len()
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.value.is_true()
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        self.value.call_method(state, method, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}

/// A map that was left out: what it would hold is left out as well.
#[derive(Debug)]
struct Absent(Arc<Node>);

impl Object for Absent {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match &*self.0 {
            Node::Map { fields, .. } => fields.get(key).map(|field| left_out(&field.node)),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

fn left_out(node: &Arc<Node>) -> Value {
    match **node {
        Node::Map { .. } => Value::from_object(Absent(Arc::clone(node))),
        Node::Leaf | Node::List(_) => nothing(),
    }
}

/// What an `if` without `else` leaves out: not defined, and still no error.
pub(crate) fn nothing() -> Value {
    static NOTHING: OnceLock<Value> = OnceLock::new();
    let make = || {
        let environment = Environment::new();
        let expression = environment.compile_expression("1 if false");
        let value = expression.and_then(|expression| expression.eval(()));
        value.expect("the expression is constant and reads nothing")
    };
    NOTHING.get_or_init(make).clone()
}

/// True for what may be left out and is: a map, or anything else that is not defined and no error.
pub(crate) fn is_left_out(state: &mut State, value: &Value) -> bool {
    if !value.is_undefined() {
        return is_absent(value);
    }
    // Making text of it tells it from a name that does not exist.
    let made = Value::from_function(filters::lower).call(state, std::slice::from_ref(value));
    made.is_ok()
}

/// True for a map that was left out.
pub(crate) fn is_absent(value: &Value) -> bool {
    value.downcast_object_ref::<Absent>().is_some()
}

/// True when a map has a field of this name, or may have it.
pub(crate) fn may_have(map: &Value, name: &str) -> bool {
    fields(map).is_some_and(|fields| fields.get(name).is_some_and(|field| field.optional))
        || is_absent(map)
}

/// The names of fields that a map may have, as far as its shape tells.
pub(crate) fn known_names(map: &Value) -> impl Iterator<Item = &str> {
    fields(map)
        .into_iter()
        .flat_map(BTreeMap::keys)
        .map(String::as_str)
}

fn fields(map: &Value) -> Option<&BTreeMap<String, Field>> {
    let completed = map.downcast_object_ref::<Completed>();
    let node = completed.map(|completed| &*completed.node);
    let absent = map.downcast_object_ref::<Absent>();
    match node.or(absent.map(|absent| &*absent.0))? {
        Node::Map { fields, .. } => Some(fields),
        Node::Leaf | Node::List(_) => None,
    }
}
