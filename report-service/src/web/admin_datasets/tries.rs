//! Pulls that administrators try: each is kept for a while, for whoever tried it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass};

use super::pull::Order;
use crate::runs::{RunId, RunIdError};
use crate::web::params;

/// Pulls tried at the same time.
const UNDER_WAY_MAX: usize = 4;
/// Tries that are kept; the oldest go first.
const KEPT_MAX: usize = 32;
/// Tries are kept for so long, in milliseconds.
const KEPT_MS: u64 = 15 * 60_000;
/// Rows that a try shows.
const ROWS_SHOWN: usize = 10;
/// Columns that it shows.
const COLUMNS_SHOWN: usize = 24;
/// Longest value that it shows, in characters.
const CELL_CHARS_MAX: usize = 120;
/// What stands in the place of a value that may be of a person.
pub(in crate::web) const HIDDEN: &str = "hidden";

/// The id of a try: 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TryId(RunId);

impl TryId {
    pub(super) fn random() -> anyhow::Result<Self> {
        RunId::random().map(Self)
    }
}

impl FromStr for TryId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for TryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a try stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    UnderWay,
    Holds,
    Failed(Failure),
}

/// A pull that was tried.
#[derive(Debug, Clone)]
pub(super) struct Try {
    owner: String,
    pub(super) title: String,
    pub(super) about: String,
    pub(super) customer: String,
    pub(super) back: String,
    pub(super) personal: bool,
    began_ms: u64,
    pub(super) outcome: Outcome,
    pub(super) took_ms: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) chunks: u64,
    pub(super) columns: Vec<String>,
    pub(super) cells: Vec<Vec<String>>,
}

impl Try {
    pub(super) fn begun(owner: &str, order: &Order, customer: String, now_ms: u64) -> Self {
        let dataset = &order.contract.dataset;
        Self {
            owner: owner.to_owned(),
            title: format!("{} v{}", dataset.title, dataset.version),
            about: order.about(),
            customer,
            back: format!("/datasets/{}/{}", dataset.id, dataset.version),
            personal: dataset.personal_data,
            began_ms: now_ms,
            outcome: Outcome::UnderWay,
            took_ms: 0,
            rows: 0,
            bytes: 0,
            chunks: 0,
            columns: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Counts a part that satisfies the contract, and keeps what is shown of the first.
    pub(super) fn part(&mut self, bytes: usize, rows: &[Map<String, Value>]) {
        self.chunks += 1;
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.rows = self.rows.saturating_add(rows.len() as u64);
        if !self.columns.is_empty() {
            return;
        }
        let first = rows.iter().take(ROWS_SHOWN);
        for name in first.clone().flat_map(Map::keys) {
            if self.columns.len() < COLUMNS_SHOWN && !self.columns.contains(name) {
                self.columns.push(name.clone());
            }
        }
        let cell = |value: &Value| match self.personal {
            true => HIDDEN.to_owned(),
            false => params::shown(value).chars().take(CELL_CHARS_MAX).collect(),
        };
        let cells = |row: &Map<String, Value>| {
            let cells = self.columns.iter();
            cells
                .map(|name| row.get(name).map(cell).unwrap_or_default())
                .collect()
        };
        self.cells = first.map(cells).collect();
    }

    /// What came so far is void.
    pub(super) fn forget(&mut self) {
        (self.rows, self.bytes, self.chunks) = (0, 0, 0);
        self.columns.clear();
        self.cells.clear();
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.outcome == Outcome::UnderWay
    }

    /// What went wrong and what to do, in words; empty when nothing did.
    pub(super) fn failure(&self) -> String {
        match &self.outcome {
            Outcome::UnderWay | Outcome::Holds => String::new(),
            Outcome::Failed(failure) => words(failure),
        }
    }

    /// The class of the failure; empty when there is none.
    pub(super) fn class(&self) -> &'static str {
        match &self.outcome {
            Outcome::UnderWay | Outcome::Holds => "",
            Outcome::Failed(failure) => failure.class.as_str(),
        }
    }
}

/// A failure for whoever can mend it.
fn words(failure: &Failure) -> String {
    let (what, next) = match failure.class {
        FailureClass::Offline => (
            "The satellite is not connected, or no sanitizer serves it",
            "The page Satellites says since when; have its machine and its line checked.",
        ),
        FailureClass::Timeout => (
            "No answer came in time",
            "Have the flow that supplies it checked; the satellite itself may be busy.",
        ),
        FailureClass::Refused => (
            "The pull was refused",
            "Check that the satellite's configuration binds a source to this dataset, and that the sanitizer knows this version.",
        ),
        FailureClass::Invalid => (
            "The answer breaks the contract",
            "The place and the rule stand here or on the page Quarantine; tell whoever looks after the flow.",
        ),
        FailureClass::SourceError => (
            "The source behind the satellite failed",
            "Have the flow or the database behind it checked.",
        ),
        FailureClass::TooLarge => (
            "The answer is larger than the contract allows",
            "Ask for less, or have the flow send less.",
        ),
    };
    let detail: String = failure
        .detail
        .trim_end_matches('.')
        .chars()
        .take(200)
        .collect();
    match detail.as_str() {
        "" => format!("{what}. {next}"),
        detail => format!("{what} ({detail}). {next}"),
    }
}

/// The tries of this process. Cloning shares it.
#[derive(Clone, Default)]
pub struct Tries(Arc<Mutex<HashMap<TryId, Try>>>);

impl Tries {
    /// Enters one; false when too many are under way.
    pub(super) fn enter(&self, id: &TryId, tried: Try) -> bool {
        let mut tries = self.all();
        let oldest_ms = tried.began_ms.saturating_sub(KEPT_MS);
        tries.retain(|_, other| other.is_under_way() || other.began_ms >= oldest_ms);
        if tries.values().filter(|other| other.is_under_way()).count() >= UNDER_WAY_MAX {
            return false;
        }
        while tries.len() >= KEPT_MAX {
            let over = tries.iter().filter(|(_, other)| !other.is_under_way());
            let oldest = over.min_by_key(|(_, other)| other.began_ms);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                return false;
            };
            tries.remove(&oldest);
        }
        tries.insert(id.clone(), tried);
        true
    }

    /// Somebody's own.
    pub(super) fn of(&self, owner: &str, id: &TryId) -> Option<Try> {
        let tries = self.all();
        tries.get(id).filter(|tried| tried.owner == owner).cloned()
    }

    pub(super) fn change(&self, id: &TryId, change: impl FnOnce(&mut Try)) {
        if let Some(tried) = self.all().get_mut(id) {
            change(tried);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<TryId, Try>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
