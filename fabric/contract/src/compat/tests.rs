//! Golden answers: a new version of the library must give them as well.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::Registry;
use crate::dataset::sha256_hex;

/// A row as datasets have it.
fn row() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://schemas.spokegate.invalid/jobs/v1/row.json",
        "title": "One row", "description": "A job.",
        "type": "object", "additionalProperties": false,
        "required": ["job", "result", "size"],
        "properties": {
            "job": {"type": "string", "minLength": 1, "maxLength": 120, "x-text": "line", "pattern": "^[a-z ]+$"},
            "result": {"type": "string", "enum": ["success", "failed"]},
            "size": {"type": "integer", "minimum": 0, "maximum": 1000},
            "at": {"type": "string", "format": "date-time", "maxLength": 35, "x-text": "ident"},
            "note": {"type": "string", "maxLength": 400, "x-text": "line"},
            "tags": {"type": "array", "maxItems": 4, "items": {"type": "string", "maxLength": 20, "x-text": "line"}},
        },
    })
}

/// Makes an edit of the row and looks at its class, and at the first loss of a breaking one.
#[track_caller]
fn check(edit: impl FnOnce(&mut Value), class: Class, loss: Option<(&str, &str)>) {
    let (old, mut new) = (row(), row());
    edit(&mut new);
    let change = compare(&old, &new);
    assert_eq!(change.class, class, "{new} {:?}", change.losses);
    let told: Vec<_> = change
        .losses
        .iter()
        .map(|loss| (loss.pointer.as_str(), loss.what.as_str()))
        .collect();
    match loss {
        Some((pointer, what)) => assert!(
            told.iter()
                .any(|(at, text)| *at == pointer && text.contains(what)),
            "{told:#?}"
        ),
        None => assert_eq!(told, []),
    }
}

fn compatible(edit: impl FnOnce(&mut Value)) {
    check(edit, Class::Compatible, None);
}

fn breaking(edit: impl FnOnce(&mut Value), pointer: &str, what: &str) {
    check(edit, Class::Breaking, Some((pointer, what)));
}

fn properties_of(schema: &mut Value) -> &mut Map<String, Value> {
    schema["properties"].as_object_mut().unwrap()
}

#[test]
fn nothing_is_lost_by_an_edit_that_accepts_more() {
    check(|_| {}, Class::Identical, None);
    check(
        |s| s["properties"]["job"]["title"] = json!("Job's name"),
        Class::Identical,
        None,
    );
    check(
        |s| s["$id"] = json!("https://schemas.spokegate.invalid/jobs/v1/other.json"),
        Class::Identical,
        None,
    );
    compatible(|s| {
        s["properties"]["more"] = json!({"type": "string", "maxLength": 9, "x-text": "line"})
    });
    compatible(|s| s["required"] = json!(["job", "result"]));
    compatible(|s| s["properties"]["result"]["enum"] = json!(["success", "failed", "warning"]));
    compatible(|s| s["properties"]["tags"]["maxItems"] = json!(8));
    compatible(|s| {
        drop(
            s["properties"]["at"]
                .as_object_mut()
                .unwrap()
                .remove("format"),
        )
    });
    compatible(|s| s["additionalProperties"] = json!(true));
    compatible(|s| s["properties"]["size"]["type"] = json!(["integer", "null"]));
    compatible(|s| s["properties"]["size"]["maximum"] = json!(2000));
    compatible(|s| s["properties"]["note"]["maxLength"] = json!(800));
    compatible(|s| s["properties"]["note"]["x-text"] = json!("block"));
    compatible(|s| s["properties"]["at"]["x-text"] = json!("line"));
    // The pattern asks for a character anyway.
    check(
        |s| s["properties"]["job"]["minLength"] = json!(0),
        Class::Identical,
        None,
    );
    compatible(|s| {
        drop(
            s["properties"]["job"]
                .as_object_mut()
                .unwrap()
                .remove("pattern"),
        )
    });
}

#[test]
fn every_loss_is_seen_and_named_where_it_is() {
    breaking(
        |s| s["required"] = json!(["job", "result", "size", "note"]),
        "/note",
        "required now",
    );
    breaking(
        |s| drop(properties_of(s).remove("note")),
        "/note",
        "the member is gone",
    );
    breaking(
        |s| s["properties"]["result"]["enum"] = json!(["success"]),
        "/result",
        r#"no longer accepted: {"const":"failed"}"#,
    );
    breaking(
        |s| s["properties"]["note"]["maxLength"] = json!(399),
        "/note",
        r#"no longer accepted: {"type":"string","minLength":400,"maxLength":400}"#,
    );
    breaking(
        |s| s["properties"]["job"]["pattern"] = json!("^[a-z]+$"),
        "/job",
        "",
    );
    breaking(
        |s| s["properties"]["size"]["maximum"] = json!(999),
        "/size",
        r#"no longer accepted: {"const":1000}"#,
    );
    breaking(
        |s| s["properties"]["size"]["minimum"] = json!(1),
        "/size",
        r#"{"const":0}"#,
    );
    breaking(
        |s| s["properties"]["size"]["type"] = json!("string"),
        "/size",
        "no longer accepted",
    );
    breaking(
        |s| s["properties"]["note"]["format"] = json!("email"),
        "/note",
        "",
    );
    breaking(
        |s| s["properties"]["note"]["x-text"] = json!("cell"),
        "/note",
        "texts of class line were accepted, now only those of class cell",
    );
    breaking(
        |s| {
            drop(
                s["properties"]["note"]
                    .as_object_mut()
                    .unwrap()
                    .insert("x-text".into(), json!("ident")),
            )
        },
        "/note",
        "class ident",
    );
    breaking(
        |s| s["properties"]["tags"]["maxItems"] = json!(3),
        "/tags",
        "",
    );
    breaking(
        |s| s["properties"]["tags"]["items"]["maxLength"] = json!(10),
        "/tags/*",
        r#""minLength":11"#,
    );
    breaking(
        |s| s["properties"]["tags"]["items"]["x-text"] = json!("ident"),
        "/tags/*",
        "class ident",
    );
    breaking(
        |s| s["properties"]["tags"]["uniqueItems"] = json!(true),
        "/tags",
        "",
    );
    breaking(
        |s| {
            drop(std::mem::replace(
                &mut s["properties"]["size"],
                json!({"$ref": "https://example.org/x"}),
            ))
        },
        "/size",
        "nothing shows",
    );
}

#[test]
fn what_accepts_more_in_one_place_and_less_in_another_is_breaking() {
    breaking(
        |s| {
            s["properties"]["more"] = json!({"type": "boolean"});
            s["properties"]["size"]["maximum"] = json!(10);
        },
        "/size",
        "no longer accepted",
    );
}

#[test]
fn a_tenants_own_contract_only_narrows() {
    let base = row();
    let mut narrowed = row();
    narrowed["properties"]["note"]["maxLength"] = json!(10);
    narrowed["properties"]["result"]["enum"] = json!(["failed"]);
    properties_of(&mut narrowed).remove("tags");
    narrowed["required"] = json!(["job", "result", "size", "at"]);
    assert_eq!(narrows(&base, &narrowed), Ok(()));
    assert_eq!(narrows(&base, &base), Ok(()));
    for (name, edit) in [
        (
            "note",
            json!({"type": "string", "maxLength": 401, "x-text": "line"}),
        ),
        (
            "note",
            json!({"type": "string", "maxLength": 10, "x-text": "block"}),
        ),
        ("stranger", json!({"type": "boolean"})),
    ] {
        let mut wider = narrowed.clone();
        wider["properties"][name] = edit;
        let losses = narrows(&base, &wider).unwrap_err();
        assert_eq!(losses[0].pointer, format!("/{name}"), "{losses:?}");
    }
}

/// A folder with one dataset.
fn folder(about: &Value, row: &Value) -> Registry {
    let params = json!({"type": "object", "additionalProperties": false, "properties": {}});
    let mut files: BTreeMap<String, Vec<u8>> = [
        ("jobs/dataset.json", about),
        ("jobs/v1/params.schema.json", &params),
        ("jobs/v1/row.schema.json", row),
    ]
    .map(|(path, value)| (path.to_owned(), value.to_string().into_bytes()))
    .into();
    let digests: BTreeMap<_, _> = files
        .iter()
        .map(|(path, bytes)| (path.clone(), sha256_hex(bytes)))
        .collect();
    let index = json!({"datasets": [{"id": "jobs", "version": 1}], "files": digests});
    files.insert("registry.json".into(), index.to_string().into_bytes());
    Registry::load(|path| {
        let file = files.get(path).cloned();
        file.ok_or_else(|| std::io::ErrorKind::NotFound.into())
    })
    .unwrap()
}

fn about() -> Value {
    json!({
        "id": "jobs", "title": "Jobs", "description": "All.", "shape": "rows", "kinds": ["pull", "push"],
        "max_age_s": 60, "personal_data": false, "limits": {"rows": 100, "bytes": 1000},
    })
}

#[test]
fn a_dataset_changes_in_its_frame_too() {
    let old = folder(&about(), &row());
    let check = |edit: Value, class: Class, pointer: Option<&str>| {
        let mut edited = about();
        for (key, value) in edit.as_object().unwrap() {
            edited[key] = value.clone();
        }
        let changes = compare_registries(&old, &folder(&edited, &row()));
        assert_eq!(changes.len(), 1);
        let losses = &changes[0].parts[0].change.losses;
        let found = losses.first().map(|loss| loss.pointer.as_str());
        assert_eq!((changes[0].class, found), (class, pointer), "{edit}");
    };
    check(json!({}), Class::Identical, None);
    check(
        json!({"max_age_s": 5, "title": "Other"}),
        Class::Identical,
        None,
    );
    check(
        json!({"limits": {"rows": 101, "bytes": 1000}}),
        Class::Compatible,
        None,
    );
    check(
        json!({"limits": {"rows": 99, "bytes": 1000}}),
        Class::Breaking,
        Some("/limits/rows"),
    );
    check(
        json!({"limits": {"rows": 100, "bytes": 999}}),
        Class::Breaking,
        Some("/limits/bytes"),
    );
    check(json!({"kinds": ["pull"]}), Class::Breaking, Some("/kinds"));
}

#[test]
fn each_part_of_a_dataset_has_a_class_of_its_own() {
    let old = folder(&about(), &row());
    let mut less = row();
    less["properties"]["size"]["maximum"] = json!(10);
    let changes = compare_registries(&old, &folder(&about(), &less));
    let parts = changes[0]
        .parts
        .iter()
        .map(|part| (part.part.as_str(), part.change.class.as_str()));
    assert_eq!(
        parts.collect::<Vec<_>>(),
        [
            ("frame", "identical"),
            ("params", "identical"),
            ("response rows", "breaking"),
            ("push", "breaking")
        ]
    );
    let none = Registry::default();
    assert_eq!(compare_registries(&none, &old)[0].class, Class::Compatible);
    let gone = &compare_registries(&old, &none)[0];
    assert_eq!(gone.class, Class::Breaking);
    assert_eq!(gone.parts[0].change.losses[0].what, "the version is gone");
}
