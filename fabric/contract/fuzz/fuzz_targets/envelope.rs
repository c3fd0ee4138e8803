//! What decodes, encodes to the same bytes.
#![no_main]

#[path = "../properties.rs"]
#[allow(dead_code, reason = "each target uses its own")]
mod properties;

libfuzzer_sys::fuzz_target!(|payload: &[u8]| properties::envelopes(payload));
