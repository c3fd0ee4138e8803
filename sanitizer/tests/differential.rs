//! The decoder against two others and against deterministic CBOR by the book: what it accepts, all accept with the same
//! value; what is not deterministic for `dcbor`, it refuses; and what `dcbor` lets through, it refuses for a reason that
//! stands in a table.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use dcbor::{CBOR, CBORCase, Simple};
use proptest::prelude::*;
use serde_json::{Map, Number, Value};
use spokegate_sanitizer::body::{BodyLimits, Rule, decode, write_value};
use std::collections::BTreeMap;

/// Rules by which deterministic CBOR is refused, and why.
const KNOWN: [(Rule, &str); 11] = [
    (Rule::ByteString, "binary data travels as base64 text"),
    (
        Rule::Tag,
        "the contract says what a value means, not the wire",
    ),
    (
        Rule::NumberRange,
        "JSON readers lose integers past 2^53 - 1",
    ),
    (
        Rule::FloatForm,
        "NaN, infinities and floats past 2^53 are no JSON, or another number there",
    ),
    (Rule::KeyType, "names of JSON members are texts"),
    (
        Rule::Character,
        "invisible, directing or unassigned characters",
    ),
    (Rule::Depth, "a limit"),
    (Rule::StringLength, "a limit"),
    (Rule::KeyLength, "a limit"),
    (Rule::MapEntries, "a limit"),
    (Rule::ArrayItems, "a limit"),
];

/// What came of the inputs.
#[derive(Debug, Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    differences: BTreeMap<String, usize>,
}

impl Tally {
    fn take(&mut self, bytes: &[u8]) {
        match compare(bytes) {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Stricter(rule) => *self.differences.entry(rule.to_string()).or_default() += 1,
        }
    }
}

#[derive(Debug)]
enum Outcome {
    Accepted,
    Refused,
    /// Refused here, deterministic for `dcbor`.
    Stricter(Rule),
}

/// Judges one input with all decoders; ends the test when they disagree in another way than those known.
fn compare(bytes: &[u8]) -> Outcome {
    let book = CBOR::try_from_data(bytes);
    match decode(bytes, &BodyLimits::default()) {
        Ok(tree) => {
            let mut json = Vec::new();
            write_value(tree.root(), &mut json);
            let ours: Value = serde_json::from_slice(&json).unwrap();
            let first: Value = ciborium::from_reader(bytes)
                .unwrap_or_else(|error| panic!("ciborium: {error}, {bytes:02x?}"));
            let second: Value = cbor4ii::serde::from_slice(bytes)
                .unwrap_or_else(|error| panic!("cbor4ii: {error}, {bytes:02x?}"));
            let third = value(&book.unwrap_or_else(|error| panic!("dcbor: {error}, {bytes:02x?}")));
            assert!(ours == first, "ciborium reads {first}, here it is {ours}");
            assert!(ours == second, "cbor4ii reads {second}, here it is {ours}");
            assert!(ours == third, "dcbor reads {third}, here it is {ours}");
            Outcome::Accepted
        }
        Err(_) if book.is_err() => Outcome::Refused,
        Err(refusal) => {
            let known = KNOWN.iter().any(|(rule, _)| *rule == refusal.rule);
            assert!(known, "{refusal} of what dcbor takes: {bytes:02x?}");
            Outcome::Stricter(refusal.rule)
        }
    }
}

/// A value of `dcbor` as JSON; only for what is accepted here, so that everything has a JSON form.
fn value(item: &CBOR) -> Value {
    match item.as_case() {
        CBORCase::Unsigned(number) => Value::from(*number),
        CBORCase::Negative(number) => Value::from(-1 - i64::try_from(*number).unwrap()),
        CBORCase::Text(text) => Value::from(text.as_str()),
        CBORCase::Array(items) => items.iter().map(value).collect(),
        CBORCase::Map(members) => {
            let member = |(key, member): (&CBOR, &CBOR)| match key.as_case() {
                CBORCase::Text(name) => (name.clone(), value(member)),
                other => panic!("a key {other:?}"),
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        CBORCase::Simple(Simple::False) => Value::Bool(false),
        CBORCase::Simple(Simple::True) => Value::Bool(true),
        CBORCase::Simple(Simple::Null) => Value::Null,
        CBORCase::Simple(Simple::Float(number)) => {
            Value::Number(Number::from_f64(*number).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

/// RFC 8949, appendix A, and the malformed ones of appendix F.
const VECTORS: &str = "00 01 0a 17 1818 1819 1864 1903e8 1a000f4240 1b000000e8d4a51000 1bffffffffffffffff \
    c249010000000000000000 3bffffffffffffffff c349010000000000000000 20 29 3863 3903e7 f90000 f98000 f93c00 \
    fb3ff199999999999a f93e00 f97bff fa47c35000 fa7f7fffff fb7e37e43c8800759c f90001 f90400 f9c400 \
    fbc010666666666666 f97c00 f97e00 f9fc00 fa7f800000 fa7fc00000 faff800000 fb7ff0000000000000 fb7ff8000000000000 \
    fbfff0000000000000 f4 f5 f6 f7 f0 f818 f8ff c074323031332d30332d32315432303a30343a30305a c11a514b67b0 \
    c1fb41d452d9e8000000 d74401020304 d818456449455446 d82076687474703a2f2f7777772e6578616d706c652e636f6d 40 4401020304 \
    60 6161 6449455446 62225c 62c3bc 63e6b0b4 64f0908591 80 83010203 8301820203820405 \
    98190102030405060708090a0b0c0d0e0f101112131415161718181819 a0 a201020304 a26161016162820203 826161a161626163 \
    a56161614161626142616361436164614461656145 5f42010243030405ff 7f657374726561646d696e67ff 9fff 9f018202039f0405ffff \
    9f01820203820405ff 83018202039f0405ff 83019f0203ff820405 9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff \
    bf61610161629f0203ffff 826161bf61626163ff bf6346756ef563416d7421ff 18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 \
    98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000 41 61 5affffffff00 5bffffffffffffffff010203 7affffffff00 \
    7b7fffffffffffffff010203 81 818181818181818181 8200 a1 a20102 a100 a2000000 c0 5f4100 7f6100 9f 9f0102 bf bf01020102 \
    819f 9f8000 9f9f9f9f9fffffffff 9f819f819f9fffffff 1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc \
    fd fe f800 f801 f814 f81f 5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff 5f5f4100ffff 7f7f6100ffff ff \
    81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff bf00ff bf000000ff 1f 3f df";

#[test]
fn vectors_of_the_standard_and_the_corpora_are_read_alike() {
    let mut tally = Tally::default();
    for vector in VECTORS.split_whitespace() {
        tally.take(&hex(vector));
    }
    for corpus in ["body", "judged"] {
        let folder = format!("{}/fuzz/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            tally.take(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
    println!(
        "read alike: {} accepted, {} refused here and by dcbor; refused here alone: {:?}",
        tally.accepted, tally.refused, tally.differences
    );
    assert!(tally.accepted >= 40 && tally.refused >= 100, "{tally:?}");
    for rule in [
        "tag",
        "byte-string",
        "number-range",
        "float-form",
        "key-type",
    ] {
        assert!(tally.differences.contains_key(rule), "{rule}: {tally:?}");
    }
}

/// Every double and single around each power of two, in all three widths: floats are where decoders part.
#[test]
fn floats_around_every_power_of_two_are_read_alike() {
    let mut tally = Tally::default();
    let near = |bits: u64, step: i64| bits.wrapping_add_signed(step);
    for exponent in -1074..1024 {
        let bits = 2f64.powi(exponent).to_bits();
        for step in -2..=2 {
            let [positive, negative] = [near(bits, step), near(bits, step) | 1 << 63];
            for bits in [positive, negative] {
                tally.take(&[&[0xfb][..], &bits.to_be_bytes()].concat());
            }
        }
    }
    for bits in (0..=u32::MAX).step_by(65_521) {
        tally.take(&[&[0xfa][..], &bits.to_be_bytes()].concat());
    }
    for bits in 0..=u16::MAX {
        tally.take(&[&[0xf9][..], &bits.to_be_bytes()].concat());
    }
    println!(
        "floats read alike: {} accepted, {} refused by both, refused here alone: {:?}",
        tally.accepted, tally.refused, tally.differences
    );
    assert!(
        tally.accepted > 30_000 && tally.refused > 15_000,
        "{tally:?}"
    );
    assert_eq!(tally.differences.keys().collect::<Vec<_>>(), ["float-form"]);
}

/// A head whose argument may be longer than it has to be.
fn head(major: u8, value: u64) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![20 => Just(0usize), 1 => 1usize..5].prop_map(move |longer| {
        let least = match value {
            0..24 => 0,
            24..0x100 => 1,
            0x100..0x1_0000 => 2,
            0x1_0000..0x1_0000_0000 => 3,
            _ => 4,
        };
        let lead = major << 5;
        let bytes = value.to_be_bytes();
        match least.max(longer) {
            0 => vec![lead | u8::try_from(value).unwrap()],
            width => {
                let count = 1 << (width - 1);
                let info = 23 + u8::try_from(width).unwrap();
                [&[lead | info][..], &bytes[8 - count..]].concat()
            }
        }
    })
}

fn integer() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..30,
        200u64..300,
        any::<u16>().prop_map(u64::from),
        any::<u32>().prop_map(u64::from),
        any::<u64>(),
        (1u64 << 53) - 3..(1 << 53) + 3
    ]
}

fn float() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u16>().prop_map(|bits| [&[0xf9][..], &bits.to_be_bytes()].concat()),
        any::<u32>().prop_map(|bits| [&[0xfa][..], &bits.to_be_bytes()].concat()),
        any::<u64>().prop_map(|bits| [&[0xfb][..], &bits.to_be_bytes()].concat()),
        any::<f32>().prop_map(|value| [&[0xfb][..], &f64::from(value).to_be_bytes()].concat()),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        6 => "[a-z]{0,3}".prop_map(String::into_bytes),
        3 => "\\PC{0,6}".prop_map(String::into_bytes),
        1 => any::<String>().prop_map(|text| text.chars().take(8).collect::<String>().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    content.prop_flat_map(|content| {
        head(3, content.len() as u64).prop_map(move |head| [head, content.clone()].concat())
    })
}

/// Items of which most are deterministic, and each part may not be.
fn item() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        8 => (0u8..2, integer()).prop_flat_map(|(major, value)| head(major, value)),
        6 => text(),
        4 => float(),
        4 => (0xf4u8..0xf7).prop_map(|byte| vec![byte]),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => Just(hex("4161")),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..6).prop_flat_map(|items| {
            head(4, items.len() as u64).prop_map(move |head| [head, items.concat()].concat())
        });
        let key = prop_oneof![12 => text(), 1 => inner.clone()];
        let map = (prop::collection::vec((key, inner.clone()), 0..5), 0u8..8).prop_flat_map(
            |(mut members, disorder)| {
                if disorder > 0 {
                    members.sort();
                    members.dedup_by(|one, other| one.0 == other.0);
                }
                head(5, members.len() as u64).prop_map(move |head| {
                    let members = members
                        .iter()
                        .flat_map(|(key, value)| [&key[..], value].concat());
                    head.into_iter().chain(members).collect()
                })
            },
        );
        let tagged = (head(6, 1), inner).prop_map(|(tag, item)| [tag, item].concat());
        prop_oneof![8 => array, 8 => map, 1 => tagged]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn items_are_read_alike(bytes in item()) {
        compare(&bytes);
    }

    #[test]
    fn changed_items_are_read_alike(
        mut bytes in item(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        more in prop::option::weighted(0.1, any::<u8>()),
    ) {
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes.extend(more);
        compare(&bytes);
    }

    /// A map's members come out in the order of JSON whatever their order on the wire, and none is lost.
    #[test]
    fn members_are_all_there(names in prop::collection::btree_set("[a-z]{1,4}", 0..20)) {
        let object: Map<String, Value> = names.iter().map(|name| (name.clone(), Value::from(name.len()))).collect();
        let mut bytes = Vec::new();
        spokegate_contract::cbor::from_json(&Value::Object(object), &mut bytes).unwrap();
        prop_assert!(matches!(compare(&bytes), Outcome::Accepted));
        let tree = decode(&bytes, &BodyLimits::default()).unwrap();
        let mut json = Vec::new();
        write_value(tree.root(), &mut json);
        let written: Map<String, Value> = serde_json::from_slice(&json).unwrap();
        prop_assert!(written.keys().eq(names.iter()));
    }
}
