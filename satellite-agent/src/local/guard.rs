//! Who may use the local API: whoever shows its token.

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use spokegate_daemon::Secret;
use subtle::ConstantTimeEq as _;

/// Tokens are compared by their digest, so that not even their length shows in the time it takes.
#[derive(Clone)]
pub(crate) struct Guard([u8; 32]);

impl Guard {
    pub(crate) fn new(token: &Secret) -> Self {
        Self(Sha256::digest(token.expose()).into())
    }

    /// Whether the headers hold `Authorization: Bearer <token>`.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let presented = headers
            .get(header::AUTHORIZATION)
            .map(|value| value.as_bytes())
            .unwrap_or_default();
        let token = presented.strip_prefix(b"Bearer ").unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(token).into();
        digest.ct_eq(&self.0).into()
    }
}
