//! What a report supplies, on its way to the process that fills its template.

use std::collections::BTreeMap;

use docx_jinja::Shape;
use serde::{Deserialize, Serialize};

/// The names that values have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Supplied {
    Any,
    Plain,
    List(Box<Supplied>),
    Map(BTreeMap<String, Supplied>),
    Optional(Box<Supplied>),
}

impl From<&Shape> for Supplied {
    fn from(shape: &Shape) -> Self {
        let boxed = |inner: &Shape| Box::new(Self::from(inner));
        match shape {
            Shape::Any => Self::Any,
            Shape::Plain => Self::Plain,
            Shape::List(item) => Self::List(boxed(item)),
            Shape::Optional(inner) => Self::Optional(boxed(inner)),
            Shape::Map(fields) => {
                let fields = fields.iter();
                Self::Map(
                    fields
                        .map(|(name, shape)| (name.clone(), shape.into()))
                        .collect(),
                )
            }
        }
    }
}

impl From<Supplied> for Shape {
    fn from(supplied: Supplied) -> Self {
        match supplied {
            Supplied::Any => Self::Any,
            Supplied::Plain => Self::Plain,
            Supplied::List(item) => Self::list(Self::from(*item)),
            Supplied::Optional(inner) => Self::optional(Self::from(*inner)),
            Supplied::Map(fields) => Self::map(
                fields
                    .into_iter()
                    .map(|(name, supplied)| (name, Self::from(supplied))),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use docx_jinja::Shape;

    use super::Supplied;

    #[test]
    fn a_shape_arrives_as_it_was_sent() {
        let row = Shape::map([
            ("name", Shape::Plain),
            ("size", Shape::optional(Shape::Plain)),
            ("more", Shape::optional(Shape::map([("x", Shape::Any)]))),
        ]);
        let shape = Shape::map([("rows", Shape::list(row))]);
        let sent = serde_json::to_vec(&Supplied::from(&shape)).unwrap();
        let came: Supplied = serde_json::from_slice(&sent).unwrap();
        assert_eq!(Shape::from(came), shape);
    }
}
