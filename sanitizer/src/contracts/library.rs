//! All contracts of a schema folder, compiled.

use super::compile::{Contract, ContractError};
use spokegate_contract::{DatasetId, Kind, Registry, Shape};
use std::collections::HashMap;

/// A compiled dataset version.
#[derive(Debug)]
pub struct Shaped {
    /// Table or document.
    pub shape: Shape,
    /// Whether satellites may push it.
    pub pushable: bool,
    /// Judges one row, or the document.
    pub contract: Contract,
}

/// Compiled contracts by dataset and version.
#[derive(Debug, Default)]
pub struct Library {
    datasets: HashMap<DatasetId, Vec<(u16, Shaped)>>,
}

impl Library {
    /// Compiles every dataset of a registry.
    ///
    /// # Errors
    /// The first dataset that does not compile, with its name.
    pub fn compile(registry: &Registry) -> Result<Library, (DatasetId, ContractError)> {
        let mut library = Library::default();
        for dataset in registry.iter() {
            let contract = Contract::compile(&dataset.data_schema)
                .map_err(|error| (dataset.id.clone(), error))?;
            let shaped = Shaped {
                shape: dataset.shape,
                pushable: dataset.allows(Kind::Push),
                contract,
            };
            library
                .datasets
                .entry(dataset.id.clone())
                .or_default()
                .push((dataset.version, shaped));
        }
        Ok(library)
    }

    /// The contract of one version.
    #[must_use]
    pub fn get(&self, dataset: &DatasetId, version: u16) -> Option<&Shaped> {
        let versions = self.datasets.get(dataset)?;
        versions
            .iter()
            .find(|(candidate, _)| *candidate == version)
            .map(|(_, shaped)| shaped)
    }
}
