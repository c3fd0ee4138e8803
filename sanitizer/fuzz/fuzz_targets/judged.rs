//! A whole message of any channel against the shipped contracts: records are canonical, and data is what came.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    spokegate_sanitizer::properties::assert_judged(bytes);
});
