//! `x-text`, which the algebra of schemas does not know.

use std::collections::BTreeMap;

use serde_json::Value;

/// The class of a text that names none.
const DEFAULT: &str = "line";

/// Whether every text of `narrow` is of a class that `wide` accepts at the same place of the schema. A text that `wide`
/// has in no such place, or in another one, counts as not shown.
pub(super) fn cover(wide: &Value, narrow: &Value) -> bool {
    let (mut wider, mut narrower) = (BTreeMap::new(), BTreeMap::new());
    collect(wide, "", &mut wider);
    collect(narrow, "", &mut narrower);
    narrower.iter().all(|(place, class)| {
        wider
            .get(place)
            .is_some_and(|wide_class| includes(wide_class, class))
    })
}

/// The classes of two schemas of a text, when the new one is narrower.
pub(super) fn narrowed<'a>(old: &'a Value, new: &'a Value) -> Option<(&'a str, &'a str)> {
    let (was, is) = (class_of(old)?, class_of(new)?);
    (!includes(is, was)).then_some((was, is))
}

fn includes(wide: &str, narrow: &str) -> bool {
    match wide {
        "block" => true,
        "line" => narrow != "block",
        "ident" => matches!(narrow, "ident" | "opaque-b64"),
        same => same == narrow,
    }
}

/// The class of a schema that decides about texts itself; the sanitizer gives each such schema a class.
fn class_of(schema: &Value) -> Option<&str> {
    let named = schema.get("x-text").and_then(Value::as_str);
    named.or_else(|| may_be_text(schema).then_some(DEFAULT))
}

fn may_be_text(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
        _ => false,
    }
}

fn collect<'a>(schema: &'a Value, place: &str, classes: &mut BTreeMap<String, &'a str>) {
    if let Some(class) = class_of(schema) {
        classes.insert(place.to_owned(), class);
    }
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                if !matches!(key.as_str(), "const" | "enum" | "default" | "examples") {
                    collect(value, &format!("{place}/{key}"), classes);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{place}/{index}"), classes);
            }
        }
        _ => {}
    }
}
