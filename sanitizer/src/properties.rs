//! What fuzzing and the corpus tests hold the frames, the worker's judgement and the second hop's calls to.

use crate::body::BodyLimits;
use crate::contracts::Library;
use crate::link::{
    AnswerHead, FromEgress, FromIngest, FromWorker, ToEgress, ToIngest, ToWorker, WorkHead,
    encode_into, read_frame,
};
use crate::worker::Bench;
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spokegate_contract::envelope::{Part, Push, Reply};
use spokegate_contract::limits::POINTER_BYTES_MAX;
use spokegate_contract::record::{Flat, Lane, Record, check_canonical};
use spokegate_contract::{DatasetId, Envelope, Registry, RequestId, SatelliteId, TenantId, cbor};
use std::path::Path;
use std::sync::OnceLock;

/// Frames in the order in which they come out, as JSON and body, and whether the pipe is of no use after them.
type Read = (Vec<(Value, Vec<u8>)>, bool);

/// Takes bytes as a pipe to and from each process: whatever the cuts, the same frames come out, and a frame that came
/// out is written so that it comes out again.
///
/// # Panics
/// When the property does not hold.
pub fn assert_frames(bytes: &[u8]) {
    assert_pipe::<ToWorker>(bytes);
    assert_pipe::<FromWorker>(bytes);
    assert_pipe::<ToIngest>(bytes);
    assert_pipe::<FromIngest>(bytes);
    assert_pipe::<ToEgress>(bytes);
    assert_pipe::<FromEgress>(bytes);
}

fn assert_pipe<H: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let whole = read_in_pieces::<H>(bytes, bytes.len());
    for piece in [1, 7] {
        assert!(
            read_in_pieces::<H>(bytes, piece) == whole,
            "frames do not depend on how they arrive"
        );
    }
    for (head, body) in &whole.0 {
        let head: H =
            serde_json::from_value(head.clone()).expect("a head that was read is written alike");
        let mut again = BytesMut::new();
        encode_into(&head, body, &mut again);
        let (frames, broken) = read_in_pieces::<H>(&again, again.len());
        let same = matches!(frames.as_slice(), [(_, read)] if read == body);
        assert!(same && !broken, "a frame comes out as it went in");
    }
}

fn read_in_pieces<H: Serialize + DeserializeOwned>(bytes: &[u8], piece: usize) -> Read {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        loop {
            match read_frame::<H>(&mut buffer) {
                Ok(Some(frame)) => {
                    let head = serde_json::to_value(&frame.head).expect("heads are plain data");
                    frames.push((head, frame.body.to_vec()));
                }
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// Channel and dataset of a fuzzed message, by its first byte.
const MESSAGES: [(&str, &str); 8] = [
    ("reply", "devices"),
    ("reply", "patch-status"),
    ("push", "backup-jobs"),
    ("push", "devices"),
    ("hello", "devices"),
    ("status", "devices"),
    ("presence", "devices"),
    ("enrol", "devices"),
];

/// Takes bytes as a message of the channel that the first one chooses: every record is canonical and well-formed, a
/// refusal has its quarantine record, and data that passes is, encoded anew, the body that came. Says whether it passed.
///
/// # Panics
/// When the property does not hold.
pub fn assert_judged(bytes: &[u8]) -> bool {
    let Some((first, payload)) = bytes.split_first() else {
        return false;
    };
    let (channel, dataset) = *MESSAGES
        .iter()
        .cycle()
        .nth(usize::from(*first))
        .expect("a cycle has no end");
    let work = work(channel, dataset);
    let payload = Bytes::copy_from_slice(payload);
    let judged = bench().judge(&work, &payload);
    if let Some(body) = body(channel, &payload) {
        assert_judges_agree(dataset, &body);
    }
    let bytes: usize = judged.records.iter().map(|(_, record)| record.len()).sum();
    assert!(
        bytes <= AnswerHead::bytes_max(payload.len()),
        "an answer is within its bound"
    );
    for (lane, record) in &judged.records {
        assert!(check_canonical(record).is_ok(), "a record is canonical");
        let flat: Flat<'_> = serde_json::from_slice(record).expect("a record has known members");
        let known = Record::try_from(flat);
        assert!(known.is_ok(), "the centre reads every record: {known:?}");
        if *lane == Lane::Quarantine {
            assert!(
                judged.refusal.is_some(),
                "quarantine is for what is refused"
            );
        }
    }
    if let Some(refusal) = &judged.refusal {
        assert!(!judged.records.is_empty() && refusal.pointer.len() <= POINTER_BYTES_MAX);
        return false;
    }
    if let [(Lane::Reply | Lane::Push, record)] = judged.records.as_slice()
        && let Some(body) = body(channel, &payload)
    {
        assert_same_data(record, &body);
    }
    true
}

/// Whatever stands in a body, and is it no row at all: the quick judge and the library say the same of it.
fn assert_judges_agree(dataset: &str, body: &[u8]) {
    let dataset = DatasetId::try_from(dataset.to_owned()).expect("an id");
    let shaped = bench()
        .library
        .get(&dataset, 1)
        .expect("a shipped contract");
    let Ok(tree) = crate::body::decode(body, &bench().limits) else {
        return;
    };
    let elements = tree.root().elements().into_iter().flatten();
    for node in elements.chain([tree.root()]) {
        assert!(shaped.agrees(node), "the two judges say the same");
    }
}

fn assert_same_data(record: &[u8], body: &[u8]) {
    let record: Value = serde_json::from_slice(record).expect("canonical JSON is JSON");
    let data = record.get("rows").or_else(|| record.get("document"));
    let mut again = Vec::new();
    cbor::from_json(data.expect("data that passed"), &mut again)
        .expect("data that passed can be sent");
    assert!(again == body, "data that passed is the body that came");
}

fn body(channel: &str, payload: &Bytes) -> Option<Bytes> {
    if channel == "push" {
        return Push::decode(payload).ok().map(|push| push.body);
    }
    match Reply::decode(payload).ok()?.part {
        Part::Rows { body, .. } | Part::Document { body } => Some(body),
        Part::Failure(_) => None,
    }
}

fn work(channel: &str, dataset: &str) -> WorkHead {
    let is_reply = channel == "reply";
    WorkHead {
        token: 1,
        tenant: TenantId::try_from("acme".to_owned()).expect("an id"),
        satellite: SatelliteId::try_from("hq".to_owned()).expect("an id"),
        at_ms: 1_800_000_000_000,
        channel: channel.to_owned(),
        dataset: Some(DatasetId::try_from(dataset.to_owned()).expect("an id")),
        version: is_reply.then_some(1),
        id: is_reply.then(|| RequestId::from_bytes([1; 16])),
        condemned: None,
        push: None,
        hello: None,
    }
}

/// What a worker of this source tree judges by.
fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
        let registry = Registry::open(&schemas).expect("the shipped contracts are there");
        Bench {
            library: Library::compile(&registry).expect("the shipped contracts compile"),
            limits: BodyLimits::default(),
        }
    })
}

/// Takes bytes as the parameters of a call of the centre, in JSON: what is encoded for a satellite is a body that is let
/// in, and comes out as the same parameters. Says whether it was encoded.
///
/// # Panics
/// When the property does not hold.
pub fn assert_normalised(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return false;
    };
    let mut body = Vec::new();
    if cbor::from_json(&value, &mut body).is_err() {
        return false;
    }
    // Names are cleaned, and may hold what names of canonical JSON have not.
    let limits = BodyLimits::default();
    match crate::body::decode(&body, &limits) {
        Ok(_) => crate::body::assert_fixpoint(&body),
        Err(refusal) => {
            assert!(
                refusal.rule == crate::body::Rule::Character,
                "an encoded body breaks only the rule of names: {refusal}"
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a property over a corpus; says of how many inputs it held that they passed, and of how many not.
    fn replay(corpus: &str, property: impl Fn(&[u8]) -> bool) -> (usize, usize) {
        let folder = format!("{}/fuzz/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
        let mut verdicts = (0, 0);
        for entry in std::fs::read_dir(folder).unwrap() {
            if property(&std::fs::read(entry.unwrap().path()).unwrap()) {
                verdicts.0 += 1;
            } else {
                verdicts.1 += 1;
            }
        }
        verdicts
    }

    #[test]
    fn the_fuzzers_corpora_hold() {
        let frames = |bytes: &[u8]| {
            assert_frames(bytes);
            true
        };
        assert!(replay("frames", frames).0 >= 10);
        let (passed, refused) = replay("judged", assert_judged);
        assert!(passed >= 8 && refused >= 10, "{passed} {refused}");
        let (passed, refused) = replay("normalised", assert_normalised);
        assert!(passed >= 10 && refused >= 5, "{passed} {refused}");
    }
}
