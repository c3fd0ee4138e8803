//! Bodies of the second hop: what is read, is written so that it is read as the same.
#![no_main]

#[path = "../properties.rs"]
#[allow(dead_code, reason = "each target uses its own")]
mod properties;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    properties::relay_api(text);
});
