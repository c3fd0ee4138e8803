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

fn some(most: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 1..=most).prop_map(Bytes::from)
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
const LATEST: u64 = crate::limits::NOT_AFTER_S_MAX;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pull_requests(id in id(), version: u16, params in body(), deadline_ms: u64, credit: u32) {
        round_trip(&PullRequest { id, version, params, deadline_ms, credit });
    }

    #[test]
    fn replies(id in id(), sequence: u32, captured_at_ms in prop::option::of(0..=MOST), part in part()) {
        // A failure has no data that could have been taken at any time.
        let captured_at_ms = captured_at_ms.filter(|_| !matches!(part, Part::Failure(_)));
        round_trip(&Reply { id, sequence, captured_at_ms, part });
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
                spool_oldest_ms in prop::option::of(0..=MOST), restart_due_ms in prop::option::of(0..=MOST), validity in prop::option::of((0..LATEST, 1..=LATEST)),
                node_red in prop::sample::select(&SourceHealth::ALL[..])) {
        let certificate = validity.and_then(|(from, life)| Validity::new(from, (from + life).min(LATEST)));
        prop_assert_eq!(certificate.is_some(), validity.is_some());
        round_trip(&Status { agent_version: "0.1.0".into(), at_ms, spool_messages, spool_bytes, spool_oldest_ms, node_red, restart_due_ms, certificate });
        round_trip(&Presence { online, at_ms });
    }

    #[test]
    fn enrolments(id in id(), csr in some(400), token in "[0-9a-f]{16}", proof: [u8; 32], serial in some(20),
                  signature in some(80), peer: Option<std::net::IpAddr>) {
        let peer = peer.map(|peer| peer.to_string());
        let join = EnrolRequest::Join { token, proof };
        let renew = EnrolRequest::Renew { serial, signature };
        for request in [join, renew] {
            round_trip(&Enrol { id, csr: csr.clone(), request, peer: peer.clone() });
        }
    }

    #[test]
    fn admissions(id in id(), certificate in some(600), roots in some(600), signature in some(80),
                  retry_s in 0..=crate::limits::RETRY_S_MAX) {
        for verdict in [Verdict::Issued { certificate, roots, signature }, Verdict::Pending { retry_s }, Verdict::Refused] {
            round_trip(&Admission { id, verdict });
        }
    }

    #[test]
    fn revocation_lists(der in some(600)) {
        round_trip(&Crl { der });
    }

    #[test]
    fn commands(id in id(), args in some(600), number in 1..=MOST, expires_ms in 0..=MOST, signature in some(80)) {
        round_trip(&Command { id, args, number, expires_ms, signature });
    }

    #[test]
    fn parcels(body in some(600), index: u32, digest: Digest) {
        round_trip(&Parcel { body, index, digest });
    }

    #[test]
    fn results(id in id(), number in 1..=MOST, from: u32, count in 1..=crate::limits::PARCEL_PARTS_WANTED_MAX,
               fault in prop::sample::select(&CommandFault::ALL[..]), detail in "\\PC{0,500}") {
        for outcome in [CommandOutcome::Wants { from, count }, CommandOutcome::done(&detail), CommandOutcome::failed(fault, &detail)] {
            round_trip(&CommandResult { id, number, outcome });
        }
    }

    #[test]
    fn decoding_never_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let payload = Bytes::from(payload);
        let _ = (PullRequest::decode(&payload), Ack::decode(&payload), Reply::decode(&payload), Push::decode(&payload));
        let _ = (Enrol::decode(&payload), Admission::decode(&payload), Crl::decode(&payload));
        let _ = (Command::decode(&payload), Parcel::decode(&payload), CommandResult::decode(&payload));
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

/// What an agent sends that says nothing of its certificate: valid, and written again as it was.
const OLD_STATUS: &[u8] =
    b"\xa6\x61v\x01\x62at\x01\x65agent\x650.1.0\x68node_red\x62up\x6bspool_bytes\x00\x6espool_messages\x00";

#[test]
fn a_status_says_when_its_certificate_begins_and_ends_or_neither() {
    let read = |bytes: &[u8]| Status::decode(&Bytes::copy_from_slice(bytes));
    let old = read(OLD_STATUS).unwrap();
    assert_eq!((old.certificate, old.spool_oldest_ms), (None, None));
    assert_eq!(old.encode(), OLD_STATUS);
    // What comes after the agent's Node-RED, and how many keys it adds.
    let check = |keys: u8, members: &[u8], expected: Result<Option<(u64, u64)>, ReadError>| {
        let at = OLD_STATUS.iter().position(|byte| *byte == 0x6b).unwrap();
        let (before, after) = OLD_STATUS.split_at(at);
        let mut payload = [before, members, after].concat();
        payload[0] += keys;
        let found = read(&payload).map(|status| {
            let certificate = status.certificate;
            certificate.map(|it| (it.not_before_s(), it.not_after_s()))
        });
        assert_eq!(found, expected.map_err(EnvelopeError::Form), "{members:?}");
    };
    check(2, b"\x69not_after\x05\x6anot_before\x04", Ok(Some((4, 5))));
    check(2, b"\x69not_after\x05\x6anot_before\x00", Ok(Some((0, 5))));
    for ends_first in [
        b"\x69not_after\x05\x6anot_before\x05",
        b"\x69not_after\x04\x6anot_before\x05",
    ] {
        check(2, ends_first, Err(ReadError::Value));
    }
    check(1, b"\x69not_after\x05", Err(ReadError::MissingKey));
    check(1, b"\x6anot_before\x05", Err(ReadError::MissingKey));
    check(
        2,
        b"\x6anot_before\x04\x69not_after\x05",
        Err(ReadError::MissingKey),
    );
    check(
        2,
        b"\x69not_after\x614\x6anot_before\x04",
        Err(ReadError::Type),
    );
}

#[test]
fn a_validity_ends_after_it_begins() {
    for (from, to, fits) in [
        (0, 1, true),
        (0, 0, false),
        (5, 4, false),
        (0, LATEST, true),
        (0, LATEST + 1, false),
    ] {
        assert_eq!(Validity::new(from, to).is_some(), fits, "{from} {to}");
    }
    let validity = Validity::new(3, 4).unwrap();
    assert_eq!(
        (validity.not_before_ms(), validity.not_after_ms()),
        (3_000, 4_000)
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
        captured_at_ms: Some(MOST),
        part: Part::Rows {
            body,
            last: Some([0; 32]),
        },
    };
    assert!(reply.encode().len() <= MESSAGE_BYTES_MAX);
}

#[test]
fn only_data_says_when_it_was_taken() {
    let reply = |part| Reply {
        id: RequestId::from_bytes([1; 16]),
        sequence: 0,
        captured_at_ms: Some(MOST),
        part,
    };
    let document = reply(Part::Document {
        body: Bytes::from_static(b"\xa0"),
    });
    assert_eq!(Reply::decode(&document.encode().into()).unwrap(), document);
    let failed = reply(Part::Failure(Failure::new(FailureClass::Timeout, "late")));
    let decoded = Reply::decode(&failed.encode().into()).unwrap();
    assert_eq!(decoded.captured_at_ms, None);
    // The same written by somebody else is refused.
    let mut hostile = Vec::new();
    let mut writer = super::begin(&mut hostile, 5);
    super::write_id(&mut writer, failed.id);
    for text in ["class", "timeout", "detail", "late", "captured"] {
        writer.text(text);
    }
    writer.unsigned(MOST);
    writer.text("sequence");
    writer.unsigned(0);
    Reply::decode(&hostile.into()).unwrap_err();
}

fn join(token: &str, peer: Option<&str>, csr_bytes: usize) -> Enrol {
    Enrol {
        id: RequestId::from_bytes([7; 16]),
        csr: Bytes::from(vec![0x30; csr_bytes]),
        request: EnrolRequest::Join {
            token: token.to_owned(),
            proof: [1; 32],
        },
        peer: peer.map(str::to_owned),
    }
}

#[test]
fn an_enrolment_at_its_limits_and_beyond() {
    const TOKEN: &str = "0123456789abcdef";
    let check = |enrol: &Enrol, expected: Result<(), ReadError>| {
        let decoded = Enrol::decode(&Bytes::from(enrol.encode())).map(|_| ());
        assert_eq!(decoded, expected.map_err(EnvelopeError::Form), "{enrol:?}");
    };
    let most = crate::limits::CSR_BYTES_MAX;
    check(&join(TOKEN, None, most), Ok(()));
    check(&join(TOKEN, None, most + 1), Err(ReadError::Limit));
    check(&join(TOKEN, None, 0), Err(ReadError::Value));
    for token in ["0123456789abcde", "0123456789ABCDEF", "0123456789abcdeg"] {
        check(&join(token, None, 1), Err(ReadError::Value));
    }
    check(&join("0123456789abcdef0", None, 1), Err(ReadError::Limit));
    for peer in ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"] {
        check(&join(TOKEN, Some(peer), 1), Ok(()));
    }
    for peer in [
        "",
        "host",
        "192.0.2.07",
        "2001:DB8::1",
        "fe80::1%eth0",
        "192.0.2.7:80",
    ] {
        check(&join(TOKEN, Some(peer), 1), Err(ReadError::Value));
    }
    let renew = |serial: usize, signature: usize| Enrol {
        request: EnrolRequest::Renew {
            serial: Bytes::from(vec![1; serial]),
            signature: Bytes::from(vec![1; signature]),
        },
        ..join(TOKEN, None, 1)
    };
    check(&renew(20, 80), Ok(()));
    check(&renew(21, 80), Err(ReadError::Limit));
    check(&renew(20, 81), Err(ReadError::Limit));
    check(&renew(0, 80), Err(ReadError::Value));
    check(&renew(20, 0), Err(ReadError::Value));
}

#[test]
fn an_admission_has_the_members_of_its_verdict_and_no_other() {
    let id = RequestId::from_bytes([7; 16]);
    let encode = |verdict| Admission { id, verdict }.encode();
    let refused = encode(Verdict::Refused);
    let text = |bytes: &[u8]| bytes.windows(7).position(|w| w == b"refused").unwrap();
    // The same map under another verdict's name lacks that verdict's members.
    for other in [b"issued_", b"pending"] {
        let mut forged = refused.clone();
        let at = text(&forged);
        forged[at..at + 7].copy_from_slice(other);
        assert_eq!(
            Admission::decode(&Bytes::from(forged)),
            Err(ReadError::Value.into())
        );
    }
    let mut named = encode(Verdict::Pending { retry_s: 5 });
    let at = named.windows(7).position(|w| w == b"pending").unwrap();
    named[at..at + 7].copy_from_slice(b"refused");
    assert_eq!(
        Admission::decode(&Bytes::from(named)),
        Err(ReadError::Value.into())
    );
    let late = crate::limits::RETRY_S_MAX + 1;
    assert_eq!(
        Admission::decode(&Bytes::from(encode(Verdict::Pending { retry_s: late }))),
        Err(ReadError::Limit.into())
    );
}

#[test]
fn the_largest_revocation_list_fits_a_message() {
    let list = |bytes| Crl {
        der: Bytes::from(vec![0; bytes]),
    };
    let most = crate::limits::CRL_BYTES_MAX;
    let payload = list(most).encode();
    assert!(payload.len() <= MESSAGE_BYTES_MAX);
    assert_eq!(Crl::decode(&Bytes::from(payload)), Ok(list(most)));
    for bytes in [0, most + 1] {
        assert!(Crl::decode(&Bytes::from(list(bytes).encode())).is_err());
    }
}

#[test]
fn a_result_has_the_members_of_its_outcome_and_no_other() {
    let encode = |outcome| {
        let result = CommandResult {
            id: RequestId::from_bytes([7; 16]),
            number: 3,
            outcome,
        };
        result.encode()
    };
    let check = |bytes: Vec<u8>, from: &[u8], to: &[u8]| {
        let mut forged = bytes;
        let at = forged
            .windows(from.len())
            .rposition(|w| w == from)
            .expect("the name stands in the bytes");
        forged.splice(at..at + from.len(), to.iter().copied());
        assert_eq!(
            CommandResult::decode(&Bytes::from(forged)),
            Err(ReadError::Value.into())
        );
    };
    let (from, count) = (0, 8);
    check(encode(CommandOutcome::done("")), b"\x64done", b"\x65wants");
    check(encode(CommandOutcome::done("")), b"\x64done", b"\x66failed");
    check(
        encode(CommandOutcome::Wants { from, count }),
        b"\x65wants",
        b"\x64done",
    );
    let failed = || encode(CommandOutcome::failed(CommandFault::Parcel, ""));
    check(failed(), b"\x66failed", b"\x64done");
    check(failed(), b"\x66parcel", b"\x66parcet");
    // A first command has the number 1.
    let none = CommandResult {
        id: RequestId::from_bytes([7; 16]),
        number: 0,
        outcome: CommandOutcome::done(""),
    };
    assert_eq!(
        CommandResult::decode(&Bytes::from(none.encode())),
        Err(ReadError::Value.into())
    );
}
