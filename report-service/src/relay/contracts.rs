//! Dataset contracts, compiled: the centre's own check of what a sanitizer let through.

mod formats;
mod recheck;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value};
use spokegate_contract::dataset::Override;
use spokegate_contract::{
    Dataset, DatasetId, Registry, Shape, TenantId, Validator, Violation, compat,
};

use crate::sources::{SourceId, Sources};
use recheck::Recheck;

/// One version of a dataset with its compiled schemas.
#[derive(Debug)]
pub struct Contract {
    /// What is known of it.
    pub dataset: Dataset,
    params: Validator,
    data: Recheck,
    /// What a tenant's data must satisfy as well.
    narrowed: Option<Recheck>,
}

/// Every dataset that this service knows.
#[derive(Debug)]
pub struct Contracts {
    datasets: BTreeMap<(DatasetId, u16), Arc<Contract>>,
    narrowed: BTreeMap<(TenantId, DatasetId, u16), Arc<Contract>>,
    promised: BTreeMap<SourceId, Promise>,
}

/// What the rows of a central source satisfy.
#[derive(Debug)]
struct Promise {
    title: String,
    dataset: DatasetId,
    version: u16,
}

/// Why a body is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// Not JSON of the dataset's shape.
    #[error("is not the {0} that its contract says")]
    Shape(&'static str),
    /// A row or the document breaks a rule.
    #[error("{0}")]
    Rule(Violation),
}

impl Contracts {
    /// Compiles every schema of the registry.
    ///
    /// # Errors
    /// When a schema does not compile, or a tenant's own contract is not shown to be narrower than its dataset's.
    pub fn compile(registry: &Registry) -> anyhow::Result<Self> {
        let mut datasets = BTreeMap::new();
        for dataset in registry.iter() {
            let contract = Contract::compile(dataset).with_context(|| {
                let Dataset { id, version, .. } = dataset;
                format!("compile the schemas of dataset {id} v{version}")
            })?;
            datasets.insert((dataset.id.clone(), dataset.version), Arc::new(contract));
        }
        let mut narrowed = BTreeMap::new();
        for own in registry.overrides() {
            let (dataset, version) = (own.dataset.id.clone(), own.dataset.version);
            let contract = Contract::narrowed(own).with_context(|| {
                format!(
                    "take the contract of tenant {} for {dataset} v{version}",
                    own.tenant
                )
            })?;
            narrowed.insert((own.tenant.clone(), dataset, version), Arc::new(contract));
        }
        Ok(Self {
            datasets,
            narrowed,
            promised: BTreeMap::new(),
        })
    }

    /// The same, knowing which contract each central source satisfies.
    #[must_use]
    pub fn with_sources(mut self, sources: &Sources) -> Self {
        for source in sources.list() {
            let promise = Promise {
                title: source.title,
                dataset: source.dataset,
                version: source.version,
            };
            self.promised.insert(source.id, promise);
        }
        self
    }

    /// The dataset and version that a central source satisfies.
    pub fn promised(&self, source: &SourceId) -> Option<(DatasetId, u16)> {
        let promise = self.promised.get(source)?;
        Some((promise.dataset.clone(), promise.version))
    }

    /// What people call a central source.
    pub fn promised_title(&self, source: Option<&SourceId>) -> Option<&str> {
        Some(self.promised.get(source?)?.title.as_str())
    }

    /// The names of central sources.
    pub fn promises(&self) -> Vec<&str> {
        self.promised.keys().map(SourceId::as_str).collect()
    }

    /// One version of a dataset, as the dataset itself has it.
    pub fn get(&self, dataset: &DatasetId, version: u16) -> Option<&Arc<Contract>> {
        self.datasets.get(&(dataset.clone(), version))
    }

    /// One version of a dataset, as it holds for a tenant.
    pub fn of_tenant(
        &self,
        tenant: &TenantId,
        dataset: &DatasetId,
        version: u16,
    ) -> Option<&Arc<Contract>> {
        let key = (tenant.clone(), dataset.clone(), version);
        self.narrowed
            .get(&key)
            .or_else(|| self.get(dataset, version))
    }

    /// The versions of a dataset, the newest first.
    pub fn versions(&self, dataset: &DatasetId) -> impl Iterator<Item = &Arc<Contract>> {
        let range = (dataset.clone(), 0)..=(dataset.clone(), u16::MAX);
        self.datasets
            .range(range)
            .rev()
            .map(|(_, contract)| contract)
    }

    /// Every version of every dataset.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.datasets.values()
    }
}

impl Contract {
    fn compile(dataset: &Dataset) -> anyhow::Result<Self> {
        Ok(Self {
            dataset: dataset.clone(),
            params: Validator::params(dataset)?,
            data: Recheck::compile(&dataset.data_schema)?,
            narrowed: None,
        })
    }

    fn narrowed(own: Override<'_>) -> anyhow::Result<Self> {
        compat::check_override(own)?;
        let narrowed = Some(Recheck::compile(own.schema)?);
        let contract = Self::compile(own.dataset)?;
        Ok(Self {
            narrowed,
            ..contract
        })
    }

    /// Checks a pull's parameters.
    ///
    /// # Errors
    /// With the first rule that they break.
    pub fn check_params(&self, params: &Map<String, Value>) -> Result<(), Violation> {
        self.params.check(&Value::Object(params.clone()))
    }

    /// Parses a JSON array of rows and checks each.
    ///
    /// # Errors
    /// With the first row that breaks a rule; the pointer starts with its number.
    pub fn rows(&self, body: &[u8]) -> Result<Vec<Map<String, Value>>, BodyFault> {
        if self.dataset.shape != Shape::Rows {
            return Err(BodyFault::Shape("document"));
        }
        let rows: Vec<Value> =
            serde_json::from_slice(body).map_err(|_| BodyFault::Shape("table"))?;
        let check = |(index, row): (usize, Value)| {
            self.check(&row, &format!("/{index}"))?;
            match row {
                Value::Object(row) => Ok(row),
                _ => Err(BodyFault::Shape("table")),
            }
        };
        rows.into_iter().enumerate().map(check).collect()
    }

    /// Parses a JSON object and checks it.
    ///
    /// # Errors
    /// With the first rule that it breaks.
    pub fn document(&self, body: &[u8]) -> Result<Map<String, Value>, BodyFault> {
        if self.dataset.shape != Shape::Document {
            return Err(BodyFault::Shape("table"));
        }
        let document: Value =
            serde_json::from_slice(body).map_err(|_| BodyFault::Shape("document"))?;
        self.check(&document, "")?;
        match document {
            Value::Object(document) => Ok(document),
            _ => Err(BodyFault::Shape("document")),
        }
    }

    /// Checks a body without keeping it; how many rows it has, a document counting as one.
    ///
    /// # Errors
    /// As [`Contract::rows`] and [`Contract::document`].
    pub fn count(&self, body: &[u8]) -> Result<usize, BodyFault> {
        match self.dataset.shape {
            Shape::Rows => self.rows(body).map(|rows| rows.len()),
            Shape::Document => self.document(body).map(|_| 1),
        }
    }

    /// Both the dataset's contract and the tenant's own must hold: what the own one forgot cannot widen it.
    fn check(&self, value: &Value, prefix: &str) -> Result<(), BodyFault> {
        std::iter::once(&self.data)
            .chain(&self.narrowed)
            .try_for_each(|recheck| recheck.check(value))
            .map_err(|violation| {
                BodyFault::Rule(Violation {
                    pointer: format!("{prefix}{}", violation.pointer),
                    rule: violation.rule,
                })
            })
    }
}
