//! A batch: one report for many customers, a document each.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};
use spokegate_contract::TenantId;

use super::{Formats, NewRun, RunId, RunIdError, RunState};
use crate::reports::Report;

/// The id of a batch: 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BatchId(RunId);

impl BatchId {
    /// A new id.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> anyhow::Result<Self> {
        RunId::random().map(Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for BatchId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An order for a batch; report, customers and parameters are checked.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// What.
    pub report: Arc<Report>,
    /// For whom, a run each.
    pub tenants: Vec<TenantId>,
    /// As which kinds of file.
    pub formats: Formats,
    /// With which parameters.
    pub params: Map<String, Value>,
    /// By whom: the stable id,
    pub owner_id: String,
    /// and the name.
    pub owner_title: String,
    /// The schedule that ordered it; empty for none.
    pub schedule: String,
    /// Whether its documents are drafts until somebody releases them.
    pub review: bool,
}

impl From<NewRun> for NewBatch {
    fn from(order: NewRun) -> Self {
        Self {
            report: order.report,
            tenants: order.tenants,
            formats: order.formats,
            params: order.params,
            owner_id: order.owner_id,
            owner_title: order.owner_title,
            schedule: order.origin.schedule,
            review: order.review,
        }
    }
}

/// How many runs of a batch stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// All of them.
    pub total: u64,
    /// They wait for their turn.
    pub queued: u64,
    /// They are under way.
    pub running: u64,
    /// They have a document.
    pub done: u64,
    /// They have none, and a reason.
    pub failed: u64,
    /// They were cancelled.
    pub cancelled: u64,
}

impl Tally {
    /// Counts runs in one state.
    pub fn add(&mut self, state: RunState, count: u64) {
        self.total += count;
        let place = match state {
            RunState::Queued => &mut self.queued,
            RunState::Running => &mut self.running,
            RunState::Done => &mut self.done,
            RunState::Failed => &mut self.failed,
            RunState::Cancelled => &mut self.cancelled,
        };
        *place += count;
    }

    /// Whether nothing changes any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.queued == 0 && self.running == 0
    }

    /// How many have ended, of a hundred.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let ended = self.done + self.failed + self.cancelled;
        (ended * 100).checked_div(self.total).unwrap_or(100)
    }
}
