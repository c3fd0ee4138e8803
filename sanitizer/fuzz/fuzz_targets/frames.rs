//! Bytes on the pipes between the processes, in both directions: the same frames whatever the cuts, and no panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    spokegate_sanitizer::properties::assert_frames(bytes);
});
