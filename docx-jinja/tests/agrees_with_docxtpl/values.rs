//! Values for our side, out of the same JSON that docxtpl's side reads.

use docx_jinja::Value;
use serde_json::Value as Json;

/// A value for the engine.
pub(crate) fn of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(of).collect(),
        Json::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(key, value)| (key.clone(), of(value))))
        }
    }
}
