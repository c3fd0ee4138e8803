use super::*;
use crate::body::{BodyLimits, decode};
use serde_json::{Value, json};

fn planned(schema: &Value) -> Option<Rules> {
    let keywords = Keywords {
        formats: true,
        ours: true,
    };
    plan(schema, keywords)
}

#[track_caller]
fn check(schema: &Value, allowed: &[Value], refused: &[Value]) {
    let rules = planned(schema).unwrap_or_else(|| panic!("no quick judge of {schema}"));
    for (values, expected) in [(allowed, true), (refused, false)] {
        for value in values {
            let mut body = Vec::new();
            spokegate_contract::cbor::from_json(value, &mut body).unwrap();
            let tree = decode(&body, &BodyLimits::default()).unwrap();
            assert_eq!(rules.hold(tree.root()), expected, "{schema} {value}");
        }
    }
}

#[test]
fn lengths_are_counted_in_characters() {
    let schema = json!({"minLength": 2, "maxLength": 3});
    let texts = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
    check(
        &schema,
        &texts(&["ab", "abc", "éé", "ééé", "😀😀", "😀😀😀"]),
        &texts(&["", "a", "abcd", "é", "éééé", "😀", "😀😀😀😀"]),
    );
}

#[test]
fn members_are_found_whatever_stands_between_them() {
    let schema = json!({
        "required": ["bb", "c", "dddd"],
        "properties": {"a": {"type": "integer"}, "bb": {"type": "string"}, "c": {}, "zz": false},
        "additionalProperties": {"type": "null"},
        "propertyNames": {"maxLength": 4},
        "maxProperties": 5,
    });
    check(
        &schema,
        &[
            json!({"bb": "", "c": 1, "dddd": null}),
            json!({"a": 1, "bb": "", "c": 1, "dddd": null, "b": null}),
            json!(7),
        ],
        &[
            json!({}),
            json!({"bb": "", "c": 1}),
            json!({"bb": "", "c": 1, "dddd": 1}),
            json!({"bb": "", "dddd": null}),
            json!({"c": 1, "dddd": null}),
            json!({"bb": 1, "c": 1, "dddd": null}),
            json!({"bb": "", "c": 1, "dddd": null, "zz": 1}),
            json!({"bb": "", "c": 1, "dddd": null, "b": 1}),
            json!({"bb": "", "c": 1, "dddd": null, "eeeee": null}),
            json!({"a": 1, "bb": "", "c": 1, "dddd": null, "b": null, "d": null}),
        ],
    );
}

#[test]
fn what_it_does_not_know_it_does_not_judge() {
    for schema in [
        json!({"patternProperties": {"^a": {}}}),
        json!({"items": {"unevaluatedProperties": false}}),
        json!({"$ref": "#"}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}),
        json!({"$ref": "#/$defs/b", "$defs": {"a": {}}}),
        json!({"properties": {"a": {"$id": "https://example.net/a"}}}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#"}),
        json!({"format": "unheard-of"}),
        json!({"pattern": "("}),
        json!({"maxLength": 2.0}),
        json!({"contains": {}}),
    ] {
        assert!(planned(&schema).is_none(), "{schema}");
    }
}

#[test]
fn definitions_that_multiply_have_an_end() {
    let doubled = |depth: usize| {
        let definitions = (0..depth).map(|level| {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            (format!("d{level}"), json!({"allOf": [next, next]}))
        });
        let mut definitions: serde_json::Map<_, _> = definitions.collect();
        definitions.insert(format!("d{depth}"), json!({"type": "integer"}));
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    };
    check(&doubled(8), &[json!(1)], &[json!("a")]);
    assert!(planned(&doubled(20)).is_none());
}
