//! What comes of a list that is offered.

use spokegate_identity::ListError;

/// What became of a list that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is in force.
    Taken {
        /// Its number.
        number: u64,
        /// How many certificates it revokes.
        revoked: usize,
        /// How many live sessions ended.
        ended: usize,
    },
    /// It was in force already.
    Present,
}

/// Why a list that was offered is not in force.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It does not count.
    #[error(transparent)]
    List(#[from] ListError),
    /// The present list is newer, or another one of the same number.
    #[error("the list has number {offered}, and the present one of the same root {present}")]
    Older {
        /// The number of the list in force.
        present: u64,
        /// The number of the one offered.
        offered: u64,
    },
}

impl Refused {
    /// A short word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::List(error) => error.reason(),
            Self::Older { .. } => "older",
        }
    }
}
