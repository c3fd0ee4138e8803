//! Why a pull has no answer.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::FAILURE_TEXT_BYTES_MAX;
use crate::text;

/// The ways in which a pull fails; each asks for another next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The satellite is not connected.
    Offline,
    /// No whole answer came by the deadline.
    Timeout,
    /// The satellite or the sanitizer does not serve this request.
    Refused,
    /// The answer broke its contract.
    Invalid,
    /// The source in the segment gave no usable answer.
    SourceError,
    /// The answer is larger than a limit.
    TooLarge,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::Offline,
        Self::Timeout,
        Self::Refused,
        Self::Invalid,
        Self::SourceError,
        Self::TooLarge,
    ];

    /// The class as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::SourceError => "source-error",
            Self::TooLarge => "too-large",
        }
    }

    /// The class of a wire text.
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed pull: its class, and one line for the person who can mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What kind of failure.
    pub class: FailureClass,
    /// One line of at most [`FAILURE_TEXT_BYTES_MAX`] bytes; never a value of the customer's.
    pub detail: String,
}

impl Failure {
    /// A failure whose detail is cleaned and cut to its limit.
    pub fn new(class: FailureClass, detail: &str) -> Self {
        Self {
            class,
            detail: text::one_line(detail, FAILURE_TEXT_BYTES_MAX),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.detail)
    }
}

impl std::error::Error for Failure {}
