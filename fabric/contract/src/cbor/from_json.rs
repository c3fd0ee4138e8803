//! JSON values as deterministic CBOR: the profile of the wire, produced at the source.

use std::fmt::Write as _;

use serde_json::{Number, Value};

use super::Writer;
use crate::limits::{
    ARRAY_ITEMS_MAX, DEPTH_MAX, INTEGER_MAX, KEY_BYTES_MAX, MAP_ENTRIES_MAX, STRING_BYTES_HARD_MAX,
};
use crate::text;

/// What cannot be sent, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at {}", if .pointer.is_empty() { "the top" } else { .pointer })]
pub struct EncodeError {
    /// JSON Pointer (RFC 6901) to the value.
    pub pointer: String,
    /// What is wrong with it.
    pub reason: EncodeReason,
}

/// Why a value cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeReason {
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nesting deeper than {DEPTH_MAX} levels")]
    Depth,
    /// A text longer than [`STRING_BYTES_HARD_MAX`].
    #[error("a text longer than {STRING_BYTES_HARD_MAX} bytes")]
    Text,
    /// A key longer than [`KEY_BYTES_MAX`].
    #[error("a key longer than {KEY_BYTES_MAX} bytes")]
    Key,
    /// Two keys that are the same once normalised.
    #[error("two keys that are the same text")]
    TwinKeys,
    /// More than [`MAP_ENTRIES_MAX`] entries.
    #[error("an object with more than {MAP_ENTRIES_MAX} members")]
    Members,
    /// More than [`ARRAY_ITEMS_MAX`] items.
    #[error("an array with more than {ARRAY_ITEMS_MAX} items")]
    Items,
    /// A number beyond ±(2^53 - 1).
    #[error("a number beyond ±9007199254740991")]
    Number,
}

/// Appends `value` to `out`. Texts are cleaned ([`text::clean`]), keys sorted, whole floats become integers.
///
/// On an error `out` holds a part of the value; the caller cuts it back.
pub fn from_json(value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    write(value, 0, out).map_err(|(reason, reversed)| {
        let pointer = reversed
            .iter()
            .rev()
            .fold(String::new(), |mut pointer, step| {
                let step = step.replace('~', "~0").replace('/', "~1");
                let _ = write!(pointer, "/{step}");
                pointer
            });
        EncodeError { pointer, reason }
    })
}

/// The steps to the fault, innermost first.
type Fault = (EncodeReason, Vec<String>);

fn fault(reason: EncodeReason) -> Fault {
    (reason, Vec::new())
}

fn at(step: impl ToString) -> impl FnOnce(Fault) -> Fault {
    move |(reason, mut steps)| {
        steps.push(step.to_string());
        (reason, steps)
    }
}

fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let inner = depth.saturating_add(1);
    match value {
        Value::Null => Writer::new(out).null(),
        Value::Bool(value) => Writer::new(out).bool(*value),
        Value::Number(number) => write_number(number, out)?,
        Value::String(value) => {
            let value = text::clean(value);
            if value.len() > STRING_BYTES_HARD_MAX {
                return Err(fault(EncodeReason::Text));
            }
            Writer::new(out).text(&value);
        }
        Value::Array(_) | Value::Object(_) if inner > DEPTH_MAX => {
            return Err(fault(EncodeReason::Depth));
        }
        Value::Array(items) => {
            if items.len() > ARRAY_ITEMS_MAX {
                return Err(fault(EncodeReason::Items));
            }
            Writer::new(out).array(items.len());
            for (index, item) in items.iter().enumerate() {
                write(item, inner, out).map_err(at(index))?;
            }
        }
        Value::Object(members) => write_map(members, inner, out)?,
    }
    Ok(())
}

fn write_map(
    members: &serde_json::Map<String, Value>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    if members.len() > MAP_ENTRIES_MAX {
        return Err(fault(EncodeReason::Members));
    }
    let mut sorted: Vec<_> = members
        .iter()
        .map(|(key, value)| (text::clean(key), value))
        .collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
    Writer::new(out).map(sorted.len());
    let mut previous = None;
    for (key, value) in &sorted {
        if key.len() > KEY_BYTES_MAX {
            return Err(at(text::one_line(key, KEY_BYTES_MAX))(fault(
                EncodeReason::Key,
            )));
        }
        if previous == Some(key) {
            return Err(at(key)(fault(EncodeReason::TwinKeys)));
        }
        previous = Some(key);
        Writer::new(out).text(key);
        write(value, depth, out).map_err(at(key))?;
    }
    Ok(())
}

fn write_number(number: &Number, out: &mut Vec<u8>) -> Result<(), Fault> {
    if let Some(value) = number.as_i64()
        && value.unsigned_abs() <= INTEGER_MAX
    {
        Writer::new(out).integer(value);
        return Ok(());
    }
    let value = match number.as_f64() {
        Some(value) if number.is_f64() && value.is_finite() => value,
        _ => return Err(fault(EncodeReason::Number)),
    };
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact as a float")]
    let most = INTEGER_MAX as f64;
    if value.abs() > most {
        return Err(fault(EncodeReason::Number));
    }
    if value.fract() == 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        Writer::new(out).integer(value as i64);
    } else {
        Writer::new(out).float(value);
    }
    Ok(())
}
