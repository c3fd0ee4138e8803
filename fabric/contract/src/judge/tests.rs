use serde_json::{Value, json};

use super::*;

/// Judges with a schema for a member `a`.
#[track_caller]
fn check(schema: &Value, allowed: &Value, refused: &Value, pointer: &str, rule: &str) {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["a"], "properties": {"a": schema},
    });
    let judge = Judge::new(&schema).unwrap();
    assert_eq!(judge.judge(&json!({"a": allowed})), Ok(()), "{allowed}");
    let broken = judge.judge(&json!({"a": refused})).unwrap_err();
    assert_eq!(
        (broken.pointer.as_str(), broken.rule.as_str()),
        (pointer, rule),
        "{refused}"
    );
}

#[test]
fn the_contract_judges() {
    let line = json!({"type": "string", "maxLength": 5});
    check(
        &line,
        &json!("ab cd"),
        &json!("abcdef"),
        "/a",
        "contract:maxLength",
    );
    check(&line, &json!("ab"), &json!("a\nb"), "/a", "contract:x-text");
    check(&line, &json!("ab"), &json!(1), "/a", "contract:type");
    let class = |class: &str| json!({"type": "string", "maxLength": 9, "x-text": class});
    check(
        &class("ident"),
        &json!("a-b"),
        &json!("a b"),
        "/a",
        "contract:x-text",
    );
    check(
        &class("block"),
        &json!("a\nb\tc"),
        &json!("0123456789"),
        "/a",
        "contract:maxLength",
    );
    check(
        &class("cell"),
        &json!("-5"),
        &json!("=1+1"),
        "/a",
        "contract:x-text",
    );
    check(
        &class("cell"),
        &json!("+49"),
        &json!("+A1"),
        "/a",
        "contract:x-text",
    );
    check(
        &class("opaque-b64"),
        &json!("aGk="),
        &json!("a b"),
        "/a",
        "contract:x-text",
    );
    let free = json!({"type": ["string", "null"]});
    check(
        &free,
        &json!("x".repeat(4_096)),
        &json!("x".repeat(4_097)),
        "/a",
        "contract:maxLength",
    );
}

#[test]
fn the_form_judges_first() {
    let any = json!({"type": ["string", "number", "array", "object"], "maxLength": 65_536, "x-text": "block"});
    check(
        &any,
        &json!("é"),
        &json!("e\u{301}"),
        "/a",
        "not-normalized",
    );
    check(&any, &json!("a"), &json!("\u{202e}a"), "/a", "character");
    check(
        &any,
        &json!({"b": 1}),
        &json!({"b": ["\0"]}),
        "/a/b/0",
        "character",
    );
    check(
        &any,
        &json!({"b": 1}),
        &json!({"b\"": 1}),
        "/a",
        "character",
    );
    let long = |bytes: usize| json!("x".repeat(bytes));
    check(&any, &long(65_536), &long(65_537), "/a", "string-length");
    check(
        &any,
        &json!(9_007_199_254_740_991_i64),
        &json!(9_007_199_254_740_992_i64),
        "/a",
        "number-range",
    );
    check(&any, &json!(0.5), &json!(1e300), "/a", "number-range");
    let key = |bytes: usize| json!({"k".repeat(bytes): 1});
    check(&any, &key(128), &key(129), "/a", "key-length");
    let wide = |entries: usize| -> Value {
        (0..entries)
            .map(|n| (n.to_string(), json!(1)))
            .collect::<Map<_, _>>()
            .into()
    };
    check(&any, &wide(256), &wide(257), "/a", "map-entries");
    check(
        &any,
        &json!(vec![1; 20_000]),
        &json!(vec![1; 20_001]),
        "/a",
        "array-items",
    );
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    check(
        &any,
        &deep(15),
        &deep(16),
        &format!("/a{}", "/0".repeat(15)),
        "depth",
    );
}

#[test]
fn a_schema_that_cannot_be_trusted_does_not_compile() {
    for schema in [
        json!({"$ref": "https://schemas.spokegate.invalid/_common/v1/ip.json"}),
        json!({"pattern": "^(a)\\1$"}),
        json!({"format": "hostnam"}),
        json!({"type": "strin"}),
    ] {
        assert!(Judge::new(&schema).is_err(), "{schema}");
    }
}
