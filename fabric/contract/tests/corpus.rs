//! Replays the committed fuzz corpus against the properties that the fuzz targets check.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use spokegate_contract::envelope::{
    Ack, Admission, Crl, Enrol, Hello, Presence, PullRequest, Push, Reply, Status,
};
use spokegate_contract::record::check_canonical;
use spokegate_contract::{Envelope, Topic};

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

fn fixpoint<T: Envelope>(payload: &Bytes) {
    if let Ok(message) = T::decode(payload) {
        assert_eq!(message.encode(), payload.as_ref());
    }
}

#[test]
fn envelopes() {
    replay("envelope", |bytes| {
        let payload = Bytes::copy_from_slice(bytes);
        fixpoint::<PullRequest>(&payload);
        fixpoint::<Ack>(&payload);
        fixpoint::<Reply>(&payload);
        fixpoint::<Push>(&payload);
        fixpoint::<Hello>(&payload);
        fixpoint::<Status>(&payload);
        fixpoint::<Presence>(&payload);
        fixpoint::<Enrol>(&payload);
        fixpoint::<Admission>(&payload);
        fixpoint::<Crl>(&payload);
    });
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
