//! What is known of the values that a template gets.

pub(crate) mod absent;

use std::collections::BTreeMap;

use minijinja::Value;
use minijinja::value::ValueKind;

/// Deepest shape made from a value.
const DEPTH_MAX: usize = 32;
/// Most items of a list looked at for its shape.
const ITEMS_MAX: usize = 1_000;

/// The names that values have, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Nothing is known: every path fits.
    Any,
    /// Text, a number, a truth or null: nothing stands below it.
    Plain,
    /// Items that are all alike.
    List(Box<Shape>),
    /// Fields by name.
    Map(BTreeMap<String, Shape>),
    /// There, or left out altogether.
    Optional(Box<Shape>),
}

impl Shape {
    /// Fields by name.
    pub fn map<N: Into<String>>(fields: impl IntoIterator<Item = (N, Shape)>) -> Self {
        let fields = fields.into_iter();
        Self::Map(fields.map(|(name, shape)| (name.into(), shape)).collect())
    }

    /// A list of items that are all alike.
    pub fn list(item: Shape) -> Self {
        Self::List(Box::new(item))
    }

    /// A field that may be left out.
    pub fn optional(shape: Shape) -> Self {
        match shape {
            Self::Optional(_) => shape,
            _ => Self::Optional(Box::new(shape)),
        }
    }

    /// The shape of sample values. A field that some items of a list lack is optional; nothing is known below null and
    /// in an empty list.
    pub fn of(sample: &Value) -> Self {
        of(sample, 0)
    }

    /// The values, in which what this shape says may be left out, and is, counts as empty: it prints nothing, loops over
    /// it have no rounds, it is false and not `defined`, and `default` puts something in its place. Whatever the shape does
    /// not know stays an error. Rows are looked at when a loop asks for them.
    ///
    /// ```
    /// use docx_jinja::{Shape, Template, Value, minijinja::context};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bytes = include_bytes!("../fuzz/corpus/package/letter.docx");
    /// let shape = Shape::map([("customer", Shape::optional(Shape::Plain))]);
    /// let template = Template::compile(bytes)?;
    /// assert!(template.render(context! {}, std::io::sink()).is_err());
    /// template.render(shape.completed(context! {}), std::io::sink())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn completed(&self, values: Value) -> Value {
        absent::completed(self, values)
    }

    /// What fits both.
    fn merged(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, known) | (known, Self::Any) => known,
            (Self::Optional(left), right) | (right, Self::Optional(left)) => {
                Self::optional(left.merged(match right {
                    Self::Optional(inner) => *inner,
                    plain => plain,
                }))
            }
            (Self::Plain, Self::Plain) => Self::Plain,
            (Self::List(left), Self::List(right)) => Self::list(left.merged(*right)),
            (Self::Map(left), Self::Map(mut right)) => {
                let mut fields = BTreeMap::new();
                for (name, shape) in left {
                    let both = match right.remove(&name) {
                        Some(other) => shape.merged(other),
                        None => Self::optional(shape),
                    };
                    fields.insert(name, both);
                }
                fields.extend(
                    right
                        .into_iter()
                        .map(|(name, shape)| (name, Self::optional(shape))),
                );
                Self::Map(fields)
            }
            _ => Self::Any,
        }
    }
}

fn of(sample: &Value, depth: usize) -> Shape {
    if depth >= DEPTH_MAX {
        return Shape::Any;
    }
    match sample.kind() {
        ValueKind::None | ValueKind::Undefined => Shape::Any,
        ValueKind::Seq | ValueKind::Iterable => {
            let items = sample.try_iter().into_iter().flatten().take(ITEMS_MAX);
            let item = items.map(|item| of(&item, depth + 1)).reduce(Shape::merged);
            Shape::list(item.unwrap_or(Shape::Any))
        }
        ValueKind::Map => {
            let names = sample.try_iter().into_iter().flatten();
            let names = names.filter_map(|name| name.as_str().map(str::to_owned));
            Shape::Map(
                names
                    .map(|name| {
                        let field = sample.get_attr(&name).unwrap_or_default();
                        (name, of(&field, depth + 1))
                    })
                    .collect(),
            )
        }
        _ => Shape::Plain,
    }
}
