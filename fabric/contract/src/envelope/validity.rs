//! When a certificate begins and ends.

use crate::cbor::{MapReader, ReadError, Writer};
use crate::limits::NOT_AFTER_S_MAX;

/// A certificate's `notBefore` and `notAfter` (RFC 5280 §4.1.2.5), in seconds since 1970; it ends after it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    not_before_s: u64,
    not_after_s: u64,
}

impl Validity {
    /// The two moments; nothing when the end is not after the beginning, or beyond what a certificate can say.
    pub fn new(not_before_s: u64, not_after_s: u64) -> Option<Self> {
        let fits = not_before_s < not_after_s && not_after_s <= NOT_AFTER_S_MAX;
        fits.then_some(Self {
            not_before_s,
            not_after_s,
        })
    }

    /// When it begins, in seconds since 1970.
    pub fn not_before_s(self) -> u64 {
        self.not_before_s
    }

    /// When it ends, in seconds since 1970.
    pub fn not_after_s(self) -> u64 {
        self.not_after_s
    }

    /// When it begins, in milliseconds since 1970.
    pub fn not_before_ms(self) -> u64 {
        self.not_before_s.saturating_mul(1_000)
    }

    /// When it ends, in milliseconds since 1970.
    pub fn not_after_ms(self) -> u64 {
        self.not_after_s.saturating_mul(1_000)
    }

    pub(super) fn write(self, writer: &mut Writer<'_>) {
        writer.text("not_after");
        writer.unsigned(self.not_after_s);
        writer.text("not_before");
        writer.unsigned(self.not_before_s);
    }

    /// Both moments, or neither.
    pub(super) fn read(map: &mut MapReader<'_>) -> Result<Option<Self>, ReadError> {
        let Some(reader) = map.optional("not_after")? else {
            return Ok(None);
        };
        let not_after_s = reader.unsigned(NOT_AFTER_S_MAX)?;
        let not_before_s = map.required("not_before")?.unsigned(NOT_AFTER_S_MAX)?;
        Self::new(not_before_s, not_after_s)
            .map(Some)
            .ok_or(ReadError::Value)
    }
}
