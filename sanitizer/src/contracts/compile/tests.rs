use super::*;
use crate::body::{BodyLimits, decode};
use serde_json::json;

fn judge(schema: &Value, value: &Value) -> Result<(), (String, String)> {
    let contract = Contract::compile(schema).unwrap();
    let mut input = Vec::new();
    spokegate_contract::cbor::from_json(value, &mut input).unwrap();
    let tree = decode(&input, &BodyLimits::default()).unwrap();
    contract
        .judge(tree.root())
        .map_err(|refusal| (refusal.pointer, refusal.rule.to_string()))
}

#[track_caller]
fn check(schema: &Value, allowed: &Value, refused: &Value, pointer: &str, rule: &str) {
    assert_eq!(judge(schema, allowed), Ok(()), "{schema} {allowed}");
    assert_eq!(
        judge(schema, refused),
        Err((pointer.to_owned(), format!("contract:{rule}"))),
        "{schema} {refused}"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn keywords_judge_the_tree() {
    check(
        &json!({"type": "integer"}),
        &json!(1),
        &json!(1.5),
        "",
        "type",
    );
    check(
        &json!({"minimum": 1, "maximum": 9}),
        &json!(9),
        &json!(10),
        "",
        "maximum",
    );
    check(
        &json!({"multipleOf": 0.5}),
        &json!(1.5),
        &json!(1.4),
        "",
        "multipleOf",
    );
    check(
        &json!({"type": "string", "maxLength": 2}),
        &json!("éé"),
        &json!("ééé"),
        "",
        "maxLength",
    );
    check(
        &json!({"type": "string", "pattern": "^a+$"}),
        &json!("aa"),
        &json!("ab"),
        "",
        "pattern",
    );
    check(
        &json!({"type": "string", "format": "ipv4"}),
        &json!("10.0.0.1"),
        &json!("10.0.0"),
        "",
        "format",
    );
    check(
        &json!({"enum": ["a", 1, null, {"b": [1]}]}),
        &json!({"b": [1]}),
        &json!({"b": [2]}),
        "",
        "enum",
    );
    check(&json!({"const": 1}), &json!(1), &json!(2), "", "const");
    check(
        &json!({"uniqueItems": true}),
        &json!([1, "1"]),
        &json!([{"a": 1}, {"a": 1}]),
        "",
        "uniqueItems",
    );
    check(
        &json!({"items": {"type": "null"}}),
        &json!([null]),
        &json!([null, 0]),
        "/1",
        "type",
    );
    check(
        &json!({"propertyNames": {"maxLength": 2}}),
        &json!({"ab": 1}),
        &json!({"abc": 1}),
        "",
        "propertyNames",
    );
    check(
        &json!({"dependentRequired": {"a": ["b"]}}),
        &json!({"a": 1, "b": 1}),
        &json!({"a": 1}),
        "",
        "required",
    );
    let closed = json!({"type": "object", "properties": {"a/b": {"type": "boolean"}}, "required": ["a/b"], "additionalProperties": false});
    check(
        &closed,
        &json!({"a/b": true}),
        &json!({"a/b": 1}),
        "/a~1b",
        "type",
    );
    check(
        &closed,
        &json!({"a/b": true}),
        &json!({"a/b": true, "c": 1}),
        "",
        "additionalProperties",
    );
    check(&closed, &json!({"a/b": true}), &json!({}), "", "required");
    let referring = json!({"$defs": {"n": {"type": "string", "x-text": "ident"}}, "items": {"$ref": "#/$defs/n"}});
    check(&referring, &json!(["a"]), &json!(["a b"]), "/0", "x-text");
}

#[test]
fn strings_are_lines_and_bounded_unless_the_schema_says_otherwise() {
    let line = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}});
    check(
        &line,
        &json!({"a": "b c"}),
        &json!({"a": "b\nc"}),
        "/a",
        "x-text",
    );
    check(
        &line,
        &json!({"a": "a".repeat(4096)}),
        &json!({"a": "a".repeat(4097)}),
        "/a",
        "maxLength",
    );
    check(
        &json!({}),
        &json!("free"),
        &json!("two\nlines"),
        "",
        "x-text",
    );
    let block = json!({"type": "string", "x-text": "block", "maxLength": 10_000});
    assert_eq!(
        judge(&block, &json!(format!("two\n{}", "a".repeat(9_000)))),
        Ok(())
    );
    check(
        &json!({"type": "string", "x-text": "cell"}),
        &json!("-5"),
        &json!("=1+1"),
        "",
        "x-text",
    );
}

#[test]
fn schemas_that_cannot_be_trusted_do_not_compile() {
    for schema in [
        json!({"maxLenght": 3}),
        json!({"properties": {"a": {"tpye": "string"}}}),
        json!({"items": {"allOf": [{"requierd": []}]}}),
        json!({"$dynamicRef": "#x"}),
        json!({"x-text": "lines"}),
        json!({"properties": {"a": {"x-text": 1}}}),
        json!({"$ref": "https://schemas.example/x.json"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"pattern": "^(a)\\1$"}),
        json!({"pattern": "((((a{100}){100}){100}){100})"}),
        json!({"format": "hostnam"}),
        json!({"type": "strin"}),
    ] {
        assert!(Contract::compile(&schema).is_err(), "{schema}");
    }
    assert!(
        Contract::compile(&json!({"format": "hostname", "pattern": "^a+$", "x-own": 1})).is_ok()
    );
}

#[test]
fn a_pattern_takes_linear_time() {
    let long = format!("{}!", "a".repeat(4_000));
    assert!(
        judge(
            &json!({"type": "string", "pattern": "^(a+)+$"}),
            &json!(long)
        )
        .is_err()
    );
}
