//! The files of the flows in force: where they are, how they are replaced, and what they come to.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use crate::credentials::store::put_private;

/// Where nodes stand and how large they are drawn changes nothing of what they do.
const DRAWN: [&str; 4] = ["x", "y", "w", "h"];
/// Longer files are not those of Node-RED.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The files of flows and of their credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) flows: PathBuf,
    pub(super) credentials: PathBuf,
}

impl Place {
    /// Of the Node-RED in a folder: `storage/` where it keeps them with the storage of `deploy/node-red`, else as its own does.
    pub(super) fn of(user_dir: &Path) -> Self {
        let storage = user_dir.join("storage");
        match storage.is_dir() {
            true => Self {
                flows: storage.join("flows.json"),
                credentials: storage.join("credentials.json"),
            },
            false => Self {
                flows: user_dir.join("flows.json"),
                credentials: user_dir.join("flows_cred.json"),
            },
        }
    }
}

/// Puts a file in the place of another, whole; where the first is missing the other goes. Blocks.
pub(super) fn put(from: &Path, to: &Path) -> io::Result<()> {
    match read(from)? {
        Some(bytes) => put_private(to, &bytes).map_err(io::Error::other),
        None => remove(to),
    }
}

/// A whole file; none where there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!("more than {BYTES_MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// Removes a file that may be there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// What the flows of a file do, as one SHA-256: order, spacing and drawing make no difference. None where there are none.
/// One node at a time is in memory. Blocks.
pub(super) fn fingerprint(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let reader = BufReader::new(file.take(BYTES_MAX));
    let mut nodes = serde_json::Deserializer::from_reader(reader);
    let mut digests = nodes.deserialize_seq(Nodes).map_err(io::Error::other)?;
    digests.sort_unstable();
    let mut whole = Sha256::new();
    for digest in &digests {
        whole.update(digest);
    }
    Ok(Some(hex::encode(&whole.finalize())))
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
            fingerprint(&path).unwrap().unwrap()
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
    fn what_is_not_there_has_none_and_what_are_no_flows_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flows.json");
        assert_eq!(fingerprint(&path).unwrap(), None);
        for text in ["", "{}", "[1]", "[{}"] {
            std::fs::write(&path, text).unwrap();
            assert!(fingerprint(&path).is_err(), "{text}");
        }
    }

    #[test]
    fn files_are_replaced_whole_and_go_with_their_pattern() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("from"), "new").unwrap();
        std::fs::write(at("to"), "old").unwrap();
        put(&at("from"), &at("to")).unwrap();
        assert_eq!(std::fs::read(at("to")).unwrap(), b"new");
        put(&at("none"), &at("to")).unwrap();
        assert!(!at("to").exists());
        put(&at("none"), &at("to")).unwrap();
    }

    #[test]
    fn the_place_follows_the_storage() {
        let folder = tempfile::tempdir().unwrap();
        let own = Place::of(folder.path());
        assert_eq!(own.flows, folder.path().join("flows.json"));
        std::fs::create_dir(folder.path().join("storage")).unwrap();
        let kept = Place::of(folder.path());
        assert_eq!(
            kept.credentials,
            folder.path().join("storage/credentials.json")
        );
    }
}
