//! Heads, indefinite lengths, types that are none of the profile's, cuts and what follows, and random changes.

use super::super::cbor::{array, head, hex, map, sized, text};
use super::{ANY, Attack, Expected, form, good};
use crate::wire;
use Expected::{Accepted, Harmless};

pub(crate) fn heads(all: &mut Vec<Attack>) {
    for major in 0..=6u8 {
        for (info, value) in [
            (24, 0),
            (24, 23),
            (25, 24),
            (25, 255),
            (26, 256),
            (26, 65_535),
            (27, 65_536),
            (27, (1 << 32) - 1),
        ] {
            let name = format!("head/longer-major-{major}-width-{info}-value-{value}");
            all.push(Attack::item(
                name,
                sized(major, info, value),
                form("head-form"),
            ));
        }
    }
    for major in 0..=7u8 {
        for info in 28..=30u8 {
            let value = [vec![major << 5 | info], vec![0; 16]].concat();
            all.push(Attack::item(
                format!("head/reserved-{major}-{info}"),
                value,
                form("head-form"),
            ));
        }
    }
    for value in [0, 23, 24, 255, 256, 65_535, 65_536, (1 << 32) - 1, 1 << 32] {
        all.push(Attack::item(
            format!("head/shortest-{value}"),
            head(0, value),
            Accepted,
        ));
        all.push(Attack::item(
            format!("head/shortest-minus-{value}"),
            head(1, value),
            Accepted,
        ));
    }
}

pub(crate) fn indefinite(all: &mut Vec<Attack>) {
    let mut refused = |name: &str, value: Vec<u8>| {
        all.push(Attack::item(
            format!("indefinite/{name}"),
            value,
            form("indefinite-length"),
        ));
    };
    for major in 0..=7u8 {
        refused(&format!("major-{major}"), vec![major << 5 | 31, 0, 0xff]);
    }
    refused("array-empty", hex("9fff"));
    refused("map-empty", hex("bfff"));
    refused("map-odd", hex("bf6161ff"));
    refused("text-empty", hex("7fff"));
    refused("text-of-one-chunk", hex("7f6161ff"));
    refused("text-split-in-a-character", hex("7f61c361a9ff"));
    refused("text-nested", hex("7f7f6161ffff"));
    refused(
        "text-of-60000-empty-chunks",
        [vec![0x7f], vec![0x60; 60_000], vec![0xff]].concat(),
    );
    refused(
        "bytes-of-60000-empty-chunks",
        [vec![0x5f], vec![0x40; 60_000], vec![0xff]].concat(),
    );
    refused("break-alone", hex("ff"));
    refused("break-in-an-array", hex("8201ff"));
    refused("break-as-a-value", hex("a16161ff"));
    refused("array-without-end", vec![0x9f; 1_000]);
    let whole = [vec![0x9f], map(&[(text("v"), vec![0])]), vec![0xff]].concat();
    all.push(Attack::body_of(
        "indefinite/whole-table".into(),
        whole,
        form("indefinite-length"),
    ));
    let definite = array(&[map(&[(text("v"), vec![0])])]);
    all.push(Attack::body_of(
        "indefinite/definite-twin".into(),
        definite,
        Accepted,
    ));
}

pub(crate) fn tags_simples_and_bytes(all: &mut Vec<Attack>) {
    let contents = [
        (0, hex("74323032362d30312d30315430303a30303a30305a")),
        (1, hex("1a514b67b0")),
        (2, hex("4105")),
        (2, hex("49010000000000000000")),
        (3, hex("49010000000000000000")),
        (2, wire::bytes(&[0xff; 60_000])),
        (4, hex("822003")),
        (5, hex("822003")),
        (24, hex("4100")),
        (30, hex("820102")),
    ];
    for (index, (tag, content)) in contents.into_iter().enumerate() {
        let value = [head(6, tag), content].concat();
        all.push(Attack::item(
            format!("tag/{tag}-of-its-type-{index}"),
            value,
            form("tag"),
        ));
    }
    for tag in [
        0,
        1,
        6,
        16,
        21,
        22,
        23,
        25,
        26,
        28,
        29,
        32,
        35,
        36,
        37,
        42,
        100,
        256,
        258,
        262,
        1_004,
        43_000,
        55_799,
        55_800,
        1 << 32,
        u64::MAX,
    ] {
        let value = [head(6, tag), vec![0]].concat();
        all.push(Attack::item(
            format!("tag/{tag}-of-zero"),
            value,
            form("tag"),
        ));
    }
    all.push(Attack::body_of(
        "tag/self-described-table".into(),
        hex("d9d9f780"),
        form("tag"),
    ));
    all.push(Attack::body_of("tag/bare-twin".into(), hex("80"), Accepted));
    for value in 0xe0..=0xf3u8 {
        all.push(Attack::item(
            format!("simple/{}", value - 0xe0),
            vec![value],
            form("simple-value"),
        ));
    }
    all.push(Attack::item(
        "simple/undefined".into(),
        hex("f7"),
        form("simple-value"),
    ));
    for value in [0, 20, 23, 24, 31, 32, 99, 255u8] {
        all.push(Attack::item(
            format!("simple/two-bytes-{value}"),
            vec![0xf8, value],
            form("simple-value"),
        ));
    }
    for (name, value) in [("false", 0xf4), ("true", 0xf5), ("null", 0xf6)] {
        all.push(Attack::item(
            format!("simple/{name}"),
            vec![value],
            Accepted,
        ));
    }
    for length in [0, 1, 23, 24, 255, 256, 60_000] {
        let value = wire::bytes(&vec![b'a'; length]);
        all.push(Attack::item(
            format!("bytes/{length}"),
            value,
            form("byte-string"),
        ));
    }
    all.push(Attack::member(
        "bytes/as-base64".into(),
        "opaque",
        text("aGk="),
        Accepted,
    ));
}

/// A body with every type.
fn rich() -> Vec<u8> {
    let inner = map(&[
        (text("a"), hex("f93e00")),
        (text("b"), hex("fb3fb999999999999a")),
        (
            text("cc"),
            array(&[vec![0xf4], vec![0xf6], hex("1903e8"), hex("3903e7")]),
        ),
    ]);
    array(&[
        map(&[(text("v"), text("Zoë, 東京 😀")), (text("ww"), inner)]),
        map(&[(text("v"), text("two\nlines"))]),
    ])
}

pub(crate) fn cut_and_trailing(all: &mut Vec<Attack>) {
    let body = rich();
    all.push(Attack::body_of(
        "truncated/whole".into(),
        body.clone(),
        Accepted,
    ));
    for end in 0..body.len() {
        let cut = body[..end].to_vec();
        all.push(Attack::body_of(
            format!("truncated/body-at-{end}"),
            cut,
            form("truncated"),
        ));
    }
    let payload = good().payload;
    let envelope = Expected::Refused("envelope", "form".into());
    for end in (0..payload.len()).step_by(3) {
        let cut = payload[..end].to_vec();
        all.push(Attack::of(
            format!("truncated/envelope-at-{end}"),
            ANY,
            cut,
            envelope.clone(),
        ));
    }
    for (name, more) in [
        ("zero", hex("00")),
        ("null", hex("f6")),
        ("break", hex("ff")),
        ("array", hex("80")),
        ("map", hex("a0")),
        ("line-feed", hex("0a")),
        ("json", br#"[{"v":1}]"#.to_vec()),
        ("again", body.clone()),
        ("60000-zeros", vec![0; 60_000]),
    ] {
        let whole = [body.clone(), more.clone()].concat();
        all.push(Attack::body_of(
            format!("trailing/body-{name}"),
            whole,
            form("trailing-bytes"),
        ));
        let whole = [payload.clone(), more].concat();
        all.push(Attack::of(
            format!("trailing/envelope-{name}"),
            ANY,
            whole,
            envelope.clone(),
        ));
    }
    all.push(Attack::of(
        "trailing/nothing".into(),
        ANY,
        payload,
        Accepted,
    ));
}

pub(crate) fn mutations(all: &mut Vec<Attack>) {
    let body = rich();
    all.push(Attack::body_of(
        "mutation/none".into(),
        body.clone(),
        Accepted,
    ));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for number in 0..150 {
        let mut changed = body.clone();
        for _ in 0..=random(3) {
            let at = random(changed.len());
            match random(3) {
                0 => changed[at] ^= 1 << random(8),
                1 => changed[at] = u8::try_from(random(256)).unwrap(),
                _ => changed.insert(at, u8::try_from(random(256)).unwrap()),
            }
        }
        all.push(Attack::body_of(
            format!("mutation/{number:03}"),
            changed,
            Harmless,
        ));
    }
}
