use super::*;
use crate::body::{BodyLimits, decode};

#[track_caller]
fn check(value: &serde_json::Value, expected: &str) {
    let mut input = Vec::new();
    spokegate_contract::cbor::from_json(value, &mut input).unwrap();
    let mut out = Vec::new();
    write_value(
        decode(&input, &BodyLimits::default()).unwrap().root(),
        &mut out,
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn keys_are_in_byte_order_and_escapes_are_few() {
    check(
        &serde_json::json!({"b": 1, "aa": 2, "ä": 3, "Z": 4}),
        r#"{"Z":4,"aa":2,"b":1,"ä":3}"#,
    );
    check(&serde_json::json!("\"\\\n\t/é\u{7f}"), r#""\"\\\n\t/é""#);
    check(
        &serde_json::json!([1.0, -0.0, 0.5, 1e-7, -1234.5]),
        "[1,0,0.5,1e-7,-1234.5]",
    );
    check(
        &serde_json::json!({"a": {"c": [], "b": {}}}),
        r#"{"a":{"b":{},"c":[]}}"#,
    );
}

#[test]
fn each_row_has_its_own_order_whatever_the_row_before_had() {
    check(
        &serde_json::json!([
            {"b": 1, "aa": 2}, {"b": 3, "aa": 4}, {"c": 1, "aa": 2}, {"aa": 1}, {}, {"b": 1, "aa": 2, "d": 3},
            {"b": {"z": 1, "aa": 2}, "aa": {"y": 1, "aa": [{"z": 1, "aa": 2}]}},
        ]),
        r#"[{"aa":2,"b":1},{"aa":4,"b":3},{"aa":2,"c":1},{"aa":1},{},{"aa":2,"b":1,"d":3},{"aa":{"aa":[{"aa":2,"z":1}],"y":1},"b":{"aa":2,"z":1}}]"#,
    );
}
