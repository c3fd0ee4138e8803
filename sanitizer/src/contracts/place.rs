//! What a refusal may say of the data that it refuses.
//!
//! Members' names are data as soon as a contract does not name them itself, and so are values. Nothing of either leaves
//! the worker where the dataset holds personal data.

use crate::body::{Item, Node};
use serde_json::Value;
use spokegate_contract::text::is_forbidden;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Longest place that leaves the worker, in bytes.
const PLACE_BYTES_MAX: usize = 200;
/// Longest value that is shown, in characters.
const VALUE_CHARS_MAX: usize = 40;
/// Digits of the largest index of an array.
const INDEX_DIGITS_MAX: usize = 5;
/// Stands for a name that the contract does not know.
const MASK: &str = "*";

/// The names that a schema gives to members.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Gathers them from a schema.
    pub(super) fn of(schema: &Value) -> Names {
        let mut names = Names::default();
        names.gather(schema);
        names
    }

    fn gather(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => {
                for (keyword, value) in members {
                    if let ("properties", Value::Object(named)) = (keyword.as_str(), value) {
                        self.0.extend(named.keys().cloned());
                    }
                    self.gather(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.gather(item)),
            _ => {}
        }
    }

    /// A pointer in which only names of the contract and indexes stand as they are.
    pub(super) fn mask(&self, pointer: &str) -> String {
        let steps = pointer.split('/').skip(1).map(|step| {
            let known = self.0.contains(&plain(step)) || is_index(step);
            if known { step } else { MASK }
        });
        let masked = steps.fold(String::new(), |place, step| place + "/" + step);
        escaped(&masked)
    }
}

/// A text on one line, of printable characters, cut at 200 bytes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let before = out.len();
        // Writing into a text cannot fail.
        let _ = if c.is_control() || is_forbidden(c) {
            write!(out, "{}", c.escape_default())
        } else {
            write!(out, "{c}")
        };
        if out.len() > PLACE_BYTES_MAX {
            out.truncate(before);
            break;
        }
    }
    out
}

/// The value at a pointer when it is a short scalar.
pub(super) fn short_value(root: Node<'_>, pointer: &str) -> Option<String> {
    let mut node = root;
    for step in pointer.split('/').skip(1) {
        node = match node.item() {
            Item::Array { .. } => node.elements()?.nth(step.parse().ok()?)?,
            _ => {
                let name = plain(step);
                node.members()?.find(|(key, _)| **key == name)?.1
            }
        };
    }
    match node.item() {
        Item::Null => Some("null".into()),
        Item::Bool(value) => Some(value.to_string()),
        Item::Integer(value) => Some(value.to_string()),
        Item::Float(value) => Some(value.to_string()),
        Item::Text { text, .. } if text.chars().count() <= VALUE_CHARS_MAX => {
            Some(format!("\"{}\"", escaped(&text.replace('"', "\\\""))))
        }
        _ => None,
    }
}

/// A step of a pointer as the name that it stands for (RFC 6901 §4).
fn plain(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn is_index(step: &str) -> bool {
    (1..=INDEX_DIGITS_MAX).contains(&step.len()) && step.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::{BodyLimits, decode};
    use serde_json::json;

    #[test]
    fn names_that_the_contract_does_not_know_are_masked() {
        let names = Names::of(&json!({
            "properties": {"host": {}, "a/b": {"items": {"properties": {"size": {}}}}},
            "patternProperties": {"^.*$": {"properties": {"deep": {}}}},
        }));
        for (pointer, expected) in [
            ("", ""),
            ("/host", "/host"),
            ("/3/host", "/3/host"),
            ("/a~1b/19999/size", "/a~1b/19999/size"),
            ("/alice@example.net/deep", "/*/deep"),
            ("/0049301234567", "/*"),
            ("/host\n2026 ERROR forged", "/*"),
        ] {
            assert_eq!(names.mask(pointer), expected);
        }
    }

    #[test]
    fn a_place_is_one_line_of_printable_characters_and_bounded() {
        assert_eq!(escaped("/a\nb\t\u{202e}é"), "/a\\nb\\t\\u{202e}é");
        assert_eq!(escaped(&"é".repeat(101)), "é".repeat(100));
        assert_eq!(escaped(&format!("{}\n", "a".repeat(199))), "a".repeat(199));
        assert_eq!(escaped(&format!("{}\n", "a".repeat(198))).len(), 200);
    }

    #[test]
    fn only_a_short_scalar_is_shown() {
        let value = json!({
            "a": [1, 2.5, null, true, "say \"x\"\n"], "b~/": "é".repeat(40), "long": "é".repeat(41),
        });
        let mut body = Vec::new();
        spokegate_contract::cbor::from_json(&value, &mut body).unwrap();
        let tree = decode(&body, &BodyLimits::default()).unwrap();
        let shown = |pointer: &str| short_value(tree.root(), pointer);
        for (pointer, expected) in [
            ("/a/0", "1"),
            ("/a/1", "2.5"),
            ("/a/2", "null"),
            ("/a/3", "true"),
            ("/a/4", "\"say \\\"x\\\"\\n\""),
        ] {
            assert_eq!(shown(pointer).as_deref(), Some(expected));
        }
        assert_eq!(shown("/b~0~1"), Some(format!("\"{}\"", "é".repeat(40))));
        for pointer in ["", "/a", "/long", "/a/5", "/a/x", "/c", "/a/0/0"] {
            assert_eq!(shown(pointer), None, "{pointer}");
        }
    }
}
