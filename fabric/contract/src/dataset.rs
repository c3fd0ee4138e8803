//! Dataset contracts: what `schemas/` says that a segment can supply.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ids::DatasetId;

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
    /// JSON Schema 2020-12 of a pull's parameters: a closed object.
    pub params_schema: Value,
    /// JSON Schema 2020-12 of one row, or of the document: a closed object.
    pub data_schema: Value,
}

impl Dataset {
    /// Whether the dataset may travel in this way.
    pub fn allows(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// `dataset.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    id: DatasetId,
    title: String,
    description: String,
    shape: Shape,
    kinds: Vec<Kind>,
    max_age_s: u64,
    personal_data: bool,
}

/// `registry.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    datasets: Vec<IndexEntry>,
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndexEntry {
    id: DatasetId,
    version: u16,
}

/// Why a schema folder is not usable.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file of the folder could not be read.
    #[error("cannot read schema file {path}")]
    Read {
        /// Path below the schema folder.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is not what belongs there.
    #[error("schema file {path} is not what belongs there")]
    Form {
        /// Path below the schema folder.
        path: String,
        /// Line, column and reason.
        source: serde_json::Error,
    },
    /// A file is not the one that the index lists.
    #[error(
        "schema file {path} is not the one that registry.json lists; hint: restore it, or run `make golden` after an intended change"
    )]
    Digest {
        /// Path below the schema folder.
        path: String,
    },
    /// A file that is used is not in the index.
    #[error("schema file {path} is not listed in registry.json; hint: run `make golden`")]
    Unlisted {
        /// Path below the schema folder.
        path: String,
    },
    /// `dataset.json` names another dataset than its folder.
    #[error("schema file {path} names another dataset than its folder")]
    Name {
        /// Path below the schema folder.
        path: String,
    },
}

/// Every dataset of a schema folder, each file checked against the index's SHA-256.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    datasets: BTreeMap<(DatasetId, u16), Dataset>,
}

impl Registry {
    /// Reads the folder `schemas`.
    pub fn open(schemas: &Path) -> Result<Self, RegistryError> {
        Self::load(|path| std::fs::read(schemas.join(path)))
    }

    /// Reads the files of a schema folder through `read`, which is handed paths below it.
    pub fn load(read: impl Fn(&str) -> io::Result<Vec<u8>>) -> Result<Self, RegistryError> {
        let fetch = |path: &str| {
            read(path).map_err(|source| RegistryError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let index: Index = parse("registry.json", &fetch("registry.json")?)?;
        let checked = |path: String| {
            let listed = index
                .files
                .get(&path)
                .ok_or_else(|| RegistryError::Unlisted { path: path.clone() })?;
            let bytes = fetch(&path)?;
            if *listed == sha256_hex(&bytes) {
                Ok((path, bytes))
            } else {
                Err(RegistryError::Digest { path })
            }
        };
        let mut datasets = BTreeMap::new();
        for IndexEntry { id, version } in &index.datasets {
            let (path, bytes) = checked(format!("{id}/dataset.json"))?;
            let about: About = parse(&path, &bytes)?;
            if about.id != *id {
                return Err(RegistryError::Name { path });
            }
            let schema = |name: &str| {
                let (path, bytes) = checked(format!("{id}/v{version}/{name}.schema.json"))?;
                parse(&path, &bytes)
            };
            let data_file = match about.shape {
                Shape::Rows => "row",
                Shape::Document => "document",
            };
            let dataset = Dataset {
                id: about.id,
                version: *version,
                title: about.title,
                description: about.description,
                shape: about.shape,
                kinds: about.kinds,
                max_age_s: about.max_age_s,
                personal_data: about.personal_data,
                params_schema: schema("params")?,
                data_schema: schema(data_file)?,
            };
            datasets.insert((id.clone(), *version), dataset);
        }
        Ok(Self { datasets })
    }

    /// One major version of a dataset.
    pub fn get(&self, id: &DatasetId, version: u16) -> Option<&Dataset> {
        self.datasets.get(&(id.clone(), version))
    }

    /// The newest major version of a dataset.
    pub fn newest(&self, id: &DatasetId) -> Option<&Dataset> {
        let range = (id.clone(), 0)..=(id.clone(), u16::MAX);
        self.datasets
            .range(range)
            .next_back()
            .map(|(_, dataset)| dataset)
    }

    /// Every version of every dataset, by name and version.
    pub fn iter(&self) -> impl Iterator<Item = &Dataset> {
        self.datasets.values()
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &str, bytes: &[u8]) -> Result<T, RegistryError> {
    serde_json::from_slice(bytes).map_err(|source| RegistryError::Form {
        path: path.to_owned(),
        source,
    })
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
