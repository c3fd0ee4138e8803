//! jsonschema's view of a decoded body.

use crate::body::{Elements, Item, Members, Node};
use jsonschema::JsonType;
use jsonschema::json::{
    Array, Json, JsonNumber, Node as JsonNode, NodeIdentity, Object, SerdeJson,
};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// The representation: nodes of [`crate::body::Tree`].
#[derive(Debug)]
pub(super) struct Body;

impl Json for Body {
    type Node<'a> = Node<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = String;

    // A lookup walks the members, so one pass over all of them is the cheaper way.
    const KEYS_PER_LOOKUP: usize = 16;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>(buffer: &mut String, string: &str, f: impl FnOnce(Node<'_>) -> T) -> T {
        string.clone_into(buffer);
        f(Node::Name(buffer))
    }
}

/// A number of a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum BodyNumber {
    Integer(i64),
    Float(f64),
}

impl JsonNumber for BodyNumber {
    fn as_u64(&self) -> Option<u64> {
        match self {
            BodyNumber::Integer(value) => u64::try_from(*value).ok(),
            BodyNumber::Float(_) => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            BodyNumber::Integer(value) => Some(*value),
            BodyNumber::Float(_) => None,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "integers of a body stay within 2^53"
    )]
    fn as_f64(&self) -> Option<f64> {
        match self {
            BodyNumber::Integer(value) => Some(*value as f64),
            BodyNumber::Float(value) => Some(*value),
        }
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_number().to_string())
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(match self {
            BodyNumber::Integer(value) => Number::from(*value),
            BodyNumber::Float(value) => Number::from_f64(*value).unwrap_or_else(|| Number::from(0)),
        })
    }

    fn is_integer(&self) -> bool {
        matches!(self, BodyNumber::Integer(_))
    }

    fn is_written_as_integer(&self) -> bool {
        self.is_integer()
    }
}

impl<'a> JsonNode<'a, Body> for Node<'a> {
    type Object = MapBody<'a>;
    type Array = ArrayBody<'a>;
    type Number = BodyNumber;

    fn as_object(&self) -> Option<MapBody<'a>> {
        self.members().map(MapBody)
    }

    fn as_array(&self) -> Option<ArrayBody<'a>> {
        self.elements().map(ArrayBody)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match self.item() {
            Item::Text { text, .. } => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<BodyNumber> {
        match self.item() {
            Item::Integer(value) => Some(BodyNumber::Integer(value)),
            Item::Float(value) => Some(BodyNumber::Float(value)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.item() {
            Item::Bool(value) => Some(value),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.item(), Item::Null)
    }

    fn json_type(&self) -> JsonType {
        match self.item() {
            Item::Null => JsonType::Null,
            Item::Bool(_) => JsonType::Boolean,
            Item::Integer(_) | Item::Float(_) => JsonType::Number,
            Item::Text { .. } => JsonType::String,
            Item::Array { .. } => JsonType::Array,
            Item::Map { .. } => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match (self.item(), expected) {
            (Item::Text { text, .. }, Value::String(expected)) => text == expected,
            (Item::Text { .. }, _) | (_, Value::String(_)) => false,
            _ => jsonschema::json::cmp::equal(&to_value(*self), expected),
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(to_value(*self))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        match self {
            Node::Item { items, index } => {
                Some(NodeIdentity::tagged(items.as_ptr() as usize, *index))
            }
            Node::Name(text) => Some(NodeIdentity::tagged(text.as_ptr() as usize, u32::MAX)),
        }
    }
}

fn to_value(node: Node<'_>) -> Value {
    match node.item() {
        Item::Null => Value::Null,
        Item::Bool(value) => Value::Bool(value),
        Item::Integer(value) => Value::from(value),
        Item::Float(value) => Value::from(value),
        Item::Text { text, .. } => Value::from(text),
        Item::Array { .. } => Value::Array(
            node.elements()
                .into_iter()
                .flatten()
                .map(to_value)
                .collect(),
        ),
        Item::Map { .. } => {
            let members = node.members().into_iter().flatten();
            Value::Object(
                members
                    .map(|(key, value)| (key.to_owned(), to_value(value)))
                    .collect::<Map<_, _>>(),
            )
        }
    }
}

/// A map of a body.
#[derive(Debug, Clone)]
pub(super) struct MapBody<'a>(Members<'a>);

impl<'a> Object<'a, Body> for MapBody<'a> {
    type Node = Node<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.0.count_left()
    }

    fn get(&self, key: &Box<str>) -> Option<Node<'a>> {
        self.members()
            .find(|(name, _)| *name == &**key)
            .map(|(_, value)| value)
    }

    fn members(&self) -> Members<'a> {
        self.0.clone()
    }
}

/// An array of a body.
#[derive(Debug, Clone)]
pub(super) struct ArrayBody<'a>(Elements<'a>);

impl<'a> Array<'a, Body> for ArrayBody<'a> {
    type Node = Node<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.0.count_left()
    }

    fn elements(&self) -> Elements<'a> {
        self.0.clone()
    }

    fn is_unique(&self) -> bool {
        let values: Vec<Value> = self.elements().map(to_value).collect();
        Array::<SerdeJson>::is_unique(&values.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{BodyLimits, decode};

    #[test]
    fn the_representation_keeps_the_validators_contract() {
        let mut bytes = Vec::new();
        spokegate_contract::cbor::from_json(&jsonschema::json::conformance::document(), &mut bytes)
            .unwrap();
        let tree = decode(&bytes, &BodyLimits::default()).unwrap();
        jsonschema::json::conformance::assert_conformance::<Body>(&tree.root());
    }
}
