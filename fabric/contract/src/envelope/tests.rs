use super::*;
use crate::dataset::Shape;
use proptest::prelude::*;

#[track_caller]
fn round_trip<T: Envelope + PartialEq + std::fmt::Debug>(message: &T) {
    let payload = Bytes::from(message.encode());
    assert_eq!(T::decode(&payload).as_ref(), Ok(message));
    // Deterministic: reading and writing again gives the same bytes, and every cut or added byte is refused.
    assert_eq!(
        T::decode(&payload).map(|m| m.encode()),
        Ok(payload.to_vec())
    );
    for end in 0..payload.len() {
        assert!(
            T::decode(&payload.slice(..end)).is_err(),
            "accepted when cut to {end} bytes"
        );
    }
    let longer = [payload.as_ref(), &[0]].concat();
    assert_eq!(
        T::decode(&Bytes::from(longer)),
        Err(ReadError::Trailing.into())
    );
}

fn id() -> impl Strategy<Value = RequestId> {
    any::<[u8; 16]>().prop_map(RequestId::from_bytes)
}

fn body() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        (body(), any::<Option<Digest>>()).prop_map(|(body, last)| Part::Rows { body, last }),
        body().prop_map(|body| Part::Document { body }),
        (prop::sample::select(&FailureClass::ALL[..]), "\\PC{0,500}")
            .prop_map(|(class, detail)| Part::Failure(Failure::new(class, &detail))),
    ]
}

const MOST: u64 = crate::limits::INTEGER_MAX;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pull_requests(id in id(), version: u16, params in body(), deadline_ms: u64, credit: u32) {
        round_trip(&PullRequest { id, version, params, deadline_ms, credit });
    }

    #[test]
    fn replies(id in id(), sequence: u32, part in part()) {
        round_trip(&Reply { id, sequence, part });
    }

    #[test]
    fn pushes(epoch in 0..=MOST, sequence in 0..=MOST, version: u16, captured_at_ms in 0..=MOST, rows: bool, body in body()) {
        let shape = if rows { Shape::Rows } else { Shape::Document };
        round_trip(&Push { epoch, sequence, version, captured_at_ms, shape, body });
    }

    #[test]
    fn acks(id in id(), epoch: u64, sequence: u64, chunks: u32) {
        round_trip(&Ack::Push { epoch, sequence });
        round_trip(&Ack::Credit { id, chunks });
        round_trip(&Ack::Cancel { id });
    }

    #[test]
    fn hellos(at_ms in 0..=MOST, epoch in 0..=MOST, last_sequence in 0..=MOST, acked_sequence in 0..=MOST,
              names in prop::collection::vec("[a-z]{2,40}", 0..64), agent_version in "[0-9.]{0,40}") {
        let datasets = names.iter().map(|n| (n.parse().unwrap(), 1)).collect();
        round_trip(&Hello { agent_version, at_ms, epoch, last_sequence, acked_sequence, datasets });
    }

    #[test]
    fn statuses(at_ms in 0..=MOST, spool_messages in 0..=MOST, spool_bytes in 0..=MOST, online: bool,
                node_red in prop::sample::select(&SourceHealth::ALL[..])) {
        round_trip(&Status { agent_version: "0.1.0".into(), at_ms, spool_messages, spool_bytes, node_red });
        round_trip(&Presence { online, at_ms });
    }

    #[test]
    fn decoding_never_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let payload = Bytes::from(payload);
        let _ = (PullRequest::decode(&payload), Ack::decode(&payload), Reply::decode(&payload), Push::decode(&payload));
        let _ = (Hello::decode(&payload), Status::decode(&payload), Presence::decode(&payload));
    }
}

/// The bytes of one message of each kind, spelt out: whoever writes another agent starts here.
#[test]
fn presence_on_the_wire() {
    let payload = Presence {
        online: true,
        at_ms: 1000,
    }
    .encode();
    let expected = b"\xa3\x61v\x01\x62at\x19\x03\xe8\x66online\xf5";
    assert_eq!(payload, expected);
}

#[test]
fn what_does_not_belong_is_refused() {
    let presence = |bytes: &[u8]| Presence::decode(&Bytes::copy_from_slice(bytes)).map(|_| ());
    let form = |error: ReadError| Err(EnvelopeError::Form(error));
    assert_eq!(
        presence(b"\xa3\x61v\x02\x62at\x00\x66online\xf5"),
        Err(EnvelopeError::Version(2))
    );
    assert_eq!(
        presence(b"\xa2\x62at\x00\x66online\xf5"),
        form(ReadError::MissingKey)
    );
    assert_eq!(
        presence(b"\xa4\x61v\x01\x62at\x00\x66online\xf5\x66policy\x01"),
        form(ReadError::UnknownKey)
    );
    assert_eq!(
        presence(b"\xa4\x61v\x01\x62at\x00\x66online\xf5\x62at\x00"),
        form(ReadError::KeyOrder)
    );
    assert_eq!(
        presence(b"\xa4\x61v\x01\x61v\x01\x62at\x00\x66online\xf5"),
        form(ReadError::KeyOrder)
    );
    assert_eq!(
        presence(b"\xa3\x61v\x01\x62at\x18\x05\x66online\xf5"),
        form(ReadError::Form)
    );
    assert_eq!(presence(b"\xbf\x61v\x01\xff"), form(ReadError::Form));
    assert_eq!(presence(b"\x83\x01\x02\x03"), form(ReadError::Type));
    let large = Bytes::from(vec![0; MESSAGE_BYTES_MAX + 1]);
    assert_eq!(
        Presence::decode(&large),
        Err(EnvelopeError::Size(MESSAGE_BYTES_MAX + 1))
    );
}

#[test]
fn the_largest_chunk_fits_a_message() {
    let body = Bytes::from(vec![0; crate::limits::CHUNK_BYTES_MAX]);
    let push = Push {
        epoch: MOST,
        sequence: MOST,
        version: u16::MAX,
        captured_at_ms: MOST,
        shape: Shape::Document,
        body: body.clone(),
    };
    assert!(push.encode().len() <= MESSAGE_BYTES_MAX);
    let id = RequestId::from_bytes([0xff; 16]);
    let reply = Reply {
        id,
        sequence: u32::MAX,
        part: Part::Rows {
            body,
            last: Some([0; 32]),
        },
    };
    assert!(reply.encode().len() <= MESSAGE_BYTES_MAX);
}
