//! A batch of the second hop at the centre's end: one spelling, no guessed seal, only canonical records.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    spokegate_relay::assert_lines(bytes);
});
