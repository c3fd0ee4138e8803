//! Replays the committed fuzz corpus against the properties that the fuzz targets check.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../fuzz/properties.rs"]
mod properties;

use std::fs;
use std::path::Path;

use spokegate_contract::Topic;
use spokegate_contract::record::check_canonical;

fn replay(corpus: &str, property: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(corpus);
    let mut replayed = 0;
    for entry in fs::read_dir(folder).unwrap() {
        property(&fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 5, "{corpus}: a corpus of {replayed} inputs");
}

#[test]
fn envelopes() {
    replay("envelope", properties::envelopes);
}

#[test]
fn bodies_of_the_second_hop() {
    let taken = std::cell::Cell::new(0);
    replay("relay_api", |text| {
        taken.set(taken.get() + usize::from(properties::relay_api(text)));
    });
    assert!(taken.get() >= 8, "{} were taken", taken.get());
}

#[test]
fn canonical_json() {
    replay("canonical", |text| {
        if check_canonical(text).is_ok() {
            serde_json::from_slice::<serde_json::Value>(text).unwrap();
        }
    });
}

#[test]
fn topics() {
    replay("topic", |bytes| {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(topic) = Topic::parse(text)
        {
            assert_eq!(topic.to_string(), text);
        }
    });
}

#[test]
fn indexes_of_parcels() {
    let taken = std::cell::Cell::new(0);
    replay("parcel_index", |line| {
        taken.set(taken.get() + usize::from(properties::parcel_index(line)));
    });
    assert_eq!(taken.get(), 1);
}
