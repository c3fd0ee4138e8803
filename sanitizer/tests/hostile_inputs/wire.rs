//! Payloads, right and wrong.

use super::attacks::REQUEST;
use super::cbor::{head, map, text};
use bytes::Bytes;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::{Part, Reply};

/// A reply with a body, as an agent writes it.
pub(crate) fn reply(body: Vec<u8>) -> Vec<u8> {
    let part = Part::Rows {
        body: Bytes::from(body),
        last: None,
    };
    Reply {
        id: REQUEST,
        sequence: 0,
        captured_at_ms: None,
        part,
    }
    .encode()
}

/// Members of an envelope by name, in the order in which they are written.
#[derive(Debug, Clone)]
pub(crate) struct Members(Vec<(String, Vec<u8>)>);

impl Members {
    pub(crate) fn new(members: &[(&str, Vec<u8>)]) -> Members {
        Members(
            members
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    /// Those of a reply that is accepted.
    pub(crate) fn of_reply() -> Members {
        Members::new(&[
            ("v", head(0, 1)),
            ("id", text(&REQUEST.to_string())),
            ("body", bytes(&[0x80])),
            ("shape", text("rows")),
            ("sequence", head(0, 0)),
        ])
    }

    /// Those of a push that is accepted.
    pub(crate) fn of_push() -> Members {
        Members::new(&[
            ("v", head(0, 1)),
            ("body", bytes(&[0x80])),
            ("epoch", head(0, 1)),
            ("shape", text("rows")),
            ("version", head(0, 1)),
            ("captured", head(0, 1)),
            ("sequence", head(0, 1)),
        ])
    }

    pub(crate) fn with(&self, name: &str, value: Vec<u8>) -> Members {
        let mut changed = self.clone();
        for (member, old) in &mut changed.0 {
            if member == name {
                old.clone_from(&value);
            }
        }
        changed
    }

    pub(crate) fn without(&self, name: &str) -> Members {
        let mut changed = self.clone();
        changed.0.retain(|(member, _)| member != name);
        changed
    }

    pub(crate) fn inserted(&self, at: usize, name: &str, value: Vec<u8>) -> Members {
        let mut changed = self.clone();
        changed.0.insert(at, (name.to_owned(), value));
        changed
    }

    pub(crate) fn swapped(&self, one: usize, other: usize) -> Members {
        let mut changed = self.clone();
        changed.0.swap(one, other);
        changed
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let members: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| (text(name), value.clone()))
            .collect();
        map(&members)
    }
}

/// A byte string.
pub(crate) fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len() as u64), bytes.to_vec()].concat()
}
