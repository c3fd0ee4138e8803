//! Schedules: reports that are made by themselves, for whom, and to whom they go.

mod clerk;
mod timing;

pub use clerk::{Fired, Refused, fire, watch};
pub use timing::{Rule, Timing, weekday};

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spokegate_contract::TenantId;

use crate::runs::{Formats, RunId, RunIdError, Tenant};

/// The id of a schedule: 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScheduleId(RunId);

impl ScheduleId {
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

impl FromStr for ScheduleId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person sets of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// For all customers, those of tomorrow with them.
    pub all: bool,
    /// For these, when not for all.
    pub tenants: Vec<TenantId>,
    /// Not for these for now.
    pub off: Vec<TenantId>,
    /// A document for each customer, not one about all of them.
    pub each: bool,
    /// With these parameters; a period stays a word and means other days each time.
    pub params: Map<String, Value>,
    /// As which kinds of file.
    pub formats: Formats,
    /// Whether documents are drafts until somebody releases them.
    pub review: bool,
    /// When.
    pub timing: Timing,
    /// Who gets it by mail.
    #[serde(default)]
    pub mail: Option<crate::mail::Letter>,
}

impl Plan {
    /// The customers whom it is for just now, in the order of all.
    #[must_use]
    pub fn tenants<'a>(&self, known: impl Iterator<Item = &'a Tenant>) -> Vec<TenantId> {
        let is_meant = |id: &TenantId| self.all || self.tenants.contains(id);
        known
            .map(|tenant| tenant.id.clone())
            .filter(|id| is_meant(id) && !self.off.contains(id))
            .collect()
    }
}

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// What people call it.
    pub title: String,
    /// The report's id.
    pub report: String,
    /// The stable id of its owner, with whose rights it runs.
    pub owner_id: String,
    /// The owner's name.
    pub owner_title: String,
    /// What was set.
    pub plan: Plan,
    /// Whether it stands still.
    pub paused: bool,
    /// Why the last time brought nothing; empty when it did.
    pub note: String,
    /// When it is due, in milliseconds since 1970; `None`: never again.
    pub next_at_ms: Option<u64>,
    /// When it was due last; 0: never yet.
    pub last_at_ms: u64,
    /// The page of what it started last; empty before.
    pub last_place: String,
    /// When it was taken up and not finished; 0 otherwise.
    pub claimed_at_ms: u64,
    /// When it was made.
    pub created_at_ms: u64,
}

/// What the owner reads of a schedule that an administrator let stand still.
pub(crate) const HELD: &str = "An administrator paused it.";

impl Schedule {
    /// Whether an administrator let it stand still: then only an administrator lets it go on.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.paused && self.note == HELD
    }
}

/// Milliseconds as the calendar's moment.
pub(crate) fn moment(at_ms: u64) -> jiff::Timestamp {
    let at = i64::try_from(at_ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::MAX)
}

/// The calendar's moment in milliseconds.
pub(crate) fn milliseconds(at: jiff::Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}
