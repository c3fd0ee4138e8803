//! The key that says a record came out of a sanitizer's worker unchanged.

use std::path::Path;

use anyhow::Context as _;
use ring::hmac;

use crate::text::unhex;

/// An HMAC-SHA256 key shared with the sanitizer's workers.
#[derive(Clone)]
pub struct SealKey(hmac::Key);

impl SealKey {
    /// The key of 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Reads a file of 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the file cannot be read or holds anything else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("read the seal key {}", path.display()))?;
        unhex(text.trim())
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|bytes| Self::new(&bytes))
            .with_context(|| {
                format!(
                    "the seal key {} must be 64 hexadecimal digits",
                    path.display()
                )
            })
    }

    /// Whether the seal, in lower-case hexadecimal, is of these bytes. Takes the same time wherever it differs.
    pub(crate) fn verify(&self, record: &[u8], seal: &[u8]) -> bool {
        let lower = seal
            .iter()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
        let bytes = std::str::from_utf8(seal)
            .ok()
            .filter(|_| lower)
            .and_then(unhex);
        bytes.is_some_and(|tag| hmac::verify(&self.0, record, &tag).is_ok())
    }

    /// The seal of a record, for tests that play the sanitizer.
    #[cfg(test)]
    pub(crate) fn seal(&self, record: &[u8]) -> String {
        crate::text::hex(hmac::sign(&self.0, record).as_ref())
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(redacted)")
    }
}
