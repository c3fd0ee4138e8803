//! Why an authority refuses.

use std::path::PathBuf;

use spokegate_daemon::SecretError;

use crate::files::WriteError;
use crate::hop::Hop;
use crate::plan::PlanError;

/// Why an authority cannot be made, opened or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Something is there already, or the disk refuses.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The request makes no certificate.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The key file is missing or open to others.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// A file of the authority cannot be read.
    #[error("cannot read {}, hint: {}", path.display(), remedy(source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The files are not those of an authority that this program made.
    #[error("the authority in {} cannot be used: {problem}", directory.display())]
    Unusable {
        /// Its folder.
        directory: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// An identity of the other hop.
    #[error("the {hop} authority does not issue to {principal}, hint: use the other authority")]
    WrongHop {
        /// The authority that was asked.
        hop: Hop,
        /// Who would have been named.
        principal: String,
    },
    /// The certificate would outlive the authority.
    #[error(
        "the certificate would outlive the authority, which ends at {0}, hint: ask for fewer days"
    )]
    OutlivesAuthority(String),
    /// The library refused.
    #[error("cannot make the certificate: {0}")]
    Library(String),
}

/// What helps when a file of the authorities cannot be read.
fn remedy(error: &std::io::Error) -> &'static str {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        "run this as the user that `spokegate ca init` ran as"
    } else {
        "`spokegate ca init` makes the authorities"
    }
}

/// A refusal of the library, in its words.
pub(super) fn library(error: rcgen::Error) -> AuthorityError {
    AuthorityError::Library(error.to_string())
}
