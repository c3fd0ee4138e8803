//! Over the wire and back, through a decoder that is not ours.

use serde_json::{Map, Number, Value};

use crate::cbor;

/// Whether a value comes back as it went.
pub(super) fn check(value: &Value) -> Result<(), String> {
    let mut wire = Vec::new();
    cbor::from_json(value, &mut wire).map_err(|error| format!("cannot travel: {error}"))?;
    let read: ciborium::Value = ciborium::from_reader(wire.as_slice())
        .map_err(|error| format!("does not come back from the wire: {error}"))?;
    match back(read) {
        Some(read) if read == whole(value) => Ok(()),
        _ => Err(
            "comes back from the wire as another value; hint: write texts in Unicode form C and without control characters"
                .into(),
        ),
    }
}

fn back(value: ciborium::Value) -> Option<Value> {
    Some(match value {
        ciborium::Value::Null => Value::Null,
        ciborium::Value::Bool(value) => value.into(),
        ciborium::Value::Integer(value) => i64::try_from(value).ok()?.into(),
        ciborium::Value::Float(value) => Number::from_f64(value)?.into(),
        ciborium::Value::Text(value) => value.into(),
        ciborium::Value::Array(items) => {
            Value::Array(items.into_iter().map(back).collect::<Option<_>>()?)
        }
        ciborium::Value::Map(members) => members
            .into_iter()
            .map(|(key, value)| Some((key.into_text().ok()?, back(value)?)))
            .collect::<Option<Map<_, _>>>()?
            .into(),
        _ => return None,
    })
}

/// The value with whole floats as integers, which is how they travel.
fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
            Some(float) if number.is_f64() && float.fract() == 0.0 => (float as i64).into(),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(whole).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), whole(value)))
            .collect::<Map<_, _>>()
            .into(),
        scalar => scalar.clone(),
    }
}
