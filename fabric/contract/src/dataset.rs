//! Dataset contracts: what `schemas/` says that a segment can supply.

mod bundle;
mod registry;
mod tenants;

pub use bundle::{BundleError, Common, SCHEMA_BASE};
pub use registry::{Override, Registry, RegistryError};

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ids::DatasetId;
use crate::limits::{PULL_BYTES_MAX, PULL_ROWS_MAX};

/// Whether a dataset is a table or one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Any number of rows, each an object.
    Rows,
    /// One object.
    Document,
}

impl Shape {
    /// The shape as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Document => "document",
        }
    }

    /// The shape of a wire text.
    pub fn from_wire(text: &str) -> Option<Self> {
        [Self::Rows, Self::Document]
            .into_iter()
            .find(|shape| shape.as_str() == text)
    }
}

/// How a dataset travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The centre asks.
    Pull,
    /// The segment sends.
    Push,
}

/// Most that one answer, or one push, may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetLimits {
    /// Rows; a document counts as one.
    pub rows: u64,
    /// Body bytes on the wire.
    pub bytes: u64,
}

impl Default for DatasetLimits {
    fn default() -> Self {
        Self {
            rows: PULL_ROWS_MAX,
            bytes: PULL_BYTES_MAX,
        }
    }
}

/// Whether a major version is still meant for new use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In use.
    Current,
    /// Served, but to be left: a newer major takes its place.
    Deprecated,
}

impl Status {
    /// The status as it stands in the index.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Deprecated => "deprecated",
        }
    }
}

/// One major version of a dataset.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Its name.
    pub id: DatasetId,
    /// Its major version.
    pub version: u16,
    /// Its name for people.
    pub title: String,
    /// What it holds, in a sentence.
    pub description: String,
    /// Table or document.
    pub shape: Shape,
    /// How it may travel.
    pub kinds: Vec<Kind>,
    /// A push older than this is not fresh any more, in seconds.
    pub max_age_s: u64,
    /// Whether values may name or identify a person; then no error text may show one.
    pub personal_data: bool,
    /// Most that one answer or push may hold.
    pub limits: DatasetLimits,
    /// Whether it is meant for new use.
    pub status: Status,
    /// How a form shows the parameters: `params.ui.json`, where there is one.
    pub params_ui: Option<Value>,
    /// JSON Schema 2020-12 of a pull's parameters: a closed object that refers to nothing outside itself.
    pub params_schema: Value,
    /// JSON Schema 2020-12 of one row, or of the document: a closed object that refers to nothing outside itself.
    pub data_schema: Value,
}

impl Dataset {
    /// Whether the dataset may travel in this way.
    pub fn allows(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    struct Hex<'a>(&'a [u8]);
    impl fmt::Display for Hex<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
    Hex(&Sha256::digest(bytes)).to_string()
}

#[cfg(test)]
mod tests;
