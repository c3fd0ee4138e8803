use super::*;
use spokegate_contract::{Failure, FailureClass};

const DEADLINE_MS: u64 = 1_000;

fn id(number: u8) -> RequestId {
    RequestId::from_bytes([number; 16])
}

fn satellite(name: &str) -> SatelliteId {
    name.parse().unwrap()
}

fn opened() -> Requests {
    let mut requests = Requests::default();
    let asked = (satellite("hq"), "devices".parse().unwrap(), 1);
    assert!(requests.open(id(1), asked.clone(), DEADLINE_MS, Bytes::new()));
    assert!(!requests.open(id(1), asked, DEADLINE_MS, Bytes::new()));
    requests
}

fn rows(sequence: u32, body: &'static [u8], last: Option<&[u8]>) -> Reply {
    let last = last.map(|all| {
        ring::digest::digest(&SHA256, all)
            .as_ref()
            .try_into()
            .unwrap()
    });
    Reply {
        id: id(1),
        sequence,
        captured_at_ms: None,
        part: Part::Rows {
            body: Bytes::from_static(body),
            last,
        },
    }
}

fn condemned(matched: Matched) -> Option<(Reason, String)> {
    match matched {
        Matched::Forward { condemned, .. } => {
            condemned.map(|condemned| (condemned.reason, condemned.rule))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_answer_passes_and_closes_the_request() {
    let mut requests = opened();
    assert_eq!(
        condemned(requests.take(&satellite("hq"), &rows(0, b"ab", None), 0)),
        None
    );
    assert_eq!(
        requests.take(&satellite("hq"), &rows(0, b"ab", None), 0),
        Matched::Repeat
    );
    assert_eq!(
        condemned(requests.take(&satellite("hq"), &rows(1, b"c", Some(b"abc")), 0)),
        None
    );
    assert_eq!(
        requests.take(&satellite("hq"), &rows(2, b"d", None), 0),
        Matched::Unmatched
    );
    assert_eq!(requests.count(), 0);
}

#[test]
fn a_document_and_a_failure_close_it_at_once() {
    for part in [
        Part::Document {
            body: Bytes::from_static(b"a"),
        },
        Part::Failure(Failure {
            class: FailureClass::SourceError,
            detail: String::new(),
        }),
    ] {
        let mut requests = opened();
        assert_eq!(
            condemned(requests.take(
                &satellite("hq"),
                &Reply {
                    id: id(1),
                    sequence: 0,
                    captured_at_ms: None,
                    part
                },
                0
            )),
            None
        );
        assert_eq!(requests.count(), 0);
    }
}

#[test]
fn gaps_and_false_digests_condemn_and_close() {
    let mut requests = opened();
    let matched = requests.take(&satellite("hq"), &rows(1, b"a", None), 0);
    assert_eq!(
        condemned(matched),
        Some((Reason::Sequence, "sequence".to_owned()))
    );
    assert_eq!(requests.count(), 0);
    let mut requests = opened();
    let matched = requests.take(&satellite("hq"), &rows(0, b"a", Some(b"b")), 0);
    assert_eq!(
        condemned(matched),
        Some((Reason::Digest, "digest".to_owned()))
    );
    assert_eq!(requests.count(), 0);
}

#[test]
fn only_the_asked_satellite_is_heard_and_only_in_time() {
    let mut requests = opened();
    assert_eq!(
        requests.take(&satellite("other"), &rows(0, b"a", None), 0),
        Matched::Unmatched
    );
    let mut stranger = rows(0, b"a", None);
    stranger.id = id(2);
    assert_eq!(
        requests.take(&satellite("hq"), &stranger, 0),
        Matched::Unmatched
    );
    assert_eq!(requests.count(), 1);
    assert_eq!(
        condemned(requests.take(&satellite("hq"), &rows(0, b"a", None), DEADLINE_MS - 1)),
        None
    );
    assert_eq!(
        requests.take(&satellite("hq"), &rows(1, b"a", None), DEADLINE_MS),
        Matched::Unmatched
    );
    assert_eq!(opened().expire(DEADLINE_MS - 1), 0);
    assert_eq!(opened().expire(DEADLINE_MS), 1);
}

#[test]
fn the_whole_answer_is_bounded() {
    let mut requests = opened();
    let open = requests.0.get_mut(&id(1)).unwrap();
    (open.next, open.bytes) = (PULL_CHUNKS_MAX - 1, PULL_BYTES_MAX - 1);
    let matched = requests.take(&satellite("hq"), &rows(PULL_CHUNKS_MAX - 1, b"a", None), 0);
    assert_eq!(condemned(matched), None);
    let matched = requests.take(&satellite("hq"), &rows(PULL_CHUNKS_MAX, b"", None), 0);
    assert_eq!(
        condemned(matched),
        Some((Reason::TooLarge, "chunks".to_owned()))
    );
    let mut requests = opened();
    requests.0.get_mut(&id(1)).unwrap().bytes = PULL_BYTES_MAX;
    let matched = requests.take(&satellite("hq"), &rows(0, b"a", None), 0);
    assert_eq!(
        condemned(matched),
        Some((Reason::TooLarge, "bytes".to_owned()))
    );
}

#[test]
fn what_has_no_answer_yet_can_be_asked_again() {
    let mut requests = opened();
    assert_eq!(requests.unanswered(&satellite("hq")).count(), 1);
    assert_eq!(requests.unanswered(&satellite("other")).count(), 0);
    requests.take(&satellite("hq"), &rows(0, b"a", None), 0);
    assert_eq!(
        requests.unanswered(&satellite("hq")).count() + requests.all_unanswered().count(),
        0
    );
}
