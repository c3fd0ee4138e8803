//! Why there is no document, in words.

use std::io;
use std::path::{Path, PathBuf};

use super::order::Told;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum RenderFailure {
    /// The template is not usable.
    #[error("{}", .0.text)]
    Template(Told),
    /// The template cannot be filled with these values.
    #[error("{}", .0.text)]
    Values(Told),
    /// A picture beside the template is not usable.
    #[error("picture \"{name}\": {reason}")]
    Picture {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The process was ended before it had an answer.
    #[error("{}", how.sentence(*memory_mb, *document_mb, *seconds))]
    Stopped {
        /// What ended it.
        how: Stopped,
        /// How much memory it had, in MB.
        memory_mb: u64,
        /// How large its document could be, in MB.
        document_mb: u64,
        /// How long it had.
        seconds: u64,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The process cannot be started, or is not fit for the work.
    #[error("the process that fills templates: {0}")]
    Worker(String),
}

/// What ends a process that fills a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It took too long.
    Late,
    /// It needed too much memory.
    Memory,
    /// The document became too large.
    TooLarge,
    /// It broke off.
    Broken,
}

impl Stopped {
    fn sentence(self, memory_mb: u64, document_mb: u64, seconds: u64) -> String {
        let (what, hint) = match self {
            Self::Late => (
                format!("filling the template takes longer than {seconds} s (render.limit_s)"),
                "look for a loop inside a loop",
            ),
            Self::Memory => (
                format!("filling the template takes more than {memory_mb} MB (render.memory_mb)"),
                "look for text or lists that grow in a loop",
            ),
            Self::TooLarge => (
                format!("the document is larger than {document_mb} MB (render.document_mb)"),
                "choose fewer rows, or look for a loop inside a loop",
            ),
            Self::Broken => (
                "the process that fills the template broke off".to_owned(),
                "undo the last change of the template",
            ),
        };
        format!("{what}\nhint: {hint}")
    }
}

pub(super) fn at(path: &Path, error: io::Error) -> RenderFailure {
    RenderFailure::File {
        path: path.to_owned(),
        error,
    }
}
