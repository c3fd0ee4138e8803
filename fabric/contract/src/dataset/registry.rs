//! Reading a schema folder: each file checked against the index, each schema made whole.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::bundle::{BundleError, Common};
use super::tenants::{self, Place};
use super::{Dataset, DatasetLimits, Kind, Shape, Status, sha256_hex};
use crate::ids::{DatasetId, TenantId};

/// `dataset.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    id: DatasetId,
    title: String,
    description: String,
    shape: Shape,
    kinds: Vec<Kind>,
    max_age_s: u64,
    personal_data: bool,
    #[serde(default)]
    limits: DatasetLimits,
    #[serde(default)]
    deprecated: Vec<u16>,
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
    #[serde(rename = "status")]
    _status: Option<Status>,
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
        "schema file {path} is not the one that registry.json lists; hint: restore it, or run `spokegate contract index` after an intended change"
    )]
    Digest {
        /// Path below the schema folder.
        path: String,
    },
    /// A file that is used is not in the index.
    #[error(
        "schema file {path} is not listed in registry.json; hint: run `spokegate contract index`"
    )]
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
    /// A tenant's own contract of nothing.
    #[error("schema file {path} {problem}")]
    Override {
        /// Path below the schema folder.
        path: String,
        /// What is wrong with the path.
        problem: &'static str,
    },
    /// A schema cannot be made whole.
    #[error("schema file {path} cannot be made whole")]
    Reference {
        /// Path below the schema folder.
        path: String,
        /// Where and why.
        source: BundleError,
    },
}

/// Every dataset of a schema folder, each file checked against the index's SHA-256.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    datasets: BTreeMap<(DatasetId, u16), Dataset>,
    common: Common,
    overrides: BTreeMap<Place, Value>,
}

/// What one tenant's data must satisfy beside the dataset's own contract.
#[derive(Debug, Clone, Copy)]
pub struct Override<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// The dataset's own contract.
    pub dataset: &'a Dataset,
    /// JSON Schema 2020-12 of one row, or of the document, in place of the dataset's.
    pub schema: &'a Value,
}

impl Registry {
    /// Reads the folder `schemas`.
    pub fn open(schemas: &Path) -> Result<Self, RegistryError> {
        Self::load(|path| std::fs::read(schemas.join(path)))
    }

    /// Reads the files of a schema folder through `read`, which is handed paths below it.
    pub fn load(read: impl Fn(&str) -> io::Result<Vec<u8>>) -> Result<Self, RegistryError> {
        let bytes = fetch(&read, "registry.json")?;
        let index: Index = parse("registry.json", &bytes)?;
        let files = Files { index, read };
        let mut common = Common::new();
        for path in files.index.files.keys() {
            if path.starts_with("_common/") {
                common.insert(path, files.json(path)?);
            }
        }
        let mut datasets = BTreeMap::new();
        for entry in &files.index.datasets {
            let dataset = files.dataset(entry, &common)?;
            datasets.insert((entry.id.clone(), entry.version), dataset);
        }
        let data_file = |id: &DatasetId, version| {
            let dataset: Option<&Dataset> = datasets.get(&(id.clone(), version));
            dataset.map(|dataset| data_file(dataset.shape))
        };
        let mut overrides = BTreeMap::new();
        for path in files.index.files.keys() {
            if path.starts_with(tenants::FOLDER) {
                let place = tenants::place(path, data_file).map_err(|problem| {
                    let path = path.clone();
                    RegistryError::Override { path, problem }
                })?;
                overrides.insert(place, files.schema(path, &common)?);
            }
        }
        Ok(Self {
            datasets,
            common,
            overrides,
        })
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

    /// Every tenant's own contracts. That they only narrow is for whoever uses them to see to:
    #[cfg_attr(feature = "validate", doc = "[`crate::compat::check_overrides`].")]
    #[cfg_attr(not(feature = "validate"), doc = "`compat::check_overrides`.")]
    pub fn overrides(&self) -> impl Iterator<Item = Override<'_>> {
        self.overrides.iter().filter_map(|(place, schema)| {
            Some(Override {
                tenant: &place.tenant,
                dataset: self.get(&place.dataset, place.version)?,
                schema,
            })
        })
    }

    /// The types that schemas share.
    pub fn common(&self) -> &Common {
        &self.common
    }
}

/// The files that an index lists.
struct Files<R> {
    index: Index,
    read: R,
}

impl<R: Fn(&str) -> io::Result<Vec<u8>>> Files<R> {
    /// A file that is the one in the index.
    fn checked(&self, path: &str) -> Result<Vec<u8>, RegistryError> {
        let path = || path.to_owned();
        let Some(listed) = self.index.files.get(&path()) else {
            return Err(RegistryError::Unlisted { path: path() });
        };
        let bytes = fetch(&self.read, &path())?;
        if *listed == sha256_hex(&bytes) {
            Ok(bytes)
        } else {
            Err(RegistryError::Digest { path: path() })
        }
    }

    fn json<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T, RegistryError> {
        parse(path, &self.checked(path)?)
    }

    /// A schema that refers to nothing outside itself.
    fn schema(&self, path: &str, common: &Common) -> Result<Value, RegistryError> {
        common
            .bundle(&self.json(path)?)
            .map_err(|source| RegistryError::Reference {
                path: path.to_owned(),
                source,
            })
    }

    fn dataset(&self, entry: &IndexEntry, common: &Common) -> Result<Dataset, RegistryError> {
        let (id, version) = (&entry.id, entry.version);
        let path = format!("{id}/dataset.json");
        let about: About = self.json(&path)?;
        if about.id != *id {
            return Err(RegistryError::Name { path });
        }
        let folder = format!("{id}/v{version}");
        let data_file = data_file(about.shape);
        let params_ui = format!("{folder}/params.ui.json");
        let has_ui = self.index.files.contains_key(&params_ui);
        Ok(Dataset {
            id: about.id,
            version,
            title: about.title,
            description: about.description,
            shape: about.shape,
            kinds: about.kinds,
            max_age_s: about.max_age_s,
            personal_data: about.personal_data,
            limits: about.limits,
            status: if about.deprecated.contains(&version) {
                Status::Deprecated
            } else {
                Status::Current
            },
            params_ui: has_ui.then(|| self.json(&params_ui)).transpose()?,
            params_schema: self.schema(&format!("{folder}/params.schema.json"), common)?,
            data_schema: self.schema(&format!("{folder}/{data_file}.schema.json"), common)?,
        })
    }
}

/// The name of the data's schema file, without its ending.
pub(crate) fn data_file(shape: Shape) -> &'static str {
    match shape {
        Shape::Rows => "row",
        Shape::Document => "document",
    }
}

fn fetch(
    read: &impl Fn(&str) -> io::Result<Vec<u8>>,
    path: &str,
) -> Result<Vec<u8>, RegistryError> {
    read(path).map_err(|source| RegistryError::Read {
        path: path.to_owned(),
        source,
    })
}

fn parse<T: for<'a> Deserialize<'a>>(path: &str, bytes: &[u8]) -> Result<T, RegistryError> {
    serde_json::from_slice(bytes).map_err(|source| RegistryError::Form {
        path: path.to_owned(),
        source,
    })
}
