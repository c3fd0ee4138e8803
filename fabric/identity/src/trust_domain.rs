//! The name of one installation, in which its identities are valid.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use crate::principal::one_uri;
use crate::tls::{TlsError, chain};

/// SPIFFE-ID §2.1 allows 255 bytes.
const TRUST_DOMAIN_BYTES_MAX: usize = 255;

/// A SPIFFE trust domain: `[a-z0-9]` and, inside, `.`, `-`, `_`; at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustDomain(Box<str>);

/// Why a text is not a trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no trust domain; allowed are a-z, 0-9 and, inside, '.', '-' and '_', at most 255 bytes"
)]
pub struct TrustDomainError(String);

impl TrustDomain {
    /// The trust domain as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trust domains that the authorities in a file name as theirs: `spiffe://` and the domain, in their one alternative
    /// name. Authorities that name none are left out.
    ///
    /// # Errors
    /// When the file holds no certificates.
    pub fn of_authorities(path: &Path) -> Result<Vec<Self>, TlsError> {
        let name = |certificate: &CertificateDer<'_>| {
            let uri = one_uri(certificate).ok()?;
            uri.strip_prefix("spiffe://")?.parse().ok()
        };
        Ok(chain(path)?.iter().filter_map(name).collect())
    }
}

impl FromStr for TrustDomain {
    type Err = TrustDomainError;

    fn from_str(text: &str) -> Result<Self, TrustDomainError> {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let inside = |c: char| edge(c) || matches!(c, '.' | '-' | '_');
        let well_formed =
            text.starts_with(edge) && text.ends_with(edge) && text.chars().all(inside);
        if well_formed && text.len() <= TRUST_DOMAIN_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(TrustDomainError(
                text.chars().take(TRUST_DOMAIN_BYTES_MAX).collect(),
            ))
        }
    }
}

impl TryFrom<String> for TrustDomain {
    type Error = TrustDomainError;

    fn try_from(text: String) -> Result<Self, TrustDomainError> {
        text.parse()
    }
}

impl From<TrustDomain> for String {
    fn from(domain: TrustDomain) -> String {
        domain.0.into()
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_and_refused() {
        check("spokegate.local", true);
        check("a", true);
        check("a_b-c.example", true);
        check(&"a".repeat(255), true);
        check(&"a".repeat(256), false);
        for text in [
            "",
            "Spokegate.local",
            ".local",
            "local.",
            "a/b",
            "a:1",
            "a b",
            "a%2e",
            "ä",
        ] {
            check(text, false);
        }
    }

    fn check(text: &str, allowed: bool) {
        assert_eq!(text.parse::<TrustDomain>().is_ok(), allowed, "{text:?}");
    }
}
