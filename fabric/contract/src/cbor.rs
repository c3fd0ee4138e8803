//! Deterministic CBOR: writing and reading heads (RFC 8949 §4.2.1), and JSON values as CBOR.
//!
//! This module knows the form, not the content. The reader serves envelopes, whose keys are known beforehand; bodies
//! are taken apart by the sanitizer's worker alone.

mod from_json;
mod reader;
mod writer;

pub use from_json::{EncodeError, EncodeReason, from_json};
pub use reader::{MapReader, ReadError, Reader};
pub use writer::Writer;

/// Major types of RFC 8949 §3.1, as they stand in the upper three bits of a head.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
}

/// Heads of the simple values in use.
mod simple {
    pub(super) const FALSE: u8 = 0xf4;
    pub(super) const TRUE: u8 = 0xf5;
    pub(super) const NULL: u8 = 0xf6;
    pub(super) const F16: u8 = 0xf9;
    pub(super) const F32: u8 = 0xfa;
    pub(super) const F64: u8 = 0xfb;
}

#[cfg(test)]
mod tests;
