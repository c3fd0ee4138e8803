//! What the recogniser accepts, a JSON parser reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spokegate_contract::record::check_canonical;

fuzz_target!(|text: &[u8]| {
    if check_canonical(text).is_ok() {
        serde_json::from_slice::<serde_json::Value>(text).expect("canonical JSON is JSON");
    }
});
