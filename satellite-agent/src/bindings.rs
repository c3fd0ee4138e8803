//! What this segment supplies: which source stands behind which major version of which dataset. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use spokegate_contract::{DatasetId, Shape};

use crate::source::Source;

/// What this segment supplies under a dataset's name, in one major version.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) version: u16,
    pub(crate) shape: Shape,
    /// Whether the contract lets it be pushed, as far as the agent knows the contract.
    pub(crate) pushable: bool,
    /// `None` when flows only push it.
    pub(crate) source: Option<Arc<dyn Source>>,
}

/// The segment's datasets.
#[derive(Debug, Default)]
pub(crate) struct Bindings(BTreeMap<DatasetId, BTreeMap<u16, Binding>>);

/// Why there is no binding for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nothing is bound to the dataset.
    Dataset,
    /// Other versions of it are bound: these.
    Version(Vec<u16>),
    /// Several versions are bound, and none was named.
    Unsaid(Vec<u16>),
}

impl Bindings {
    /// The binding of one version; without a version, of the only one that there is.
    pub(crate) fn find(
        &self,
        dataset: &DatasetId,
        version: Option<u16>,
    ) -> Result<&Binding, Missing> {
        let versions = self.0.get(dataset).ok_or(Missing::Dataset)?;
        let bound = || versions.keys().copied().collect();
        match version {
            Some(version) => versions
                .get(&version)
                .ok_or_else(|| Missing::Version(bound())),
            None if versions.len() > 1 => Err(Missing::Unsaid(bound())),
            None => versions.values().next().ok_or(Missing::Dataset),
        }
    }

    /// The names of all datasets.
    pub(crate) fn datasets(&self) -> impl Iterator<Item = &DatasetId> {
        self.0.keys()
    }

    /// Every version of every dataset.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&DatasetId, &Binding)> {
        self.0.iter().flat_map(|(dataset, versions)| {
            versions.values().map(move |binding| (dataset, binding))
        })
    }
}

impl FromIterator<(DatasetId, Binding)> for Bindings {
    fn from_iter<T: IntoIterator<Item = (DatasetId, Binding)>>(entries: T) -> Self {
        let mut bindings = Self::default();
        for (dataset, binding) in entries {
            let versions = bindings.0.entry(dataset).or_default();
            versions.insert(binding.version, binding);
        }
        bindings
    }
}

/// Versions as a person reads them: `1, 2`.
pub(crate) fn listed(versions: &[u16]) -> String {
    let texts: Vec<String> = versions.iter().map(u16::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bindings() -> Bindings {
        let bound = |name: &str, version| {
            let binding = Binding {
                version,
                shape: Shape::Rows,
                pushable: true,
                source: None,
            };
            (name.parse().unwrap(), binding)
        };
        [bound("devices", 2), bound("devices", 1), bound("alerts", 3)]
            .into_iter()
            .collect()
    }

    #[track_caller]
    fn check(dataset: &str, version: Option<u16>, expected: Result<u16, Missing>) {
        let bindings = bindings();
        let found = bindings.find(&dataset.parse().unwrap(), version);
        assert_eq!(found.map(|binding| binding.version), expected);
    }

    #[test]
    fn versions_stand_side_by_side() {
        check("devices", Some(1), Ok(1));
        check("devices", Some(2), Ok(2));
        check("devices", Some(3), Err(Missing::Version(vec![1, 2])));
        check("devices", None, Err(Missing::Unsaid(vec![1, 2])));
        check("alerts", None, Ok(3));
        check("alerts", Some(1), Err(Missing::Version(vec![3])));
        check("tickets", None, Err(Missing::Dataset));
        let bindings = bindings();
        let all: Vec<_> = bindings
            .iter()
            .map(|(dataset, binding)| (dataset.as_str(), binding.version))
            .collect();
        assert_eq!(all, [("alerts", 3), ("devices", 1), ("devices", 2)]);
        assert_eq!(bindings.datasets().count(), 2);
        assert_eq!(listed(&[1, 2]), "1, 2");
    }
}
