//! A sanitizer for tests: a real HTTPS server with client certificates that speaks the second hop's wire. And stores of
//! both kinds.

mod certificates;
pub(crate) mod configuration;
pub(crate) mod directory;
mod ports;
mod sanitizer;
pub(crate) mod storage;
mod stores;
mod waits;
mod wire;
mod word;

pub(crate) use ports::free_port;
pub(crate) use sanitizer::{Identity, Sanitizer};
pub(crate) use storage::Storage;
pub(crate) use stores::{TestStore, stores};
pub(crate) use word::{word, word_with};

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub(crate) fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// A row of the dataset `devices`.
pub(crate) fn device(hostname: &str) -> Value {
    json!({
        "hostname": hostname, "ip": "10.0.0.1", "kind": "server", "last_seen": "2026-11-20T06:15:00Z", "online": true,
        "os": "Debian", "os_version": "13", "owner": "IT",
    })
}
