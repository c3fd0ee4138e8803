//! JSON that is put into the form of the wire is let in, and comes out as the same bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    spokegate_sanitizer::properties::assert_normalised(bytes);
});
