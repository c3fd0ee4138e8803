//! What a run belongs to, and where its review stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a run was ordered by, beside a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The batch that it is a part of; empty for none.
    pub batch: String,
    /// The schedule that ordered it; empty for none.
    pub schedule: String,
    /// The run that it makes again; empty for none.
    pub parent: String,
    /// Whether it takes the data that was kept of that run.
    pub same_data: bool,
}

/// Where the review of a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Review {
    /// It needs none.
    #[default]
    None,
    /// It is a draft that nobody else gets.
    Waiting,
    /// It may go out.
    Released,
    /// It may not.
    Rejected,
}

impl Review {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::None, Self::Waiting, Self::Released, Self::Rejected];

    /// The word in the store and in pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Released => "released",
            Self::Rejected => "rejected",
        }
    }

    /// Whether the document may be given to others.
    #[must_use]
    pub fn is_out(self) -> bool {
        matches!(self, Self::None | Self::Released)
    }
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is none of a review's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a review is none, waiting, released or rejected")]
pub struct NoReview;

impl FromStr for Review {
    type Err = NoReview;

    fn from_str(text: &str) -> Result<Self, NoReview> {
        let mut all = Self::ALL.into_iter();
        all.find(|review| review.as_str() == text).ok_or(NoReview)
    }
}

/// The digest of one part of a run's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPart {
    /// Of which customer.
    pub tenant: String,
    /// Which data.
    pub dataset: String,
    /// What it is called in the template.
    pub key: String,
    /// How many rows.
    pub rows: u64,
    /// When it was captured, in milliseconds since 1970; 0 where there was none.
    pub captured_at_ms: u64,
    /// SHA-256 in hexadecimal; empty where there was none.
    pub sha256: String,
    /// Whether it was older data, in the place of what could not be had.
    #[serde(default)]
    pub older: bool,
}
