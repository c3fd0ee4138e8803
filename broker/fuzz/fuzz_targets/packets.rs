//! Any bytes: packets, errors or a wait; never a panic, never more room than the limits allow.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _outcome = spokegate_broker::packet::digest(bytes);
});
