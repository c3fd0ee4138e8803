use super::*;
use crate::body::{assert_fixpoint, write_value};
use proptest::prelude::*;
use serde_json::{Value, json};
use spokegate_contract::cbor;

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.bytes().filter(|byte| *byte != b' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[track_caller]
fn refused(input: &[u8], rule: Rule, pointer: &str) {
    let refusal = decode(input, &BodyLimits::default())
        .map(|tree| format!("{tree:?}"))
        .unwrap_err();
    assert_eq!(
        refusal,
        Refusal {
            rule,
            pointer: pointer.to_owned()
        },
        "{:02x?}",
        &input[..input.len().min(40)]
    );
}

#[track_caller]
fn accepted(input: &[u8], json: &str) {
    let tree = decode(input, &BodyLimits::default()).unwrap();
    let mut out = Vec::new();
    write_value(tree.root(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), json);
}

#[test]
fn what_is_of_the_profile_passes() {
    for (input, json) in [
        ("00", "0"),
        ("17", "23"),
        ("1818", "24"),
        ("18ff", "255"),
        ("190100", "256"),
        ("19ffff", "65535"),
        ("1a00010000", "65536"),
        ("1b0000000100000000", "4294967296"),
        ("1b001fffffffffffff", "9007199254740991"),
        ("20", "-1"),
        ("3b001ffffffffffffe", "-9007199254740991"),
        ("f4", "false"),
        ("f5", "true"),
        ("f6", "null"),
        ("f93e00", "1.5"),
        ("f90001", "5.960464477539063e-8"),
        ("fa3dcccccd", "0.10000000149011612"),
        ("fb3fb999999999999a", "0.1"),
        ("60", "\"\""),
        ("6161", "\"a\""),
        ("62c3a9", "\"é\""),
        ("64f09f9880", "\"😀\""),
        ("63610a62", "\"a\\nb\""),
        ("622225", "\"\\\"%\""),
        ("80", "[]"),
        ("a0", "{}"),
        ("83010203", "[1,2,3]"),
        ("a26161 01 6162 820304", "{\"a\":1,\"b\":[3,4]}"),
        // CBOR orders by length first, JSON by bytes.
        ("a2617a01 62616102", "{\"aa\":2,\"z\":1}"),
    ] {
        accepted(&bytes(input), json);
    }
}

/// Names of a row that the row before had at the same place are not looked at again; that lets nothing in.
#[test]
fn rows_that_are_like_the_one_before_or_nearly_so_are_judged_as_if_they_stood_alone() {
    let first = "a2 6161 01 6162 02";
    let check = |second: &str, expected: Result<&str, (Rule, &str)>| {
        let both = bytes(&format!("82 {first} {second}"));
        match expected {
            Ok(json) => accepted(&both, &format!(r#"[{{"a":1,"b":2}},{json}]"#)),
            Err((rule, pointer)) => refused(&both, rule, pointer),
        }
    };
    check("a2 6161 03 6162 04", Ok(r#"{"a":3,"b":4}"#));
    check("a1 6161 03", Ok(r#"{"a":3}"#));
    check("a1 6162 03", Ok(r#"{"b":3}"#));
    check("a3 6161 03 6162 04 6163 05", Ok(r#"{"a":3,"b":4,"c":5}"#));
    check("a2 6161 03 6163 04", Ok(r#"{"a":3,"c":4}"#));
    check("a2 6161 a1 6162 03 6162 04", Ok(r#"{"a":{"b":3},"b":4}"#));
    check("a0", Ok("{}"));
    check("a2 6161 03 6161 04", Err((Rule::DuplicateKey, "/1")));
    check(
        "a3 6161 03 6162 04 6162 05",
        Err((Rule::DuplicateKey, "/1")),
    );
    check("a3 6161 03 6162 04 6161 05", Err((Rule::KeyOrder, "/1")));
    check("a2 6162 03 6161 04", Err((Rule::KeyOrder, "/1")));
    check("a2 7801 61 03 6162 04", Err((Rule::HeadForm, "/1")));
    check("a2 4161 03 6162 04", Err((Rule::KeyType, "/1")));
    check("a2 6161 03 6122 04", Err((Rule::Character, "/1")));
    check("a2 6161 03 6162", Err((Rule::Truncated, "/1/b")));
    check("a2 6161 03 61", Err((Rule::Truncated, "/1")));
}

#[test]
fn a_name_that_is_known_counts_as_a_value_like_any_other() {
    let input = bytes("82 a1 6161 01 a1 6161 02");
    let limits = |nodes| BodyLimits {
        nodes,
        ..BodyLimits::default()
    };
    assert!(decode(&input, &limits(7)).is_ok());
    for nodes in 0..7 {
        let refusal = decode(&input, &limits(nodes)).map(drop).unwrap_err();
        assert_eq!(refusal.rule, Rule::Nodes, "{nodes}");
    }
}

/// Every hostile class of the measurements: each accepted by at least one general decoder, none here.
#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn hostile_vectors_are_refused() {
    for (input, rule, pointer) in [
        ("", Rule::Truncated, ""),
        ("18", Rule::Truncated, ""),
        ("62 61", Rule::Truncated, ""),
        ("8201", Rule::Truncated, ""),
        ("81", Rule::Truncated, ""),
        ("a1 6161", Rule::Truncated, "/a"),
        // Declared lengths past the input, up to 2^63.
        ("9b0000010000000000", Rule::Truncated, ""),
        ("bb7fffffffffffffff", Rule::Truncated, ""),
        ("7b0000010000000000", Rule::Truncated, ""),
        ("5b7fffffffffffffff", Rule::ByteString, ""),
        // Bytes after the end.
        ("00 00", Rule::TrailingBytes, ""),
        ("a0 a0", Rule::TrailingBytes, ""),
        ("f6 ff", Rule::TrailingBytes, ""),
        // Longer heads than needed.
        ("1817", Rule::HeadForm, ""),
        ("1900ff", Rule::HeadForm, ""),
        ("1a0000ffff", Rule::HeadForm, ""),
        ("1b00000000ffffffff", Rule::HeadForm, ""),
        ("3800", Rule::HeadForm, ""),
        ("7801 61", Rule::HeadForm, ""),
        ("9801 00", Rule::HeadForm, ""),
        ("b801 6161 00", Rule::HeadForm, ""),
        ("1c", Rule::HeadForm, ""),
        ("1d", Rule::HeadForm, ""),
        ("1e", Rule::HeadForm, ""),
        ("fc", Rule::HeadForm, ""),
        // Indefinite lengths.
        ("9fff", Rule::Indefinite, ""),
        ("bfff", Rule::Indefinite, ""),
        ("7f6161ff", Rule::Indefinite, ""),
        ("7f7f6161ffff", Rule::Indefinite, ""),
        ("5fff", Rule::Indefinite, ""),
        ("ff", Rule::Indefinite, ""),
        ("819fff", Rule::Indefinite, "/0"),
        // Byte strings, tags, bignums, dates, embedded CBOR, self-description.
        ("40", Rule::ByteString, ""),
        ("4161", Rule::ByteString, ""),
        ("c24105", Rule::Tag, ""),
        ("c3490100000000000000ff", Rule::Tag, ""),
        ("c000", Rule::Tag, ""),
        ("c11a514b67b0", Rule::Tag, ""),
        ("d81800", Rule::Tag, ""),
        ("d9d9f700", Rule::Tag, ""),
        // Simple values.
        ("f7", Rule::Simple, ""),
        ("e0", Rule::Simple, ""),
        ("f3", Rule::Simple, ""),
        ("f814", Rule::Simple, ""),
        ("f820", Rule::Simple, ""),
        ("f8ff", Rule::Simple, ""),
        // Keys.
        ("a1 01 02", Rule::KeyType, ""),
        ("a1 f6 02", Rule::KeyType, ""),
        ("a1 80 02", Rule::KeyType, ""),
        ("a1 4161 02", Rule::KeyType, ""),
        ("a1 f93e00 02", Rule::KeyType, ""),
        ("a2 6161 01 6161 02", Rule::DuplicateKey, ""),
        ("a2 6162 01 6161 02", Rule::KeyOrder, ""),
        ("a2 626161 01 617a 02", Rule::KeyOrder, ""),
        ("a1 61 0a 01", Rule::Character, ""),
        ("a1 61 22 01", Rule::Character, ""),
        ("a1 61 5c 01", Rule::Character, ""),
        // Numbers past 2^53 - 1.
        ("1b0020000000000000", Rule::NumberRange, ""),
        ("1bffffffffffffffff", Rule::NumberRange, ""),
        ("3b001fffffffffffff", Rule::NumberRange, ""),
        ("3bffffffffffffffff", Rule::NumberRange, ""),
        // Floats: not finite, whole, negative zero, longer than needed, past the range.
        ("f97e00", Rule::FloatForm, ""),
        ("f97c00", Rule::FloatForm, ""),
        ("f9fc00", Rule::FloatForm, ""),
        ("fa7fc00000", Rule::FloatForm, ""),
        ("fb7ff8000000000000", Rule::FloatForm, ""),
        ("fb7ff0000000000000", Rule::FloatForm, ""),
        ("f90000", Rule::FloatForm, ""),
        ("f98000", Rule::FloatForm, ""),
        ("f93c00", Rule::FloatForm, ""),
        ("fb4000000000000000", Rule::FloatForm, ""),
        ("fa3fc00000", Rule::FloatForm, ""),
        ("fb3ff8000000000000", Rule::FloatForm, ""),
        ("fb3fb99999a0000000", Rule::FloatForm, ""),
        ("fbc36a7d1d30ad0000", Rule::FloatForm, ""),
        ("fb7e37e43c8800759c", Rule::FloatForm, ""),
        // Text: not UTF-8, overlong, surrogates, cut; NUL, direction, not normalised.
        ("61ff", Rule::Utf8, ""),
        ("62c0af", Rule::Utf8, ""),
        ("63eda080", Rule::Utf8, ""),
        ("61c3", Rule::Utf8, ""),
        ("6100", Rule::Character, ""),
        ("610b", Rule::Character, ""),
        ("610d", Rule::Character, ""),
        ("617f", Rule::Character, ""),
        ("63e280ae", Rule::Character, ""),
        ("63efbbbf", Rule::Character, ""),
        ("63e280a8", Rule::Character, ""),
        ("63efbfbe", Rule::Character, ""),
        ("6365cc81", Rule::NotNormalized, ""),
        // Places.
        ("82 00 a1 6161 82 00 f7", Rule::Simple, "/1/a/1"),
        ("a1 63612f7e f7", Rule::Simple, "/a~1~0"),
    ] {
        refused(&bytes(input), rule, pointer);
    }
}

fn nested(depth: usize) -> Vec<u8> {
    let mut input = vec![0x81; depth];
    input.push(0);
    input
}

fn with_text(length: usize) -> Vec<u8> {
    let mut input = Vec::new();
    cbor::Writer::new(&mut input).text(&"a".repeat(length));
    input
}

fn with_key(length: usize) -> Vec<u8> {
    let mut input = vec![0xa1];
    cbor::Writer::new(&mut input).text(&"k".repeat(length));
    input.push(0);
    input
}

fn with_items(count: usize) -> Vec<u8> {
    let mut input = Vec::new();
    cbor::Writer::new(&mut input).array(count);
    input.resize(input.len() + count, 0);
    input
}

fn with_entries(count: usize) -> Vec<u8> {
    let mut input = Vec::new();
    cbor::Writer::new(&mut input).map(count);
    for number in 0..count {
        cbor::Writer::new(&mut input).text(&format!("{number:04}"));
        input.push(0);
    }
    input
}

#[test]
fn every_limit_holds_at_one_more_and_not_at_itself_or_one_less() {
    let check = |make: &dyn Fn(usize) -> Vec<u8>, limit: usize, rule: Rule| {
        let limits = BodyLimits::default();
        assert!(
            decode(&make(limit - 1), &limits).is_ok(),
            "{rule} at limit - 1"
        );
        assert!(decode(&make(limit), &limits).is_ok(), "{rule} at limit");
        assert_eq!(
            decode(&make(limit + 1), &limits).unwrap_err().rule,
            rule,
            "limit + 1"
        );
    };
    check(&nested, limits::DEPTH_MAX, Rule::Depth);
    check(
        &with_text,
        limits::STRING_BYTES_HARD_MAX,
        Rule::StringLength,
    );
    check(&with_key, limits::KEY_BYTES_MAX, Rule::KeyLength);
    check(&with_items, limits::ARRAY_ITEMS_MAX, Rule::ArrayItems);
    check(&with_entries, limits::MAP_ENTRIES_MAX, Rule::MapEntries);
    // Values and keys in all: nine full arrays, and a last one that makes up what is left. Each array counts, and so does
    // the outer one.
    let full = limits::ARRAY_ITEMS_MAX - 1;
    let rows = |nodes: usize| {
        let mut input = vec![0x8a];
        (0..9).for_each(|_| input.extend(with_items(full)));
        input.extend(with_items(nodes - 11 - 9 * full));
        input
    };
    check(&rows, limits::NODES_MAX, Rule::Nodes);
    assert_eq!(
        decode(&rows(limits::NODES_MAX + 1), &BodyLimits::default())
            .unwrap_err()
            .pointer,
        "/9/19998"
    );
}

#[test]
fn bombs_cost_nothing() {
    let mut deep = vec![0x81; 1_000_000];
    deep.push(0);
    assert_eq!(
        decode(&deep, &BodyLimits::default()).unwrap_err().rule,
        Rule::Depth
    );
    let mut maps = Vec::new();
    cbor::Writer::new(&mut maps).array(1_000_000);
    (0..1_000_000).for_each(|_| maps.extend([0xa1, 0x60, 0xf6]));
    assert_eq!(
        decode(&maps, &BodyLimits::default()).unwrap_err().rule,
        Rule::ArrayItems
    );
}

#[test]
fn a_pointer_is_cut_and_never_holds_a_value() {
    let deep = (0..10).fold(json!("\u{7}"), |inner, _| json!({"k".repeat(100): inner}));
    let mut input = Vec::new();
    // The agent's encoder would clean the text, so the fault is put in by hand.
    cbor::from_json(&deep, &mut input).unwrap();
    *input.last_mut().unwrap() = 0xf7;
    let refusal = decode(&input, &BodyLimits::default()).unwrap_err();
    assert_eq!(refusal.pointer.len(), limits::POINTER_BYTES_MAX);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<f32>()
            .prop_filter("in range", |x| x.abs() < 9e15)
            .prop_map(|x| json!(f64::from(x))),
        any::<f64>()
            .prop_filter("in range", |x| x.abs() < 9e15)
            .prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map("[^\\pC\\p{Zl}\\p{Zp}\"\\\\]{0,6}", inner, 0..8)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    /// What an agent encodes passes, comes out canonical, and is the same bytes when it goes round again.
    #[test]
    fn the_output_is_a_fixpoint(value in any_json()) {
        let mut input = Vec::new();
        // Two keys may become one when they are cleaned.
        prop_assume!(cbor::from_json(&value, &mut input).is_ok());
        prop_assert!(assert_fixpoint(&input));
    }

    #[test]
    fn arbitrary_bytes_never_break_it(input in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_fixpoint(&input);
    }
}

#[test]
fn the_fuzzers_corpus_holds() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/body");
    let verdicts: Vec<bool> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|entry| assert_fixpoint(&std::fs::read(entry.unwrap().path()).unwrap()))
        .collect();
    let accepted = verdicts.iter().filter(|accepted| **accepted).count();
    assert!(
        accepted >= 20 && verdicts.len() - accepted >= 60,
        "{accepted} of {}",
        verdicts.len()
    );
}
