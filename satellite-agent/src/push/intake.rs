//! What may be pushed, and the CBOR that it becomes. Pure.

use bytes::Bytes;
use serde_json::Value;
use spokegate_contract::limits::{CHUNK_BYTES_MAX, CHUNK_ROWS_MAX};
use spokegate_contract::{Shape, cbor};

/// JSON bytes of one push; more could not fit a message once encoded, except as white space.
pub(crate) const PUSH_JSON_BYTES_MAX: usize = 1_048_576;

/// Why a push is refused. The text is for whoever wrote the flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IntakeFault {
    #[error("the body is not JSON: {0}")]
    Syntax(String),
    #[error("the body is {found}; allowed is {expected}")]
    Shape {
        found: &'static str,
        expected: &'static str,
    },
    #[error("row {0} is not an object; hint: send an array of objects, one for each row")]
    Row(usize),
    #[error("the body cannot be sent: {0}")]
    Value(String),
    #[error(
        "the body has {rows} rows, at most {CHUNK_ROWS_MAX} fit one push; hint: push it in parts, or let it be pulled"
    )]
    Rows { rows: usize },
    #[error(
        "the body has {bytes} bytes once encoded, at most {CHUNK_BYTES_MAX} fit one push; \
         hint: push it in parts, or let it be pulled"
    )]
    Bytes { bytes: usize },
}

impl IntakeFault {
    /// Whether the push is well made and merely too large.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Rows { .. } | Self::Bytes { .. })
    }
}

/// The body of a push, checked and encoded. Nothing is split: one request is one push.
pub(crate) fn encode(json: &[u8], shape: Shape) -> Result<Bytes, IntakeFault> {
    let value: Value =
        serde_json::from_slice(json).map_err(|error| IntakeFault::Syntax(error.to_string()))?;
    match (shape, &value) {
        (Shape::Rows, Value::Array(rows)) => check_rows(rows)?,
        (Shape::Document, Value::Object(_)) => {}
        (Shape::Rows, other) => {
            return Err(IntakeFault::Shape {
                found: kind_of(other),
                expected: "an array of objects, one for each row",
            });
        }
        (Shape::Document, other) => {
            return Err(IntakeFault::Shape {
                found: kind_of(other),
                expected: "one object",
            });
        }
    }
    let mut body = Vec::with_capacity(json.len().min(CHUNK_BYTES_MAX));
    cbor::from_json(&value, &mut body).map_err(|error| IntakeFault::Value(error.to_string()))?;
    if body.len() > CHUNK_BYTES_MAX {
        return Err(IntakeFault::Bytes { bytes: body.len() });
    }
    Ok(body.into())
}

fn check_rows(rows: &[Value]) -> Result<(), IntakeFault> {
    if rows.len() > CHUNK_ROWS_MAX {
        return Err(IntakeFault::Rows { rows: rows.len() });
    }
    match rows.iter().position(|row| !row.is_object()) {
        Some(index) => Err(IntakeFault::Row(index + 1)),
        None => Ok(()),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, shape: Shape, expected: Result<&[u8], &str>) {
        let encoded = encode(json.as_bytes(), shape).map_err(|fault| fault.to_string());
        assert_eq!(
            encoded,
            expected.map(Bytes::copy_from_slice).map_err(str::to_owned)
        );
    }

    #[test]
    fn rows_and_documents() {
        check("[]", Shape::Rows, Ok(b"\x80"));
        check(
            r#"[{"b":1,"a":1.0}]"#,
            Shape::Rows,
            Ok(b"\x81\xa2aa\x01ab\x01"),
        );
        check(r#"{"a":[]}"#, Shape::Document, Ok(b"\xa1aa\x80"));
    }

    #[test]
    fn what_is_refused_and_why() {
        check(
            "{",
            Shape::Rows,
            Err("the body is not JSON: EOF while parsing an object at line 1 column 1"),
        );
        check(
            "",
            Shape::Rows,
            Err("the body is not JSON: EOF while parsing a value at line 1 column 0"),
        );
        check(
            "[] x",
            Shape::Rows,
            Err("the body is not JSON: trailing characters at line 1 column 4"),
        );
        check(
            "{}",
            Shape::Rows,
            Err("the body is an object; allowed is an array of objects, one for each row"),
        );
        check(
            "[]",
            Shape::Document,
            Err("the body is an array; allowed is one object"),
        );
        check(
            "null",
            Shape::Document,
            Err("the body is null; allowed is one object"),
        );
        check(
            "[{},3]",
            Shape::Rows,
            Err("row 2 is not an object; hint: send an array of objects, one for each row"),
        );
        check(
            r#"[{"size":1e300}]"#,
            Shape::Rows,
            Err("the body cannot be sent: a number beyond ±9007199254740991 at /0/size"),
        );
    }

    #[test]
    fn size_is_counted_once_encoded() {
        let text = |bytes: usize| {
            let (most, rest) = ("x".repeat(60_000), "y".repeat(bytes - 120_000));
            format!("[{{\"a\":\"{most}\",\"b\":\"{most}\",\"c\":\"{rest}\"}}]")
        };
        // One head for the array, one for the map, three keys of two bytes, three text heads of three.
        let fits = CHUNK_BYTES_MAX - 17;
        assert_eq!(
            encode(text(fits).as_bytes(), Shape::Rows).map(|body| body.len()),
            Ok(CHUNK_BYTES_MAX)
        );
        let fault = encode(text(fits + 1).as_bytes(), Shape::Rows).unwrap_err();
        assert_eq!(
            fault,
            IntakeFault::Bytes {
                bytes: CHUNK_BYTES_MAX + 1
            }
        );
        assert!(fault.is_too_large());
        let rows = |count: usize| Value::from(vec![serde_json::json!({}); count]).to_string();
        assert!(encode(rows(CHUNK_ROWS_MAX).as_bytes(), Shape::Rows).is_ok());
        let fault = encode(rows(CHUNK_ROWS_MAX + 1).as_bytes(), Shape::Rows).unwrap_err();
        assert_eq!(
            fault,
            IntakeFault::Rows {
                rows: CHUNK_ROWS_MAX + 1
            }
        );
        assert!(fault.is_too_large());
    }
}
