//! Finished documents by mail: to whom, with which words, and when they really went.

mod address;

pub use address::{AddressError, MailAddress};

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
