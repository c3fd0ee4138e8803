//! A pull's parameters: from the wire's CBOR to JSON, and from JSON to a URL's query.

use serde_json::{Map, Number, Value};
use spokegate_contract::limits::DEPTH_MAX;
use url::Url;

/// Parameters that are not one CBOR map of the wire's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parameters are not readable")]
pub(crate) struct ParamsError;

/// Reads the parameters of a request.
pub(crate) fn decode(cbor: &[u8]) -> Result<Map<String, Value>, ParamsError> {
    let mut input = Input(cbor);
    match (input.value(0)?, input.0) {
        (Value::Object(params), []) => Ok(params),
        _ => Err(ParamsError),
    }
}

/// Puts the parameters behind whatever query the URL has: texts bare, all else as JSON.
pub(crate) fn append(url: &mut Url, params: &Map<String, Value>) {
    if params.is_empty() {
        return;
    }
    let mut pairs = url.query_pairs_mut();
    for (key, value) in params {
        match value {
            Value::String(text) => pairs.append_pair(key, text),
            other => pairs.append_pair(key, &other.to_string()),
        };
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ParamsError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ParamsError)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ParamsError> {
        self.take(N)?.try_into().map_err(|_| ParamsError)
    }

    fn argument(&mut self, info: u8) -> Result<u64, ParamsError> {
        Ok(match info {
            0..=23 => info.into(),
            24 => u8::from_be_bytes(self.array()?).into(),
            25 => u16::from_be_bytes(self.array()?).into(),
            26 => u32::from_be_bytes(self.array()?).into(),
            27 => u64::from_be_bytes(self.array()?),
            _ => return Err(ParamsError),
        })
    }

    fn length(&mut self, info: u8) -> Result<usize, ParamsError> {
        let length = usize::try_from(self.argument(info)?).map_err(|_| ParamsError)?;
        // Every item has at least one byte, so a longer claim is false and must not reserve memory.
        if length > self.0.len() {
            Err(ParamsError)
        } else {
            Ok(length)
        }
    }

    fn text(&mut self, info: u8) -> Result<String, ParamsError> {
        let length = self.length(info)?;
        std::str::from_utf8(self.take(length)?)
            .map(str::to_owned)
            .map_err(|_| ParamsError)
    }

    fn value(&mut self, depth: usize) -> Result<Value, ParamsError> {
        if depth > DEPTH_MAX {
            return Err(ParamsError);
        }
        let [head] = self.array()?;
        let info = head & 0x1f;
        Ok(match head >> 5 {
            0 => self.argument(info)?.into(),
            1 => i64::try_from(self.argument(info)?)
                .map(|n| (-1 - n).into())
                .map_err(|_| ParamsError)?,
            3 => Value::String(self.text(info)?),
            4 => {
                let length = self.length(info)?;
                (0..length)
                    .map(|_| self.value(depth + 1))
                    .collect::<Result<Vec<_>, _>>()?
                    .into()
            }
            5 => {
                let length = self.length(info)?;
                (0..length)
                    .map(|_| self.entry(depth))
                    .collect::<Result<Map<_, _>, _>>()?
                    .into()
            }
            7 => self.simple(head)?,
            _ => return Err(ParamsError),
        })
    }

    fn entry(&mut self, depth: usize) -> Result<(String, Value), ParamsError> {
        let [head] = self.array()?;
        if head >> 5 != 3 {
            return Err(ParamsError);
        }
        Ok((self.text(head & 0x1f)?, self.value(depth + 1)?))
    }

    fn simple(&mut self, head: u8) -> Result<Value, ParamsError> {
        let float = match head {
            0xf4 => return Ok(Value::Bool(false)),
            0xf5 => return Ok(Value::Bool(true)),
            0xf6 => return Ok(Value::Null),
            0xf9 => half(u16::from_be_bytes(self.array()?)),
            0xfa => f32::from_be_bytes(self.array()?).into(),
            0xfb => f64::from_be_bytes(self.array()?),
            _ => return Err(ParamsError),
        };
        Number::from_f64(float)
            .map(Value::Number)
            .ok_or(ParamsError)
    }
}

/// IEEE 754 half precision (RFC 8949 appendix D).
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let size = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 => f64::INFINITY,
        _ => (1.0 + mantissa / 1024.0) * 2f64.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use spokegate_contract::cbor;

    #[track_caller]
    fn check(params: Value, expected_url: &str) {
        let mut cbor = Vec::new();
        cbor::from_json(&params, &mut cbor).unwrap();
        let decoded = decode(&cbor).unwrap();
        assert_eq!(Value::Object(decoded.clone()), params);
        let mut url: Url = "http://127.0.0.1:1880/a?fixed=1".parse().unwrap();
        append(&mut url, &decoded);
        assert_eq!(url.as_str(), expected_url);
        for end in 0..cbor.len() {
            assert_eq!(decode(&cbor[..end]), Err(ParamsError), "cut to {end}");
        }
        cbor.push(0);
        assert_eq!(decode(&cbor), Err(ParamsError));
    }

    #[test]
    fn parameters_reach_the_query() {
        check(json!({}), "http://127.0.0.1:1880/a?fixed=1");
        check(
            json!({"kind": "a&b=c #é", "limit": 1_000_000, "only": true}),
            "http://127.0.0.1:1880/a?fixed=1&kind=a%26b%3Dc+%23%C3%A9&only=true&limit=1000000",
        );
        check(
            json!({"f": -1.5, "n": null, "o": {"a": [1, -500, 0.1]}}),
            "http://127.0.0.1:1880/a?fixed=1&f=-1.5&n=null&o=%7B%22a%22%3A%5B1%2C-500%2C0.1%5D%7D",
        );
    }

    #[test]
    fn only_a_map_of_the_profile_is_read() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0x01],
            &[0xa1, 0x01, 0x01],
            &[0xa1, 0x41, b'a', 0x01],
            &[0xa1, 0x61, b'a', 0xf9, 0x7c, 0x00],
            &[0xbf, 0xff],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xa1, 0x61, 0xff, 0x01],
        ] {
            assert_eq!(decode(bytes), Err(ParamsError), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
            let _ = decode(&[&[0x81; 40][..], &bytes].concat());
        }
    }
}
