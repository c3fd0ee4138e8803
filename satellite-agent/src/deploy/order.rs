//! What a deploy's command says; pure.

use bytes::Bytes;
use spokegate_contract::cbor::{ReadError, Reader};
use spokegate_contract::limits::{ID_BYTES_MAX, PARCEL_BYTES_MAX};
use spokegate_contract::{FlowSetId, hex};

use crate::parcel::Content;

/// Members of the arguments.
const MEMBERS: usize = 4;
/// SHA-256 in hexadecimal.
const DIGEST_CHARS: usize = 64;

/// One version of one flow set.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlowSet {
    pub(super) name: FlowSetId,
    pub(super) version: u64,
}

impl std::fmt::Display for FlowSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Say what runs.
    Look,
    /// Put these flows in force.
    Deploy(FlowSet, Content),
}

/// Reads the arguments: `{}` to look, or `{name, version, bytes, sha256}`.
pub(super) fn read(args: &Bytes) -> Result<Wanted, String> {
    members(args).map_err(|error| format!("the arguments of the deploy: {error}"))?
}

fn members(args: &Bytes) -> Result<Result<Wanted, String>, ReadError> {
    let mut reader = Reader::new(args.clone());
    let mut map = reader.map(MEMBERS)?;
    let name = map.optional("name")?;
    let name = name.map(|name| name.text(ID_BYTES_MAX)).transpose()?;
    let Some(name) = name else {
        map.finish()?;
        reader.finish()?;
        return Ok(Ok(Wanted::Look));
    };
    let bytes = map.required("bytes")?.unsigned(PARCEL_BYTES_MAX)?;
    let digest = map.required("sha256")?.text(DIGEST_CHARS)?;
    let version = map.required("version")?.unsigned(i64::MAX as u64)?;
    map.finish()?;
    reader.finish()?;
    let digest = hex::decode_array(&digest);
    Ok(match (name.parse(), digest) {
        (Ok(name), Some(digest)) => {
            let set = FlowSet { name, version };
            Ok(Wanted::Deploy(set, Content { digest, bytes }))
        }
        (Err(error), _) => Err(format!("the arguments of the deploy: name: {error}")),
        (_, None) => Err("the arguments of the deploy: sha256 is no SHA-256".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use spokegate_contract::cbor;

    use super::*;

    #[track_caller]
    fn check(args: &Value, expected: Option<&str>) {
        let mut bytes = Vec::new();
        cbor::from_json(args, &mut bytes).unwrap();
        match (read(&bytes.into()), expected) {
            (Ok(Wanted::Look), Some(expected)) => assert_eq!(expected, "look"),
            (Ok(Wanted::Deploy(set, content)), Some(expected)) => {
                assert_eq!(format!("{set} {}", content.bytes), expected);
            }
            (Err(_), None) => {}
            (read, expected) => panic!("{read:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn arguments_name_a_version_whole_or_nothing() {
        let sha256 = "ab".repeat(32);
        let whole = json!({ "name": "office", "version": 3, "bytes": 10, "sha256": sha256 });
        check(&json!({}), Some("look"));
        check(&whole, Some("office@3 10"));
        let with = |key: &str, value: Value| {
            let mut args = whole.clone();
            args[key] = value;
            args
        };
        check(
            &with("bytes", json!(PARCEL_BYTES_MAX)),
            Some(&format!("office@3 {PARCEL_BYTES_MAX}")),
        );
        check(&with("bytes", json!(PARCEL_BYTES_MAX + 1)), None);
        check(&with("sha256", json!("ab")), None);
        check(&with("sha256", json!("xy".repeat(32))), None);
        check(&with("version", json!("3")), None);
        check(&with("name", json!("n".repeat(ID_BYTES_MAX + 1))), None);
        check(
            &with("name", json!("n".repeat(ID_BYTES_MAX))),
            Some(&format!("{}@3 10", "n".repeat(ID_BYTES_MAX))),
        );
        check(&with("name", json!("../x")), None);
        check(&json!({ "name": "office" }), None);
        check(&json!({ "more": 1 }), None);
    }
}
