//! Counters of the ingest process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counters by name, since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<BTreeMap<&'static str, u64>>);

impl Counters {
    /// Adds one.
    pub(super) fn add(&self, name: &'static str) {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(name).or_default();
        *counter = counter.saturating_add(1);
    }

    /// All of them.
    pub(super) fn snapshot(&self) -> BTreeMap<String, u64> {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect()
    }
}
