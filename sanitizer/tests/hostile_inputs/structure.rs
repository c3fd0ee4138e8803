//! Nesting, lengths, limits and keys.

use super::super::cbor::{array, head, hex, map, raw_text, text};
use super::{ANY, Attack, COSTLY, Expected, form, row};
use crate::wire;
use Expected::Accepted;
use spokegate_contract::limits::{
    ARRAY_ITEMS_MAX, CHUNK_ROWS_MAX, DEPTH_MAX, KEY_BYTES_MAX, MAP_ENTRIES_MAX,
    STRING_BYTES_HARD_MAX, STRING_BYTES_MAX,
};

/// Containers inside the row: the table and the row take two levels.
const FREE_DEPTH: usize = DEPTH_MAX - 2;

pub(crate) fn nesting(all: &mut Vec<Attack>) {
    let kinds: [(&str, &[u8]); 4] = [
        ("array", b"\x81"),
        ("map", b"\xa1\x61a"),
        ("mixed", b"\x81\xa1\x61a"),
        ("pair", b"\x82\x00"),
    ];
    for (kind, opening) in kinds {
        let levels = if kind == "mixed" { 2 } else { 1 };
        for depth in [FREE_DEPTH / levels - 1, FREE_DEPTH / levels] {
            let value = [opening.repeat(depth), vec![0]].concat();
            all.push(Attack::item(
                format!("nesting/{kind}-{depth}"),
                value,
                Accepted,
            ));
        }
        for depth in [
            FREE_DEPTH + 1,
            16,
            17,
            32,
            127,
            128,
            255,
            256,
            1_000,
            10_000,
            40_000,
        ] {
            let depth = depth.min(120_000 / opening.len());
            let value = [opening.repeat(depth), vec![0]].concat();
            all.push(Attack::item(
                format!("nesting/{kind}-{depth}"),
                value,
                form("depth"),
            ));
        }
        let open = opening.repeat(20_000);
        all.push(Attack::body_of(
            format!("nesting/{kind}-open"),
            open,
            form("depth"),
        ));
    }
    all.push(Attack::body_of(
        "nesting/array-125000".into(),
        vec![0x81; 125_000],
        form("depth"),
    ));
    all.push(Attack::body_of(
        "nesting/tag-125000".into(),
        vec![0xc1; 125_000],
        form("tag"),
    ));
    let open = vec![0x9f; 125_000];
    all.push(Attack::body_of(
        "nesting/indefinite-125000".into(),
        open,
        form("indefinite-length"),
    ));
}

pub(crate) fn lengths(all: &mut Vec<Attack>) {
    for (major, kind, rule) in [
        (2, "bytes", "byte-string"),
        (3, "text", "truncated"),
        (4, "array", "truncated"),
        (5, "map", "truncated"),
    ] {
        for (power, length) in [
            ("2^16", 1 << 16),
            ("2^24", 1 << 24),
            ("2^31", 1 << 31),
            ("2^32-1", (1 << 32) - 1),
            ("2^32", 1 << 32),
            ("2^40", 1 << 40),
            ("2^53", 1 << 53),
            ("2^62", 1 << 62),
            ("2^63-1", (1 << 63) - 1),
            ("2^63", 1 << 63),
            ("2^64-1", u64::MAX),
        ] {
            let name = format!("length/{kind}-declares-{power}");
            all.push(Attack::item(name, head(major, length), form(rule)));
        }
    }
    let padded = |major, count: u64| [head(major, count), vec![0; 100_000]].concat();
    all.push(Attack::item(
        "length/array-of-all-that-is-left".into(),
        padded(4, 100_000),
        form("array-items"),
    ));
    all.push(Attack::item(
        "length/array-of-more-than-is-left".into(),
        padded(4, 100_001),
        form("truncated"),
    ));
    all.push(Attack::item(
        "length/map-of-all-that-is-left".into(),
        padded(5, 100_000),
        form("map-entries"),
    ));
    all.push(Attack::item(
        "length/text-of-all-that-is-left".into(),
        padded(3, 100_000),
        form("string-length"),
    ));
    all.push(Attack::item(
        "length/text-short-by-one".into(),
        hex("6361 62"),
        form("truncated"),
    ));
    all.push(Attack::item(
        "length/text-exact".into(),
        hex("63616263"),
        Accepted,
    ));
    all.push(Attack::item(
        "length/array-exact".into(),
        hex("83010203"),
        Accepted,
    ));
    all.push(Attack::item(
        "length/map-exact".into(),
        hex("a2616101616202"),
        Accepted,
    ));
}

pub(crate) fn limits(all: &mut Vec<Attack>) {
    let mut around = |name: &str, limit: usize, make: &dyn Fn(usize) -> Attack, over: Expected| {
        for (size, expected) in [
            (limit - 1, Accepted),
            (limit, Accepted),
            (limit + 1, over.clone()),
        ] {
            let mut attack = make(size);
            attack.name = format!("limit/{name}-{size}");
            attack.expected = expected;
            all.push(attack);
        }
    };
    let item = |value| Attack::item(String::new(), value, Accepted);
    let texts = |bytes: usize| item(raw_text(&vec![b'a'; bytes]));
    around(
        "text-bytes",
        STRING_BYTES_HARD_MAX,
        &texts,
        form("string-length"),
    );
    let keys = |bytes: usize| item(map(&[(raw_text(&vec![b'k'; bytes]), vec![0])]));
    around("key-bytes", KEY_BYTES_MAX, &keys, form("key-length"));
    let members = |count: usize| {
        let member = |number: usize| (text(&format!("{number:04}")), vec![0]);
        item(map(&(0..count).map(member).collect::<Vec<_>>()))
    };
    around(
        "map-entries",
        MAP_ENTRIES_MAX,
        &members,
        form("map-entries"),
    );
    let items = |count: usize| item(array(&vec![vec![0]; count]));
    around("array-items", ARRAY_ITEMS_MAX, &items, form("array-items"));
    let depths = |depth: usize| item([vec![0x81; depth], vec![0]].concat());
    around("depth", FREE_DEPTH, &depths, form("depth"));
    let rows = |count: usize| {
        let rows = array(&vec![map(&[(text("v"), vec![0])]); count]);
        Attack::body_of(String::new(), rows, Accepted)
    };
    let over = Expected::Refused("contract", "array-items".into());
    around("rows", CHUNK_ROWS_MAX, &rows, over);
    let short = |count: usize| {
        Attack::of(
            String::new(),
            COSTLY,
            wire::reply(row("short", text(&"ä".repeat(count)))),
            Accepted,
        )
    };
    around(
        "characters",
        STRING_BYTES_MAX,
        &short,
        super::contract("maxLength"),
    );
}

pub(crate) fn keys(all: &mut Vec<Attack>) {
    for (kind, key) in [
        ("integer", "01"),
        ("negative", "20"),
        ("bytes", "4161"),
        ("array", "80"),
        ("map", "a0"),
        ("tagged-text", "c06161"),
        ("false", "f4"),
        ("true", "f5"),
        ("null", "f6"),
        ("undefined", "f7"),
        ("float", "f93e00"),
        ("simple", "e5"),
    ] {
        let value = map(&[(hex(key), vec![0])]);
        all.push(Attack::item(format!("key/{kind}"), value, form("key-type")));
    }
    for (kind, key) in [
        ("line-feed", "a\nb"),
        ("tab", "a\tb"),
        ("nul", "a\0"),
        ("quote", "a\"b"),
        ("backslash", "a\\b"),
        ("right-to-left", "\u{202e}a"),
        ("zero-width", "a\u{200b}"),
        ("joiner", "ad\u{200d}min"),
        ("byte-order-mark", "\u{feff}a"),
    ] {
        let value = map(&[(text(key), vec![0])]);
        all.push(Attack::item(
            format!("key/{kind}"),
            value,
            form("character"),
        ));
    }
    let decomposed = map(&[(text("e\u{301}"), vec![0])]);
    all.push(Attack::item(
        "key/decomposed".into(),
        decomposed,
        form("not-normalized"),
    ));
    let broken = map(&[(raw_text(b"\xff"), vec![0])]);
    all.push(Attack::item("key/not-utf-8".into(), broken, form("utf-8")));
    all.push(Attack::item(
        "key/without-value".into(),
        hex("a1 6161"),
        form("truncated"),
    ));
    for key in [
        "",
        "__proto__",
        "constructor",
        "toString",
        "ä",
        "$ref",
        "~/",
        "a.b",
        "🔑",
    ] {
        let value = map(&[(text(key), vec![0])]);
        all.push(Attack::item(
            format!("key/harmless {key:?}"),
            value,
            Accepted,
        ));
    }
}

pub(crate) fn duplicates_and_order(all: &mut Vec<Attack>) {
    let of = |keys: &[&str]| {
        map(&keys
            .iter()
            .map(|key| (text(key), vec![0]))
            .collect::<Vec<_>>())
    };
    for (name, keys) in [
        ("first", &["a", "a", "b"][..]),
        ("last", &["a", "b", "b"]),
        ("empty", &["", ""]),
        ("unicode", &["é", "é"]),
        ("all-of-256", &["k"; 256]),
    ] {
        all.push(Attack::item(
            format!("duplicate/{name}"),
            of(keys),
            form("duplicate-key"),
        ));
    }
    let nested = array(&[vec![0], of(&["x", "x"])]);
    all.push(Attack::item(
        "duplicate/nested".into(),
        nested,
        form("duplicate-key"),
    ));
    let rows = array(&[of(&["v"]), of(&["v", "v"])]);
    all.push(Attack::body_of(
        "duplicate/in-a-row".into(),
        rows,
        form("duplicate-key"),
    ));
    all.push(Attack::item(
        "duplicate/apart".into(),
        of(&["a", "b", "a"]),
        form("key-order"),
    ));
    all.push(Attack::item(
        "duplicate/by-normal-form".into(),
        of(&["é", "e\u{301}"]),
        form("not-normalized"),
    ));
    all.push(Attack::item(
        "duplicate/by-case-only".into(),
        of(&["A", "a"]),
        Accepted,
    ));
    for (name, keys) in [
        ("bytewise", &["b", "a"][..]),
        ("longer-first", &["aa", "z"]),
        ("as-json-sorts", &["aa", "b"]),
        ("late", &["a", "b", "d", "c"]),
        ("empty-last", &["a", ""]),
        ("unicode", &["é", "z"]),
    ] {
        all.push(Attack::item(
            format!("order/{name}"),
            of(keys),
            form("key-order"),
        ));
    }
    for keys in [&["a", "b"][..], &["b", "aa"], &["", "a"], &["z", "é"]] {
        all.push(Attack::item(
            format!("order/right {keys:?}"),
            of(keys),
            Accepted,
        ));
    }
    let wrong = array(&[map(&[(text("b"), vec![0]), (text("a"), vec![0])])]);
    all.push(Attack::of(
        "order/in-a-row".into(),
        ANY,
        wire::reply(wrong),
        form("key-order"),
    ));
}
