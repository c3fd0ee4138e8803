//! Whatever the bytes: no panic, and what is accepted is a key that stands in them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    spokegate_sanitizer::csr::assert_key_or_refusal(bytes);
});
