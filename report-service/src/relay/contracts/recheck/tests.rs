use super::*;

fn verdict(schema: &Value, value: &Value) -> Result<(), (String, String)> {
    let recheck = Recheck::compile(schema).unwrap();
    let verdict = recheck.check(value);
    verdict.map_err(|violation| (violation.pointer, violation.rule))
}

#[track_caller]
fn check(schema: &Value, allowed: &Value, refused: &Value, pointer: &str, keyword: &str) {
    assert_eq!(verdict(schema, allowed), Ok(()), "{schema} {allowed}");
    let expected = Err((pointer.to_owned(), format!("contract:{keyword}")));
    assert_eq!(verdict(schema, refused), expected, "{schema} {refused}");
}

#[test]
fn one_rule_and_its_place_are_named() {
    let row = json!({
        "type": "object", "additionalProperties": false, "required": ["host"],
        "properties": {
            "host": {"type": "string", "maxLength": 5, "x-text": "ident"},
            "at": {"type": "string", "format": "date-time"},
            "size": {"type": ["integer", "null"], "minimum": 0},
            "state": {"enum": ["on", "off"]},
            "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 2}]},
        },
    });
    let good = json!({"host": "a", "at": "2026-01-01T00:00:00Z", "size": null, "tags": ["x"], "either": 1});
    for (refused, pointer, keyword) in [
        (json!({}), "", "required"),
        (json!([]), "", "type"),
        (json!({"host": "a", "b": 1}), "", "additionalProperties"),
        (json!({"host": "abcdef"}), "/host", "maxLength"),
        (json!({"host": "a b"}), "/host", "x-text"),
        (json!({"host": 5}), "/host", "type"),
        (json!({"host": "a", "at": "today"}), "/at", "format"),
        (json!({"host": "a", "size": -1}), "/size", "minimum"),
        (json!({"host": "a", "state": "ON"}), "/state", "enum"),
        (json!({"host": "a", "tags": ["a\nb"]}), "/tags/0", "x-text"),
        (
            json!({"host": "a", "tags": ["a", "b", "c"]}),
            "/tags",
            "maxItems",
        ),
        (json!({"host": "a", "either": "abc"}), "/either", "anyOf"),
    ] {
        check(&row, &good, &refused, pointer, keyword);
    }
}

#[test]
fn texts_are_lines_and_bounded_unless_the_schema_says_otherwise() {
    let free = json!({});
    check(&free, &json!("free"), &json!("two\nlines"), "", "x-text");
    check(
        &free,
        &json!("a".repeat(4096)),
        &json!("a".repeat(4097)),
        "",
        "maxLength",
    );
    let block = json!({"type": "string", "x-text": "block", "maxLength": 9_000});
    assert_eq!(
        verdict(&block, &json!(format!("two\n{}", "a".repeat(8_000)))),
        Ok(())
    );
    let own = json!({"allOf": [{"type": "string", "x-text": "cell"}]});
    check(&own, &json!("-5"), &json!("=1+1"), "", "x-text");
    let referring = json!({"$defs": {"n": {"type": "string", "x-text": "ident"}}, "items": {"$ref": "#/$defs/n"}});
    check(&referring, &json!(["a"]), &json!(["a b"]), "/0", "x-text");
}

#[test]
fn what_would_go_unchecked_does_not_compile() {
    for schema in [
        json!({"format": "hostnam"}),
        json!({"format": "iri"}),
        json!({"x-text": "lines"}),
        json!({"properties": {"a": {"x-text": 1}}}),
        json!({"$ref": "https://schemas.example/x.json"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"pattern": "^(a)\\1$"}),
        json!({"type": "strin"}),
        json!({"properties": {"a": {"multipleOf": 0.01}}}),
    ] {
        assert!(Recheck::compile(&schema).is_err(), "{schema}");
    }
}

#[test]
fn no_verdict_shows_a_value() {
    let schema = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    let error = Recheck::compile(&schema)
        .unwrap()
        .check(&json!({"a": "secret"}))
        .unwrap_err();
    assert_eq!(error.to_string(), "/a: breaks \"contract:type\"");
}
