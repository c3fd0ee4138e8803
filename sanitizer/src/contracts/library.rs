//! All contracts of a schema folder, compiled.

use super::compile::{Contract, ContractError};
use super::place::{Names, escaped, short_value};
use crate::body::{Node, Refusal};
use anyhow::Context as _;
use spokegate_contract::dataset::DatasetLimits;
use spokegate_contract::{Dataset, DatasetId, Kind, Registry, Shape, TenantId, compat};
use std::collections::HashMap;
use std::path::Path;

/// Looks through a schema folder before anything is started with it.
///
/// # Errors
/// When a file is not the one of the index, or a tenant's own contract is not shown to be narrower than its dataset's.
pub(crate) fn check_folder(schemas: &Path) -> anyhow::Result<()> {
    let registry = Registry::open(schemas)
        .with_context(|| format!("open the schema folder {}", schemas.display()))?;
    compat::check_overrides(&registry)
        .with_context(|| format!("take the schema folder {}", schemas.display()))
}

/// A compiled dataset version.
#[derive(Debug)]
pub struct Shaped {
    /// Table or document.
    pub shape: Shape,
    /// Whether satellites may push it.
    pub pushable: bool,
    /// Most rows and bytes of one answer or push.
    pub limits: DatasetLimits,
    /// Whether what is said of a value may show none of it.
    personal: bool,
    contract: Contract,
    /// What the tenant's data must satisfy as well.
    narrowed: Option<Contract>,
    names: Names,
}

/// Compiled contracts by dataset and version.
#[derive(Debug, Default)]
pub struct Library {
    datasets: HashMap<DatasetId, Vec<(u16, Shaped)>>,
}

impl Shaped {
    fn compile(dataset: &Dataset) -> Result<Shaped, ContractError> {
        Ok(Shaped {
            shape: dataset.shape,
            pushable: dataset.allows(Kind::Push),
            limits: dataset.limits,
            personal: dataset.personal_data,
            contract: Contract::compile(&dataset.data_schema)?,
            narrowed: None,
            names: Names::of(&dataset.data_schema),
        })
    }

    /// Judges one row, or the document, by the dataset's contract and by the tenant's own: what that forgot cannot widen
    /// the dataset's.
    ///
    /// # Errors
    /// The first keyword that refuses it, and where.
    pub fn judge(&self, node: Node<'_>) -> Result<(), Refusal> {
        self.contract.judge(node)?;
        match &self.narrowed {
            Some(narrowed) => narrowed.judge(node),
            None => Ok(()),
        }
    }

    /// Whether the dataset's two judges say the same of a value; for fuzzing.
    pub(crate) fn agrees(&self, node: Node<'_>) -> bool {
        let (quick, library) = self.contract.verdicts(node);
        quick == Some(library)
    }

    /// A refusal's place as others may read it: without names from the data where it is personal.
    #[must_use]
    pub fn place(&self, pointer: &str) -> String {
        if self.personal {
            self.names.mask(pointer)
        } else {
            escaped(pointer)
        }
    }

    /// The refused value as others may read it: a short scalar of a dataset that holds nothing personal.
    #[must_use]
    pub fn found(&self, root: Node<'_>, pointer: &str) -> Option<String> {
        (!self.personal)
            .then(|| short_value(root, pointer))
            .flatten()
    }
}

impl Library {
    /// Compiles every dataset of a registry.
    ///
    /// # Errors
    /// The first dataset that does not compile, with its name.
    pub fn compile(registry: &Registry) -> Result<Library, (DatasetId, ContractError)> {
        let mut library = Library::default();
        for dataset in registry.iter() {
            let shaped = Shaped::compile(dataset).map_err(|error| (dataset.id.clone(), error))?;
            library
                .datasets
                .entry(dataset.id.clone())
                .or_default()
                .push((dataset.version, shaped));
        }
        Ok(library)
    }

    /// The same with the tenant's own contracts in force, which may only narrow.
    ///
    /// # Errors
    /// As [`Library::compile`].
    pub fn of_tenant(
        registry: &Registry,
        tenant: &TenantId,
    ) -> Result<Library, (DatasetId, ContractError)> {
        let mut library = Library::compile(registry)?;
        for own in registry.overrides().filter(|own| own.tenant == tenant) {
            let narrowed = compat::check_override(own)
                .map_err(|widens| ContractError::Widens(Box::new(widens)))
                .and_then(|()| Contract::compile(own.schema))
                .map_err(|error| (own.dataset.id.clone(), error))?;
            let versions = library.datasets.get_mut(&own.dataset.id);
            let shaped = versions
                .into_iter()
                .flatten()
                .find(|(version, _)| *version == own.dataset.version);
            if let Some((_, shaped)) = shaped {
                shaped.narrowed = Some(narrowed);
            }
        }
        Ok(library)
    }

    /// Whether there is a dataset of this name, in whatever version.
    #[must_use]
    pub fn knows(&self, dataset: &DatasetId) -> bool {
        self.datasets.contains_key(dataset)
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

#[cfg(test)]
mod tests;
