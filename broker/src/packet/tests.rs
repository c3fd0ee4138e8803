use super::decode::DecodeError as E;
use super::*;
use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    publish_bytes: 1_000,
    connect_bytes: 200,
    subscribe_bytes: 200,
    filters: 3,
    releases: false,
};

fn decode(bytes: &[u8]) -> Result<Option<Packet>, E> {
    Decoder::new(LIMITS).next(&mut BytesMut::from(bytes))
}

#[track_caller]
fn refused(bytes: &[u8], expected: E) {
    assert_eq!(decode(bytes), Err(expected), "{bytes:02x?}");
}

#[track_caller]
fn read(bytes: &[u8]) -> Packet {
    decode(bytes)
        .unwrap_or_else(|error| panic!("{bytes:02x?}: {error}"))
        .expect("a whole packet")
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

fn text(text: &str, out: &mut Vec<u8>) {
    out.put_u16(text.len() as u16);
    out.put_slice(text.as_bytes());
}

fn connect_body(flags: u8, fields: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    text("MQTT", &mut body);
    body.extend_from_slice(&[4, flags, 0, 30]);
    fields.iter().for_each(|field| text(field, &mut body));
    body
}

/// Writes what a client would send; the decoder's counterpart in these tests.
fn encode(packet: &Packet) -> Vec<u8> {
    match packet {
        Packet::Connect(connect) => {
            let will = connect.will.as_ref();
            let flags = u8::from(connect.clean_session) << 1
                | will.map_or(0, |will| {
                    0x04 | will.qos.bits() << 3 | u8::from(will.retain) << 5
                })
                | if connect.credentials { 0xc0 } else { 0 };
            let mut body = connect_body(flags, &[&connect.client_id]);
            body[8..10].copy_from_slice(&connect.keep_alive_s.to_be_bytes());
            if let Some(will) = will {
                text(&will.topic, &mut body);
                body.put_u16(will.payload.len() as u16);
                body.extend_from_slice(&will.payload);
            }
            if connect.credentials {
                text("user", &mut body);
                text("password", &mut body);
            }
            framed(0x10, &body)
        }
        Packet::Publish(publish) => {
            let mut body = Vec::new();
            text(&publish.topic, &mut body);
            if publish.qos != Qos::AtMostOnce {
                body.put_u16(publish.packet_id);
            }
            body.extend_from_slice(&publish.payload);
            framed(
                0x30 | publish.qos.bits() << 1 | u8::from(publish.retain),
                &body,
            )
        }
        Packet::Puback(id) => framed(0x40, &id.to_be_bytes()),
        Packet::Pubrel(id) => framed(0x62, &id.to_be_bytes()),
        Packet::Subscribe { packet_id, filters } => {
            let mut body = packet_id.to_be_bytes().to_vec();
            for (filter, qos) in filters {
                text(filter, &mut body);
                body.push(qos.bits());
            }
            framed(0x82, &body)
        }
        Packet::Unsubscribe { packet_id, filters } => {
            let mut body = packet_id.to_be_bytes().to_vec();
            filters.iter().for_each(|filter| text(filter, &mut body));
            framed(0xa2, &body)
        }
        Packet::Pingreq => framed(0xc0, &[]),
        Packet::Disconnect => framed(0xe0, &[]),
    }
}

#[test]
fn packets_that_only_a_server_sends_or_that_belong_to_qos_2_are_refused() {
    for kind in [0_u8, 2, 5, 6, 7, 9, 11, 13, 15] {
        refused(&[kind << 4, 2, 0, 1], E::Kind(kind));
    }
    assert_eq!(read(&[0x40, 2, 0, 1]), Packet::Puback(1));
}

#[test]
fn the_open_listener_takes_the_release_of_qos_2_and_nothing_else_of_it() {
    let open = |bytes: &[u8]| Decoder::new(Limits::OPEN).next(&mut BytesMut::from(bytes));
    assert_eq!(open(&[0x62, 2, 0, 9]), Ok(Some(Packet::Pubrel(9))));
    assert_eq!(open(&[0x62, 2, 0, 0]), Err(E::PacketId));
    assert_eq!(open(&[0x60, 2, 0, 9]), Err(E::Flags { kind: 6, flags: 0 }));
    assert_eq!(
        open(&[0x62, 3, 0, 9, 0]),
        Err(E::Length { kind: 6, length: 3 })
    );
    assert_eq!(open(&[0x50, 2, 0, 9]), Err(E::Kind(5)));
    assert_eq!(open(&[0x70, 2, 0, 9]), Err(E::Kind(7)));
    refused(&[0x62, 2, 0, 9], E::Kind(6));
}

#[test]
fn reserved_flags_are_refused() {
    for (first, kind) in [
        (0x11_u8, 1),
        (0x41, 4),
        (0x80, 8),
        (0x83, 8),
        (0xa0, 10),
        (0xc1, 12),
        (0xe2, 14),
    ] {
        refused(
            &[first, 0],
            E::Flags {
                kind,
                flags: first & 0x0f,
            },
        );
    }
    refused(&framed(0x36, &[0, 1, b'a', 0, 1]), E::Qos);
    refused(&framed(0x38, &[0, 1, b'a']), E::Flags { kind: 3, flags: 8 });
    assert!(matches!(
        read(&framed(0x3a, &[0, 1, b'a', 0, 1])),
        Packet::Publish(_)
    ));
}

#[test]
fn a_length_is_judged_before_anything_is_buffered() {
    refused(
        &[0x30, 0xff, 0xff, 0xff, 0x7f],
        E::Length {
            kind: 3,
            length: 268_435_455,
        },
    );
    refused(&[0x30, 0xff, 0xff, 0xff, 0xff], E::LengthForm);
    refused(
        &[0x10, 0xff, 0x01],
        E::Length {
            kind: 1,
            length: 255,
        },
    );
    refused(
        &[0x82, 0xff, 0x01],
        E::Length {
            kind: 8,
            length: 255,
        },
    );
    refused(
        &[0xc0, 1],
        E::Length {
            kind: 12,
            length: 1,
        },
    );
    refused(&[0x40, 3], E::Length { kind: 4, length: 3 });
    let mut buffer = BytesMut::from(&[0x30, 0xe5, 0x07][..]);
    assert_eq!(Decoder::new(LIMITS).next(&mut buffer), Ok(None));
    assert!(
        buffer.capacity() >= 1_000 && buffer.capacity() < 4_000,
        "{}",
        buffer.capacity()
    );
    refused(
        &[0x30, 0xe6, 0x07],
        E::Length {
            kind: 3,
            length: 998,
        },
    );
}

#[test]
fn a_packet_in_pieces_is_waited_for_and_the_next_one_stays() {
    let mut bytes = encode(&Packet::Publish(Publish {
        topic: "a/b".into(),
        packet_id: 7,
        qos: Qos::AtLeastOnce,
        retain: false,
        payload: Bytes::from_static(b"xyz"),
    }));
    bytes.extend_from_slice(&[0xc0, 0]);
    let mut buffer = BytesMut::new();
    let mut seen = Vec::new();
    for byte in bytes {
        buffer.put_u8(byte);
        seen.extend(Decoder::new(LIMITS).next(&mut buffer).unwrap());
    }
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1], Packet::Pingreq);
    assert!(buffer.is_empty());
}

#[test]
fn fields_stay_inside_their_packet_and_fill_it() {
    refused(&framed(0x30, &[0, 5, b'a']), E::Short);
    refused(&framed(0x32, &[0, 1, b'a', 0]), E::Short);
    refused(&framed(0x82, &[0, 1, 0, 1, b'a']), E::Short);
    refused(&framed(0x10, &connect_body(2, &[])), E::Short);
    refused(
        &framed(0x10, &connect_body(2, &["id", "extra"])),
        E::Trailing,
    );
}

#[test]
fn ids_filters_and_texts_are_checked() {
    refused(&framed(0x32, &[0, 1, b'a', 0, 0]), E::PacketId);
    refused(&[0x40, 2, 0, 0], E::PacketId);
    refused(&framed(0x82, &[0, 1]), E::Filters);
    refused(&framed(0xa2, &[0, 1]), E::Filters);
    refused(&framed(0x82, &[0, 1, 0, 1, b'a', 3]), E::Qos);
    let four: Vec<u8> = [0, 1]
        .into_iter()
        .chain([0, 1, b'a', 0].repeat(4))
        .collect();
    refused(&framed(0x82, &four), E::Filters);
    refused(&framed(0x30, &[0, 1, 0xff]), E::Text);
    refused(&framed(0x30, &[0, 1, 0]), E::Text);
    refused(&framed(0x30, &[0, 3, 0xed, 0xa0, 0x80]), E::Text);
}

#[test]
fn connect_flags_that_contradict_each_other_are_refused() {
    refused(&framed(0x10, &connect_body(0x01, &["id"])), E::ConnectFlags);
    refused(&framed(0x10, &connect_body(0x08, &["id"])), E::ConnectFlags);
    refused(&framed(0x10, &connect_body(0x20, &["id"])), E::ConnectFlags);
    refused(
        &framed(0x10, &connect_body(0x40, &["id", "password"])),
        E::ConnectFlags,
    );
    refused(
        &framed(0x10, &connect_body(0x1c, &["id", "t", "p"])),
        E::Qos,
    );
    assert!(
        matches!(read(&framed(0x10, &connect_body(0xc2, &["id", "u", "p"]))), Packet::Connect(c) if c.credentials)
    );
    refused(
        &framed(0x10, &{
            let mut body = connect_body(2, &["id"]);
            body[2] = b'm';
            body
        }),
        E::Protocol,
    );
}

#[test]
fn another_version_is_told_apart_without_reading_its_packet() {
    let mut five = connect_body(2, &["id"]);
    five[6] = 5;
    assert!(matches!(read(&framed(0x10, &five)), Packet::Connect(c) if c.level == 5));
    let mut three = Vec::new();
    text("MQIsdp", &mut three);
    three.extend_from_slice(&[3, 2, 0, 30]);
    assert!(matches!(read(&framed(0x10, &three)), Packet::Connect(c) if c.level == 3));
}

#[test]
fn answers_have_the_bytes_of_the_standard() {
    assert_eq!(connack(ConnectCode::Identifier), [0x20, 2, 0, 2]);
    assert_eq!(puback(0x1234), [0x40, 2, 0x12, 0x34]);
    assert_eq!(unsuback(1), [0xb0, 2, 0, 1]);
    assert_eq!(pingresp(), [0xd0, 0]);
    let mut out = BytesMut::new();
    suback(
        9,
        &[Some(Qos::AtLeastOnce), None, Some(Qos::AtMostOnce)],
        &mut out,
    );
    assert_eq!(&out[..], [0x90, 5, 0, 9, 1, 0x80, 0]);
}

#[test]
fn the_fuzz_corpus_is_read_as_ever() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/packets");
    let mut outcomes = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        outcomes.insert(name, digest(&std::fs::read(&path).unwrap()));
    }
    assert!(outcomes.len() >= 37, "{}", outcomes.len());
    let check = |name: &str, expected: (usize, Result<(), E>)| {
        assert_eq!(outcomes[name], expected, "{name}")
    };
    check("session", (6, Ok(())));
    check("ping-disconnect", (2, Ok(())));
    check("length-cut", (0, Ok(())));
    check("length-without-end", (0, Err(E::LengthForm)));
    check(
        "publish-256-mb",
        (
            0,
            Err(E::Length {
                kind: 3,
                length: 268_435_455,
            }),
        ),
    );
    check("subscribe-many", (0, Err(E::Filters)));
    check("http", (0, Err(E::Flags { kind: 4, flags: 7 })));
    check("tls-hello", (0, Err(E::Flags { kind: 1, flags: 6 })));
}

fn any_text() -> impl Strategy<Value = String> {
    "[^\u{0}]{0,20}"
}

fn any_qos() -> impl Strategy<Value = Qos> {
    prop::sample::select(vec![Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce])
}

fn any_payload() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let will = (any_text(), any_payload(), any_qos(), any::<bool>()).prop_map(
        |(topic, payload, qos, retain)| Will {
            topic,
            payload,
            qos,
            retain,
        },
    );
    let connect = (
        any_text(),
        any::<u16>(),
        any::<bool>(),
        prop::option::of(will),
        any::<bool>(),
    )
        .prop_map(
            |(client_id, keep_alive_s, clean_session, will, credentials)| {
                Packet::Connect(Connect {
                    level: 4,
                    client_id,
                    keep_alive_s,
                    clean_session,
                    will,
                    credentials,
                })
            },
        );
    let publish = (
        any_text(),
        1..=u16::MAX,
        any_qos(),
        any::<bool>(),
        any_payload(),
    )
        .prop_map(|(topic, id, qos, retain, payload)| {
            let packet_id = if qos == Qos::AtMostOnce { 0 } else { id };
            Packet::Publish(Publish {
                topic,
                packet_id,
                qos,
                retain,
                payload,
            })
        });
    prop_oneof![
        connect,
        publish,
        (1..=u16::MAX).prop_map(Packet::Puback),
        (1..=u16::MAX).prop_map(Packet::Pubrel),
        (
            1..=u16::MAX,
            prop::collection::vec((any_text(), any_qos()), 1..=3)
        )
            .prop_map(|(packet_id, filters)| Packet::Subscribe { packet_id, filters }),
        (1..=u16::MAX, prop::collection::vec(any_text(), 1..=3))
            .prop_map(|(packet_id, filters)| Packet::Unsubscribe { packet_id, filters }),
        Just(Packet::Pingreq),
        Just(Packet::Disconnect),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_a_client_writes_is_read_back(packets in prop::collection::vec(any_packet(), 1..5)) {
        let decoder = Decoder::new(Limits { connect_bytes: 2_048, publish_bytes: 2_048, subscribe_bytes: 2_048, filters: 3, releases: true });
        let mut buffer = BytesMut::new();
        packets.iter().for_each(|packet| buffer.extend_from_slice(&encode(packet)));
        for packet in packets {
            prop_assert_eq!(decoder.next(&mut buffer), Ok(Some(packet)));
        }
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn what_we_publish_a_client_reads(topic in any_text(), id in prop::option::of(1..=u16::MAX), retain: bool, payload in any_payload()) {
        let mut out = BytesMut::new();
        PublishHead { topic: topic.as_bytes(), packet_id: id, retain }.put(&payload, &mut out);
        let qos = if id.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let expected = Packet::Publish(Publish { topic, packet_id: id.unwrap_or(0), qos, retain, payload });
        prop_assert_eq!(Decoder::new(LIMITS).next(&mut out), Ok(Some(expected)));
    }

    #[test]
    fn any_bytes_end_in_a_packet_an_error_or_a_wait_that_keeps_them(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        loop {
            let before = buffer.len();
            match Decoder::new(LIMITS).next(&mut buffer) {
                Ok(Some(_)) => prop_assert!(buffer.len() < before),
                Ok(None) => {
                    prop_assert_eq!(buffer.len(), before);
                    break;
                }
                Err(_) => break,
            }
        }
        prop_assert!(buffer.capacity() <= 2_048);
    }

    #[test]
    fn one_flipped_byte_is_never_fatal(packet in any_packet(), at: prop::sample::Index, to: u8) {
        let mut bytes = encode(&packet);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = decode(&bytes);
    }
}
