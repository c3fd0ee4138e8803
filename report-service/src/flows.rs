//! Versions of what a satellite's Node-RED keeps: how a snapshot is put together out of the rows of pushes
//! (`node-red-storage`), and what one version changes against the one before. Pure.

pub mod changes;

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use serde::Deserialize;
use serde_json::Value;
use spokegate_contract::hex;

pub use changes::{Changes, Count};

/// The dataset that brings them.
pub const DATASET: &str = "node-red-storage";
/// The version of its contract that is read here.
pub const VERSION: u16 = 1;
/// Characters of all rows of a snapshot.
pub const TEXT_MAX: u64 = 4_194_304;

/// A row of a push, as its contract says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// The snapshot that it is a piece of: its SHA-256.
    pub snapshot: String,
    /// Which row, from 0.
    pub row: u32,
    /// How many rows there are.
    pub rows: u32,
    /// `flows`, `credentials`, `settings` or `library`.
    pub item: String,
    /// Of an entry of the library its type and path.
    pub path: String,
    /// Which part of its item's text, from 0.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// The part.
    pub text: String,
}

/// Why rows are no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// They do not make the SHA-256 that they name.
    #[error("its rows are not what its SHA-256 says")]
    Digest,
    /// An item has too few parts, too many, or in another order.
    #[error("an item's parts are not in order")]
    Parts,
    /// An item is no JSON, or there are no flows.
    #[error("an item is not what belongs there")]
    Content,
}

/// A snapshot that is whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The nodes, as Node-RED imports them.
    pub flows: Vec<Value>,
    /// The nodes that have credentials, by id; which, stays in the segment.
    pub credentialed: Vec<String>,
    /// Node-RED and its modules with their versions.
    pub modules: BTreeMap<String, String>,
    /// The library: text by type and path.
    pub library: BTreeMap<String, String>,
    /// Characters of all rows.
    pub size: u64,
}

#[derive(Deserialize)]
struct Credentials {
    nodes: Vec<String>,
}

#[derive(Deserialize)]
struct Settings {
    modules: BTreeMap<String, String>,
}

impl Snapshot {
    /// Puts all rows of a snapshot together, in their order.
    ///
    /// # Errors
    /// When they are none.
    pub fn of(id: &str, rows: &[Row]) -> Result<Self, SnapshotFault> {
        let items = items(rows)?;
        if digest(&items) != id {
            return Err(SnapshotFault::Digest);
        }
        let mut found = Self {
            flows: Vec::new(),
            credentialed: Vec::new(),
            modules: BTreeMap::new(),
            library: BTreeMap::new(),
            size: items.iter().map(|item| item.text.len() as u64).sum(),
        };
        let mut has_flows = false;
        for item in &items {
            match item.name {
                "flows" => {
                    found.flows = json(&item.text)?;
                    has_flows = true;
                }
                "credentials" => found.credentialed = json::<Credentials>(&item.text)?.nodes,
                "settings" => found.modules = json::<Settings>(&item.text)?.modules,
                _ => {
                    found
                        .library
                        .insert(item.path.to_owned(), json(&item.text)?);
                }
            }
        }
        has_flows.then_some(found).ok_or(SnapshotFault::Content)
    }

    /// All of it as one JSON document.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "flows": self.flows, "credentials": self.credentialed, "modules": self.modules, "library": self.library,
        })
    }
}

/// An item out of its parts.
struct Item<'a> {
    name: &'a str,
    path: &'a str,
    text: String,
}

fn items(rows: &[Row]) -> Result<Vec<Item<'_>>, SnapshotFault> {
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut next = (0, 0);
    for (place, row) in rows.iter().enumerate() {
        let begins = row.part == 0;
        let fits = u32::try_from(place) == Ok(row.row)
            && if begins {
                next.0 == next.1
            } else {
                (row.part, row.parts) == next
            };
        if !fits {
            return Err(SnapshotFault::Parts);
        }
        match items.last_mut().filter(|_| !begins) {
            Some(item) if (item.name, item.path) == (&row.item, &row.path) => {
                item.text.push_str(&row.text);
            }
            Some(_) => return Err(SnapshotFault::Parts),
            None => items.push(Item {
                name: &row.item,
                path: &row.path,
                text: row.text.clone(),
            }),
        }
        next = (row.part.saturating_add(1), row.parts);
    }
    (next.0 == next.1)
        .then_some(items)
        .ok_or(SnapshotFault::Parts)
}

fn digest(items: &[Item<'_>]) -> String {
    let mut context = Context::new(&SHA256);
    for Item { name, path, text } in items {
        context.update(format!("{name}\n{path}\n{}\n", text.len()).as_bytes());
        context.update(text.as_bytes());
    }
    hex::encode(context.finish().as_ref())
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, SnapshotFault> {
    serde_json::from_str(text).map_err(|_| SnapshotFault::Content)
}

#[cfg(test)]
pub(crate) mod tests;
