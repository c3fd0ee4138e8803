//! What flows come to, so that those in force can be compared with those that were deployed.

use std::fs::File;
use std::io::{self, BufReader};

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

/// Where nodes stand and how large they are drawn changes nothing of what they do.
const DRAWN: [&str; 4] = ["x", "y", "w", "h"];
/// What the flows of a file do, as one SHA-256: order, spacing and drawing make no difference.
/// One node at a time is in memory. Blocks.
pub(super) fn fingerprint(file: File) -> io::Result<String> {
    let mut nodes = serde_json::Deserializer::from_reader(BufReader::new(file));
    let mut digests = nodes.deserialize_seq(Nodes).map_err(io::Error::other)?;
    digests.sort_unstable();
    let mut whole = Sha256::new();
    for digest in &digests {
        whole.update(digest);
    }
    Ok(hex::encode(&whole.finalize()))
}

/// Reads an array of nodes into their digests.
struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Vec<[u8; 32]>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of nodes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut digests = Vec::new();
        while let Some(mut node) = sequence.next_element::<Map<String, Value>>()? {
            for name in DRAWN {
                node.remove(name);
            }
            let mut node = Value::Object(node);
            node.sort_all_objects();
            digests.push(Sha256::digest(node.to_string()).into());
        }
        Ok(digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(one: &str, other: &str, expected: bool) {
        let folder = tempfile::tempdir().unwrap();
        let print = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            fingerprint(File::open(&path).unwrap()).unwrap()
        };
        assert_eq!(
            print("a", one) == print("b", other),
            expected,
            "{one} {other}"
        );
    }

    #[test]
    fn flows_that_do_the_same_have_one_fingerprint() {
        let one =
            r#"[{"id":"a","type":"tab"},{"id":"b","type":"inject","x":1,"y":2,"wires":[["a"]]}]"#;
        same(
            one,
            r#"[ {"type":"inject", "id":"b", "wires":[["a"]], "x":9, "y":9}, {"id":"a","type":"tab"} ]"#,
            true,
        );
        same(
            one,
            r#"[{"id":"a","type":"tab"},{"id":"b","type":"inject","wires":[[]]}]"#,
            false,
        );
        same(one, r#"[{"id":"a","type":"tab"}]"#, false);
        same("[]", "[]", true);
    }

    #[test]
    fn what_are_no_flows_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flows.json");
        for text in ["", "{}", "[1]", "[{}"] {
            std::fs::write(&path, text).unwrap();
            assert!(fingerprint(File::open(&path).unwrap()).is_err(), "{text}");
        }
    }
}
