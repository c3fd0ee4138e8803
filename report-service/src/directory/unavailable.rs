//! When there is no answer to rely on.

/// The directory gives no answer that can be relied on. Never a failed attempt of a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No server answered.
    #[error("no directory server answers: {last}")]
    NoServer {
        /// What the last one tried had to say.
        last: String,
    },
    /// The servers answer, but too slowly as a whole.
    #[error("the directory takes too long")]
    Slow,
    /// The service account's name or password is wrong. It rests for ten minutes, lest it be locked.
    #[error(
        "the directory refuses the service account ({reason}), hint: check directory.bind_dn and its password"
    )]
    ServiceAccount {
        /// Why.
        reason: String,
    },
    /// The service account's password cannot be read.
    #[error("the service account's password cannot be read: {reason}")]
    NoPassword {
        /// Why.
        reason: String,
    },
}

impl Unavailable {
    /// What an administrator reads.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoServer { .. } => {
                "No server answers. Check directory.urls, the network and the servers' certificates."
            }
            Self::Slow => "The servers take too long to answer.",
            Self::ServiceAccount { .. } => {
                "The service account is refused. Check directory.bind_dn and its password; it is tried again after ten minutes."
            }
            Self::NoPassword { .. } => {
                "The service account's password cannot be read. Check directory.bind_password_file."
            }
        }
    }

    /// The word for the audit.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoServer { .. } => "directory-down",
            Self::Slow => "directory-slow",
            Self::ServiceAccount { .. } | Self::NoPassword { .. } => "service-account-refused",
        }
    }
}
