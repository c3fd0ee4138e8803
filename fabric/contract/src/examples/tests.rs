use serde_json::json;

use super::*;
use crate::Registry;

/// A folder with one dataset; `row` is its schema.
fn folder(row: &Value, examples: &[(&str, Value)]) -> (Folder, Registry) {
    let about = json!({
        "id": "jobs", "title": "Jobs", "description": "All.", "shape": "rows", "kinds": ["pull"],
        "max_age_s": 60, "personal_data": false,
    });
    let params = json!({"type": "object", "additionalProperties": false, "properties": {}});
    let mut folder = Folder::from_files(
        [
            ("jobs/dataset.json", &about),
            ("jobs/v1/params.schema.json", &params),
            ("jobs/v1/row.schema.json", row),
        ]
        .map(|(path, value)| (path.to_owned(), value.to_string().into_bytes())),
    );
    for (name, value) in examples {
        folder.insert(&format!("jobs/v1/{name}"), value.to_string().into_bytes());
    }
    let registry = folder.registry_as_it_stands().unwrap();
    (folder, registry)
}

fn row() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["job"],
        "properties": {
            "job": {"type": "string", "maxLength": 5, "x-text": "line"},
            "size": {"type": "integer", "minimum": 0, "maximum": 9},
            "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "enum": ["a", "b"]}},
        },
    })
}

fn tally(row: &Value, examples: &[(&str, Value)]) -> Tally {
    let (folder, registry) = folder(row, examples);
    run(&folder, registry.iter().next().unwrap())
}

fn full() -> Value {
    json!({"job": "one", "size": 3, "tags": ["a"]})
}

fn bad(pointer: &str, rule: &str, data: &Value) -> Value {
    json!({"expect": {"pointer": pointer, "rule": rule}, "data": data})
}

#[test]
fn good_examples_travel_and_their_mutants_do_not() {
    let tally = tally(
        &row(),
        &[
            ("examples/ok-a.json", full()),
            (
                "examples/bad-a.json",
                bad("/job", "maxLength", &json!({"job": "longer"})),
            ),
            ("examples/params/ok-none.json", json!({})),
        ],
    );
    assert_eq!(tally.faults, []);
    assert_eq!((tally.accepted, tally.refused), (2, 1));
    // The whole 3 (type, required, stranger), job 4, size 4, tags 2 and its item 4; the empty parameters 2.
    assert_eq!(tally.mutations, 19);
}

#[track_caller]
fn fault(row: &Value, name: &str, example: Value, expected: &str) {
    let tally = tally(row, &[(name, example)]);
    let told: Vec<_> = tally.faults.iter().map(|fault| &fault.what).collect();
    assert!(told.iter().any(|what| what.contains(expected)), "{told:#?}");
}

#[test]
fn what_an_example_does_not_hold_to_is_told() {
    let row = row();
    fault(
        &row,
        "examples/ok-a.json",
        json!({}),
        "should be accepted: the whole: breaks \"contract:required\"",
    );
    fault(
        &row,
        "examples/bad-a.json",
        bad("/job", "maxLength", &full()),
        "but is accepted",
    );
    fault(
        &row,
        "examples/bad-a.json",
        bad("/job", "pattern", &json!({"job": "longer"})),
        "should break \"pattern\" at \"/job\", but breaks \"maxLength\"",
    );
    fault(&row, "examples/bad-a.json", full(), "is not {\"expect\"");
    fault(&row, "examples/good.json", full(), "neither ok-");
    fault(
        &row,
        "examples/params/ok-a.json",
        json!({"x": 1}),
        "additionalProperties",
    );
}

/// Judges the mutants of a good example by a judge that lacks one rule of the schema.
#[track_caller]
fn found_out(loosen: impl FnOnce(&mut Value), expected: &str) {
    let mut loose = row();
    loosen(&mut loose);
    let example = Example {
        path: "jobs/v1/examples/ok-a.json".into(),
        value: full(),
        expect: None,
    };
    let mut tally = Tally::default();
    one(&example, &row(), &Judge::new(&loose).unwrap(), &mut tally);
    let told: Vec<_> = tally
        .faults
        .iter()
        .map(|fault| fault.what.as_str())
        .collect();
    assert_eq!(
        told,
        [format!("is still accepted after a change: {expected}")]
    );
}

#[test]
fn a_rule_that_does_not_hold_is_found_out() {
    found_out(
        |s| s["properties"]["job"]["maxLength"] = json!(6),
        "/job is a character too long",
    );
    found_out(
        |s| s["properties"]["job"]["x-text"] = json!("block"),
        "/job has a line break",
    );
    found_out(
        |s| s["properties"]["job"]["type"] = json!(["string", "object"]),
        "/job has another type",
    );
    found_out(|s| s["required"] = json!([]), "the whole has no \"job\"");
    found_out(
        |s| s["additionalProperties"] = json!(true),
        "the whole has a member that is not declared",
    );
    found_out(
        |s| s["properties"]["size"]["maximum"] = json!(10),
        "/size is above its greatest",
    );
    found_out(
        |s| s["properties"]["size"]["minimum"] = json!(-1),
        "/size is below its least",
    );
    found_out(
        |s| s["properties"]["size"]["type"] = json!("number"),
        "/size is a fraction",
    );
    found_out(
        |s| s["properties"]["tags"]["maxItems"] = json!(3),
        "/tags has an item too many",
    );
    found_out(
        |s| s["properties"]["tags"]["items"]["enum"] = json!(["a", "b", "b-other"]),
        "/tags/0 is a value of no list",
    );
}

#[test]
fn an_example_that_travels_as_something_else_is_found_out() {
    assert_eq!(
        round_trip::check(&json!({"a": [1, 2.5, null, true, "é"], "b": 3.0})),
        Ok(())
    );
    let told = round_trip::check(&json!("e\u{301}")).unwrap_err();
    assert!(told.contains("another value"), "{told}");
    let told = round_trip::check(&json!(1e300)).unwrap_err();
    assert!(told.contains("cannot travel"), "{told}");
}
