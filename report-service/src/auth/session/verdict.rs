//! The pure rule: what a stored session is worth at a given moment.

use super::SessionLimits;
use crate::auth::Site;
use crate::store::sessions::SessionRow;

/// Why a cookie does not make a session.
#[derive(Debug, thiserror::Error)]
pub enum NoSession {
    /// No cookie, or one that was never a session here.
    #[error("no-session")]
    Unknown,
    /// Too long without activity.
    #[error("idle")]
    Idle,
    /// As old as a session may get.
    #[error("too-old")]
    TooOld,
    /// Ended by sign-out, by an administrator or by a newer sign-in.
    #[error("ended")]
    Ended,
    /// The directory no longer knows the person or has closed the account.
    #[error("person-gone")]
    PersonGone,
    /// The person has left the groups of this listener.
    #[error("role-lost")]
    RoleLost,
    /// It was the break-glass account's, and the directory answers again.
    #[error("directory-is-back")]
    DirectoryBack,
    /// The directory has not confirmed the person for too long and does not answer now. The session may go on later.
    #[error("unconfirmed")]
    Unconfirmed,
    /// The store failed.
    #[error("store-failed")]
    Store(#[from] sqlx::Error),
}

/// What the stored row alone says at `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good for this request.
    Live,
    /// Good once the directory has confirmed it.
    Recheck,
    /// Over: too long without activity.
    Idle,
    /// Over: too old.
    TooOld,
    /// Over: ended by an act.
    Ended,
    /// Belongs to the other listener.
    OtherSite,
}

/// The pure rule behind [`super::Sessions::check`].
#[must_use]
pub fn judge(row: &SessionRow, site: Site, now_ms: u64, limits: &SessionLimits) -> Verdict {
    if row.site != site {
        Verdict::OtherSite
    } else if row.ended.is_some() {
        Verdict::Ended
    } else if now_ms >= row.absolute_until {
        Verdict::TooOld
    } else if now_ms >= row.idle_until {
        Verdict::Idle
    } else if now_ms >= row.checked_at.saturating_add(limits.recheck_ms) {
        Verdict::Recheck
    } else {
        Verdict::Live
    }
}
