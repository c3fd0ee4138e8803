//! What decodes, encodes to the same bytes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::{
    Ack, Admission, Crl, Enrol, Hello, Presence, PullRequest, Push, Reply, Status,
};

fn fixpoint<T: Envelope>(payload: &Bytes) {
    if let Ok(message) = T::decode(payload) {
        assert_eq!(message.encode(), payload.as_ref());
    }
}

fuzz_target!(|payload: &[u8]| {
    let payload = Bytes::copy_from_slice(payload);
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
