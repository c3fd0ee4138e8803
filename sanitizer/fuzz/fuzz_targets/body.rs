//! Whatever the bytes: no panic, and what is accepted is a fixpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    spokegate_sanitizer::body::assert_fixpoint(bytes);
});
