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
    fn decoding_never_panics(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let payload = Bytes::from(payload);
        let _ = (PullRequest::decode(&payload), Ack::decode(&payload), Reply::decode(&payload), Push::decode(&payload));
        let _ = (Enrol::decode(&payload), Admission::decode(&payload), Crl::decode(&payload));
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
