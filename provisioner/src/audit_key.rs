//! The key with which a sanitizer signs its audit.

use std::fmt;

use rcgen::KeyPair;
use spokegate_identity::{PublicKey, SigningKey};
use zeroize::Zeroizing;

/// A new P-256 key. `Debug` shows the public half.
pub struct AuditKey {
    pem: Zeroizing<String>,
    public_key: PublicKey,
}

impl AuditKey {
    /// One from the system's random source.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, rcgen::Error> {
        let pair = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let pem = Zeroizing::new(pair.serialize_pem());
        let public_key = SigningKey::from_pem(&pem)
            .expect("rcgen's P-256 keys in PKCS#8 are what ring reads, as a test shows")
            .public_key();
        Ok(Self { pem, public_key })
    }

    /// The private half in PKCS#8 PEM, for the sanitizer.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The public half, for the centre.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuditKey").field(&self.public_key).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_never_the_same_and_none_shows_itself() {
        let (one, other) = (AuditKey::generate().unwrap(), AuditKey::generate().unwrap());
        assert_ne!(one.public_key(), other.public_key());
        let shown = format!("{one:?}");
        assert!(shown.contains(&one.public_key().to_string()), "{shown}");
        assert!(!shown.contains("PRIVATE"), "{shown}");
    }
}
