//! What is meant to cost: small inputs that become large, patterns, formats, sets and choices at their worst.

use super::super::cbor::{array, filled, head, hex, map, text};
use super::{Attack, Expected, UNRULY, contract, row};
use crate::wire;
use Expected::Accepted;
use spokegate_contract::limits::CHUNK_BYTES_MAX;

/// What the row, its key and the envelope leave.
const ROOM: usize = CHUNK_BYTES_MAX - 64;

pub(crate) fn amplification(all: &mut Vec<Attack>) {
    let member = |key: &str, value: Vec<u8>| map(&[(text(key), value)]);
    for (name, item, per_array) in [
        ("empty-arrays", hex("80"), 19_000),
        ("empty-maps", hex("a0"), 19_000),
        ("empty-texts", hex("60"), 19_000),
        ("zeros", hex("00"), 19_000),
        ("falses", hex("f4"), 19_000),
        ("nulls", hex("f6"), 19_000),
        ("negatives", hex("38ff"), 19_000),
        ("small-halves", hex("f90001"), 19_000),
        ("small-halves-negative", hex("f98001"), 19_000),
        ("small-singles", hex("fa00800001"), 19_000),
        ("doubles", hex("fb3fb999999999999a"), 10_000),
        ("arrays-of-one", hex("8100"), 19_000),
        ("maps-of-one", member("", hex("f6")), 19_000),
        ("maps-of-one-letter", member("a", hex("f4")), 19_000),
        ("quotes", text("\""), 19_000),
        ("line-feeds", text("\n"), 19_000),
        ("two-bytes", text("é"), 19_000),
        ("marks", text("x\u{304}"), 19_000),
        ("pairs", array(&[hex("00"), hex("00")]), 19_000),
        (
            "nested-to-the-limit",
            [vec![0x81; 12], vec![0]].concat(),
            9_000,
        ),
    ] {
        let value = filled(&item, ROOM, per_array);
        all.push(Attack::item(
            format!("amplification/{name}"),
            value,
            Accepted,
        ));
    }
    let wide = |count: usize| {
        let entry = |number: usize| (text(&format!("{number:03}")), vec![0]);
        map(&(0..count).map(entry).collect::<Vec<_>>())
    };
    let maps = array(&vec![wide(256); 90]);
    all.push(Attack::item(
        "amplification/maps-of-256".into(),
        maps,
        Accepted,
    ));
    let rows = array(&vec![wide(10); 2_000]);
    all.push(Attack::body_of(
        "amplification/2000-rows".into(),
        rows,
        Accepted,
    ));
    let rows = array(&vec![hex("a0"); 2_000]);
    all.push(Attack::body_of(
        "amplification/2000-empty-rows".into(),
        rows,
        Accepted,
    ));
    let texts = array(&vec![text(&"x".repeat(60_000)); 2]);
    all.push(Attack::item(
        "amplification/long-texts".into(),
        texts,
        Accepted,
    ));
    let marks = text(&format!("x{}", "\u{304}".repeat(30_000)));
    all.push(Attack::item(
        "amplification/one-letter-with-30000-marks".into(),
        marks,
        Accepted,
    ));
}

pub(crate) fn patterns(all: &mut Vec<Attack>) {
    let mut member = |name: &str, member: &str, value: &str, expected: Expected| {
        all.push(Attack::member(
            format!("pattern/{name}"),
            member,
            text(value),
            expected,
        ));
    };
    let a = |count: usize| "a".repeat(count);
    for count in [30, 1_000, 60_000] {
        let evil = a(count) + "!";
        member(
            &format!("nested-{count}"),
            "nested",
            &evil,
            contract("pattern"),
        );
        member(
            &format!("either-{count}"),
            "either",
            &evil,
            contract("pattern"),
        );
        let many = "x".repeat(count + 101);
        member(
            &format!("counted-{count}"),
            "counted",
            &many,
            contract("pattern"),
        );
    }
    member("nested-harmless", "nested", &a(60_000), Accepted);
    member("either-harmless", "either", &a(60_000), Accepted);
    member("counted-harmless", "counted", &"x".repeat(100), Accepted);
    member(
        "counted-one-less",
        "counted",
        &"x".repeat(49),
        contract("pattern"),
    );
    for (kind, evil, harmless) in [
        ("mail", "a@".repeat(20_000), "a@b.example"),
        ("mail", a(60_000), "ab@c.example"),
        (
            "mail",
            format!("\"{}", "\\\"".repeat(20_000)),
            "d@e.example",
        ),
        (
            "link",
            format!("http://{} x", a(50_000)),
            "http://a.example/b?c#d",
        ),
        (
            "link",
            format!("http://[{}]", "1:".repeat(20_000)),
            "urn:a:b",
        ),
        ("link", "%".repeat(50_000), "https://[::1]/"),
        (
            "time",
            format!("2026-01-01T00:00:00.{}", "9".repeat(50_000)),
            "2026-01-05T10:00:00Z",
        ),
        (
            "time",
            "2026-02-30T10:00:00Z".into(),
            "2026-02-28T10:00:00+02:00",
        ),
        ("host", "a.".repeat(30_000), "a.example"),
        ("host", "-".repeat(60_000), "b.example"),
        (
            "host",
            "xn--".to_owned() + &a(60_000),
            "xn--mnchen-3ya.example",
        ),
        ("v4", "1.".repeat(30_000), "10.0.0.7"),
        ("v4", "0".repeat(60_000), "10.0.0.8"),
        ("v6", ":".repeat(60_000), "::1"),
        ("v6", "1:".repeat(30_000), "fe80::1"),
        ("pointer", "/~".repeat(30_000), "/a/~0/~1"),
    ] {
        let name = format!("{kind} {:?} of {}", &evil[..12.min(evil.len())], evil.len());
        member(&name, kind, &evil, contract("format"));
        member(
            &format!("{kind} {harmless:?} harmless"),
            kind,
            harmless,
            Accepted,
        );
    }
}

/// Objects in objects, each of which fits one of eight branches, down to one that fits none.
pub(crate) fn trees(all: &mut Vec<Attack>) {
    let tree = |levels: usize, leaf: &str| {
        (0..levels).fold(map(&[(text("kind"), text(leaf))]), |inner, _| {
            map(&[(text("kind"), text("k7")), (text("more"), array(&[inner]))])
        })
    };
    let mut add = |levels: usize, leaf: &str, expected: Expected| {
        let payload = wire::reply(row("tree", tree(levels, leaf)));
        all.push(Attack::of(
            format!("choice/tree-of-{levels}-{leaf}"),
            UNRULY,
            payload,
            expected,
        ));
    };
    for levels in 1..=3 {
        add(levels, "k7", Accepted);
        add(levels, "none", contract("anyOf"));
    }
    // Past this every level costs eight times as much.
    add(6, "none", Expected::Stopped);
}

pub(crate) fn choices(all: &mut Vec<Attack>) {
    let numbers = |count: u64| (0..count).map(|number| head(0, number)).collect::<Vec<_>>();
    let texts = |count: u64| {
        let one = |number: u64| text(&format!("{number:05}"));
        (0..count).map(one).collect::<Vec<_>>()
    };
    let twice = |mut items: Vec<Vec<u8>>| {
        items.push(items[0].clone());
        array(&items)
    };
    let maps = |count: u64| {
        let one = |number: u64| map(&[(text("a"), head(0, number)), (text("b"), hex("80"))]);
        (0..count).map(one).collect::<Vec<_>>()
    };
    let arrays = |count: u64| {
        let one = |number: u64| array(&[head(0, number), text("x")]);
        (0..count).map(one).collect::<Vec<_>>()
    };
    let mut member = |name: &str, member: &str, value: Vec<u8>, expected: Expected| {
        all.push(Attack::member(
            format!("choice/{name}"),
            member,
            value,
            expected,
        ));
    };
    for (name, items) in [
        ("numbers", numbers(19_999)),
        ("texts", texts(19_999)),
        ("maps", maps(11_000)),
        ("arrays", arrays(19_000)),
    ] {
        member(&format!("unique-{name}"), "unique", array(&items), Accepted);
        member(
            &format!("unique-{name}-but-one"),
            "unique",
            twice(items),
            contract("uniqueItems"),
        );
    }
    let same = array(&vec![vec![0]; 20_000]);
    member(
        "unique-all-the-same",
        "unique",
        same,
        contract("uniqueItems"),
    );
    let kind = |name: &str, more: &[Vec<u8>]| {
        map(&[(text("kind"), text(name)), (text("more"), array(more))])
    };
    let many = numbers(19_999);
    member(
        "eighth-of-eight",
        "either_kind",
        kind("k7", &many),
        Accepted,
    );
    member(
        "none-of-eight",
        "either_kind",
        kind("no", &many),
        contract("anyOf"),
    );
    let odd = [many, vec![text("x")]].concat();
    member(
        "eighth-of-eight-but-one",
        "either_kind",
        kind("k7", &odd),
        contract("anyOf"),
    );
    member("enum-last", "chosen", text("choice-499"), Accepted);
    member("enum-none", "chosen", text("choice-500"), contract("enum"));
    member(
        "enum-long",
        "chosen",
        text(&"choice-".repeat(9_000)),
        contract("enum"),
    );
    let haystack = |last: &str| array(&[vec![text("hay"); 15_000], vec![text(last)]].concat());
    member("contains-at-the-end", "some", haystack("needle"), Accepted);
    member(
        "contains-none",
        "some",
        haystack("hay"),
        contract("contains"),
    );
    let keys = |odd: &str| {
        let mut keys: Vec<String> = (0..255).map(|number| format!("{number:0128}")).collect();
        keys.insert(0, odd.to_owned());
        map(&keys
            .iter()
            .map(|key| (text(key), vec![0]))
            .collect::<Vec<_>>())
    };
    member("256-keys-alike", "free", keys("a"), Accepted);
    member(
        "256-keys-one-odd",
        "free",
        keys("A"),
        contract("propertyNames"),
    );
    member("step-fits", "step", hex("fb3f847ae147ae147b"), Accepted);
    member(
        "step-tiny",
        "step",
        hex("fb0000000000000001"),
        contract("multipleOf"),
    );
    member("type", "unique", hex("00"), contract("type"));
    member(
        "unknown-member",
        "unknown",
        hex("00"),
        contract("additionalProperties"),
    );
    let no_rows = hex("00");
    let shape = Expected::Refused("contract", "shape".into());
    all.push(Attack::body_of(
        "choice/no-table".into(),
        no_rows,
        shape.clone(),
    ));
    all.push(Attack::body_of(
        "choice/a-map-for-a-table".into(),
        map(&[(text("v"), vec![0])]),
        shape.clone(),
    ));
    all.push(Attack::body_of(
        "choice/a-row-that-is-none".into(),
        array(&[vec![0]]),
        shape,
    ));
    let last = array(&[row("v", vec![0]), vec![0]].map(|row| row));
    all.push(Attack::body_of(
        "choice/rows-in-rows".into(),
        last,
        Expected::Refused("contract", "shape".into()),
    ));
}
