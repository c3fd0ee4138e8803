//! Finished documents by mail: to whom, with which words, and when they really went.

mod address;
mod clerk;
mod owner;
mod post;
mod trial;

pub use address::{AddressError, MailAddress};
pub use clerk::{look, put_by, watch};
pub use post::PostError;
pub(crate) use post::check;
pub use trial::{TestError, TestLetters, test};

use serde::{Deserialize, Serialize};

/// Most receivers of one letter, copies included.
pub const RECEIVERS_MAX: usize = 50;
/// Longest subject, in characters.
pub const SUBJECT_CHARS_MAX: usize = 200;
/// Longest text, in characters.
pub const TEXT_CHARS_MAX: usize = 5_000;

/// What goes out when a document is ready and may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// To whom; never empty.
    pub to: Vec<MailAddress>,
    /// Who gets a copy.
    pub cc: Vec<MailAddress>,
    /// `{title}`, `{tenants}`, `{date}` and `{period}` are filled in; empty for the usual one.
    pub subject: String,
    /// Plain text above the link or the attachment.
    pub text: String,
    /// The document itself, not a link to it; a link all the same where it is too large.
    pub attach: bool,
}

/// Where a letter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LetterState {
    /// For its document, or for the server.
    Waiting,
    /// The server took it.
    Sent,
    /// The server will not have it or never answered, or its owner may no longer have what it is about.
    Failed,
    /// There is nothing to send.
    Dropped,
}

impl LetterState {
    /// The word in the store and in pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// A word that is none of a letter's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a letter is waiting, sent, failed or dropped")]
pub struct NoLetterState;

impl std::str::FromStr for LetterState {
    type Err = NoLetterState;

    fn from_str(text: &str) -> Result<Self, NoLetterState> {
        let mut all = [Self::Waiting, Self::Sent, Self::Failed, Self::Dropped].into_iter();
        all.find(|state| state.as_str() == text)
            .ok_or(NoLetterState)
    }
}

/// A letter as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterRow {
    /// Its id.
    pub id: String,
    /// The stable id of the person whose schedule it is of.
    pub owner_id: String,
    /// The run that it is about; empty for a batch.
    pub run: String,
    /// The batch that it is about; empty for a run.
    pub batch: String,
    /// What was asked for.
    pub letter: Letter,
    /// Where it stands.
    pub state: LetterState,
    /// How often the server was asked.
    pub attempts: u64,
    /// When it is looked at next, in milliseconds since 1970.
    pub next_at_ms: u64,
    /// What the server said; empty when all went well.
    pub note: String,
    /// When it was put by.
    pub created_at_ms: u64,
    /// When the server took it; 0 before.
    pub sent_at_ms: u64,
}
