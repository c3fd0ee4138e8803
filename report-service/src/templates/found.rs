//! What there is to tell of a template.

use docx_jinja::{Shape, TagError};

use super::names::{in_own_words, leaves};
use super::sample::Filled;
use crate::render::{Inspected, TagFault};

/// What there is to tell of a template.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) inspected: Inspected,
    /// Faults of its tags.
    pub(crate) faults: Vec<TagError>,
    /// Names that the report does not supply.
    pub(crate) unknown: Vec<TagError>,
    /// Names that the report may leave out.
    pub(crate) warnings: Vec<TagError>,
    /// What is supplied and not read, name by name.
    pub(crate) unread: Vec<String>,
    /// What it must show and does not, in words.
    pub(crate) untold: Vec<String>,
    pub(crate) filled: Filled,
}

impl Found {
    pub(crate) fn of(mut inspected: Inspected, supplied: Option<&Shape>) -> Self {
        let faults = |faults: &mut Vec<TagFault>| {
            let faults = std::mem::take(faults).into_iter().map(TagError::from);
            faults.map(|fault| in_own_words(&fault)).collect()
        };
        Self {
            faults: faults(&mut inspected.faults),
            unknown: faults(&mut inspected.unknown),
            warnings: faults(&mut inspected.doubtful),
            unread: supplied.map_or_else(Vec::new, |shape| leaves(shape, &inspected.unused)),
            inspected,
            untold: Vec::new(),
            filled: Filled::default(),
        }
    }

    /// The faults that stand at tags.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &TagError> {
        let found = [&self.faults, &self.unknown, &self.filled.tags];
        found.into_iter().flatten()
    }

    pub(crate) fn count(&self) -> usize {
        self.faults().count() + self.untold.len() + usize::from(self.filled.other.is_some())
    }
}
