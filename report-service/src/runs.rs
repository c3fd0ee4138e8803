//! Runs: from an order to a finished document, with every step visible while it happens.

mod batch;
mod bounds;
mod context;
mod engine;
mod failure;
mod fetch;
mod format;
mod origin;
mod plan;
mod progress;
pub mod proof;
mod sample;
mod start;
mod text;

pub use batch::{BatchId, NewBatch, Tally};
pub(crate) use bounds::Bounds;
pub use engine::{
    CUSTOMERS_MAX, Choices, DECIDED, Engine, EngineParts, Listed, NewRun, NotReplaced, StartError,
    Why,
};
pub use format::{Format, Formats, RunFile};
pub use origin::{DataPart, Origin, Review};
pub use progress::{NeedProgress, NeedState, Progress, RunState};
pub use sample::Examples;
pub use start::start_engine;
pub(crate) use text::file_digest;
use text::{date, file_stem};

use std::fmt;
use std::str::FromStr;

use spokegate_contract::TenantId;

use spokegate_contract::hex;

/// A customer as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub title: String,
    /// How numbers, dates and money are written for it.
    pub locale: docx_jinja::Locale,
}

/// The id of a run: 128 random bits, so that knowing one tells nothing of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(String);

/// A text that is not a run's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run's id has 32 lower-case hexadecimal digits")]
pub struct RunIdError;

impl RunId {
    /// A new id.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> anyhow::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("get randomness: {error}"))?;
        Ok(Self(hex::encode(&bytes)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 32 && text.bytes().all(lower) {
            Ok(Self(text.into()))
        } else {
            Err(RunIdError)
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
