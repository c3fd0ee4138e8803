//! What a sample of the old data says about each name: a list, fields, a truth, or text; always there or not.

use std::collections::BTreeMap;

use serde_json::Value;

/// What was seen at one place, over all items of the lists around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Items, where it was a list.
    pub(super) items: Option<Box<Shape>>,
    fields: BTreeMap<String, Field>,
    /// How often it was an object.
    objects: usize,
    pub(super) truth: bool,
    pub(super) text: bool,
    pub(super) number: bool,
    null: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Field {
    shape: Shape,
    seen: usize,
}

impl Shape {
    pub(super) fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(value);
        shape
    }

    fn add(&mut self, value: &Value) {
        match value {
            Value::Null => self.null = true,
            Value::Bool(_) => self.truth = true,
            Value::Number(_) => self.number = true,
            Value::String(_) => self.text = true,
            Value::Array(items) => {
                let shape = self.items.get_or_insert_default();
                items.iter().for_each(|item| shape.add(item));
            }
            Value::Object(members) => {
                self.objects += 1;
                for (name, member) in members {
                    let field = self.fields.entry(name.clone()).or_default();
                    field.seen += 1;
                    field.shape.add(member);
                }
            }
        }
    }

    /// A field, and whether every object had it with a value.
    pub(super) fn field(&self, name: &str) -> Option<(&Shape, bool)> {
        let field = self.fields.get(name)?;
        let always = field.seen == self.objects && !field.shape.null && self.is_object_only();
        Some((&field.shape, always))
    }

    pub(super) fn is_object(&self) -> bool {
        self.objects > 0
    }

    fn is_object_only(&self) -> bool {
        self.items.is_none() && !self.truth && !self.text && !self.number
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;
    use serde_json::json;

    #[test]
    fn a_sample_tells_what_is_always_there() {
        let shape = Shape::of(
            &json!({"rows": [{"a": 1, "b": true}, {"a": null}, {"b": false}], "c": {"d": "x"}}),
        );
        let (rows, always) = shape.field("rows").unwrap();
        assert!(always);
        let row = rows.items.as_deref().unwrap();
        assert!(!row.field("a").unwrap().1, "null once, missing once");
        let (b, always) = row.field("b").unwrap();
        assert!(b.truth && !always);
        assert!(shape.field("c").unwrap().0.is_object());
        assert!(shape.field("c").unwrap().0.field("d").unwrap().1);
        assert_eq!(shape.field("e"), None);
    }
}
