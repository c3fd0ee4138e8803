//! What a person sees of a run while it goes on.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Waits for its turn.
    Queued,
    /// Fetches data or writes the document.
    Running,
    /// The document is there.
    Done,
    /// There is no document, and a reason in words.
    Failed,
    /// Its owner cancelled it.
    Cancelled,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word in the store, in events and in pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing changes any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a state of a run")]
pub struct NoState;

impl FromStr for RunState {
    type Err = NoState;

    fn from_str(text: &str) -> Result<Self, NoState> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(NoState)
    }
}

/// Where a need of a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NeedState {
    /// Not begun.
    Waiting,
    /// Rows are being fetched.
    Fetching,
    /// All of it is there.
    Ready,
    /// It did not come; the reason is in words.
    Missing,
    /// The run ended before it came.
    Unused,
}

impl NeedState {
    /// The word in events and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Fetching => "fetching",
            Self::Ready => "ready",
            Self::Missing => "missing",
            Self::Unused => "not used",
        }
    }
}

/// One customer's dataset in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedProgress {
    /// The customer's name.
    pub tenant: String,
    /// The dataset's name.
    pub dataset: String,
    /// Whether the report fails without it.
    pub required: bool,
    /// Where it stands.
    pub state: NeedState,
    /// Rows so far.
    pub rows: u64,
    /// Why it is missing, or how old it is; may be empty.
    pub note: String,
    /// Whether older data stands in for what could not be had.
    #[serde(default)]
    pub older: bool,
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it stands.
    pub state: RunState,
    /// Why it failed; empty otherwise.
    pub reason: String,
    /// Every customer's datasets.
    pub needs: Vec<NeedProgress>,
}

impl Progress {
    /// A run that waits.
    pub fn queued() -> Self {
        Self {
            state: RunState::Queued,
            reason: String::new(),
            needs: Vec::new(),
        }
    }
}
