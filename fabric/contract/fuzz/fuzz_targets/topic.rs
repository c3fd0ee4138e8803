//! What parses, prints as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spokegate_contract::Topic;

fuzz_target!(|text: &str| {
    if let Ok(topic) = Topic::parse(text) {
        assert_eq!(topic.to_string(), text);
    }
});
