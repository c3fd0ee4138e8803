//! Dataset contracts, compiled: the centre's own check of what a sanitizer let through.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value};
use spokegate_contract::{Dataset, DatasetId, Registry, Shape, Validator, Violation};

/// One version of a dataset with its compiled schemas.
#[derive(Debug)]
pub struct Contract {
    /// What is known of it.
    pub dataset: Dataset,
    params: Validator,
    data: Validator,
}

/// Every dataset that this service knows.
#[derive(Debug)]
pub struct Contracts(BTreeMap<(DatasetId, u16), Arc<Contract>>);

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
    /// When a schema does not compile.
    pub fn compile(registry: &Registry) -> anyhow::Result<Self> {
        let compile = |dataset: &Dataset| {
            let at = || {
                format!(
                    "compile the schemas of dataset {} v{}",
                    dataset.id, dataset.version
                )
            };
            let params = Validator::params(dataset).with_context(at)?;
            let data = Validator::data(dataset).with_context(at)?;
            let contract = Contract {
                dataset: dataset.clone(),
                params,
                data,
            };
            anyhow::Ok(((dataset.id.clone(), dataset.version), Arc::new(contract)))
        };
        Ok(Self(
            registry.iter().map(compile).collect::<Result<_, _>>()?,
        ))
    }

    /// One version of a dataset.
    pub fn get(&self, dataset: &DatasetId, version: u16) -> Option<&Arc<Contract>> {
        self.0.get(&(dataset.clone(), version))
    }

    /// The newest version of a dataset.
    pub fn newest(&self, dataset: &DatasetId) -> Option<&Arc<Contract>> {
        let range = (dataset.clone(), 0)..=(dataset.clone(), u16::MAX);
        self.0
            .range(range)
            .next_back()
            .map(|(_, contract)| contract)
    }

    /// Every version of every dataset.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Contract>> {
        self.0.values()
    }
}

impl Contract {
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
            if !self.data.is_valid(&row) {
                return Err(self.fault(&row, &format!("/{index}")));
            }
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
        if !self.data.is_valid(&document) {
            return Err(self.fault(&document, ""));
        }
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

    fn fault(&self, value: &Value, prefix: &str) -> BodyFault {
        match self.data.check(value) {
            Err(violation) => BodyFault::Rule(Violation {
                pointer: format!("{prefix}{}", violation.pointer),
                rule: violation.rule,
            }),
            Ok(()) => BodyFault::Shape(self.dataset.shape.as_str()),
        }
    }
}
