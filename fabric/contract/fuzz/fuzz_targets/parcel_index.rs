//! What is read as an index, is written so that it is read as the same, and no path of it leads out of its module.
#![no_main]

#[path = "../properties.rs"]
#[allow(dead_code, reason = "each target uses its own")]
mod properties;

libfuzzer_sys::fuzz_target!(|line: &[u8]| {
    properties::parcel_index(line);
});
