//! The files of `schemas/` against the code that reads them: index, examples, generated documents.

#![cfg(feature = "validate")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use serde_json::{Value, json};
use spokegate_contract::dataset::sha256_hex;
use spokegate_contract::{Registry, Validator};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// Compares a generated file with the committed one, or writes it when `UPDATE_GOLDEN` is set.
fn golden(path: &Path, generated: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, generated).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == generated,
        "{} is out of date: run `make golden`",
        path.display()
    );
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The registry, after its index was compared: a rewritten index must be on disk before anyone reads it.
fn registry() -> Registry {
    static COMPARED: Once = Once::new();
    COMPARED.call_once(compare_index);
    Registry::open(&root()).unwrap()
}

#[test]
fn the_index_lists_every_dataset_and_the_digest_of_its_files() {
    let versions = folders(&root())
        .iter()
        .map(|folder| folders(folder).len())
        .sum::<usize>();
    assert_eq!(registry().iter().count(), versions);
}

fn compare_index() {
    let mut datasets = Vec::new();
    let mut files = BTreeMap::new();
    for folder in folders(&root()) {
        let id = name(&folder);
        let mut add = |path: String| {
            let bytes = fs::read(root().join(&path)).unwrap();
            files.insert(path, sha256_hex(&bytes));
        };
        add(format!("{id}/dataset.json"));
        for version in folders(&folder) {
            let version_name = name(&version);
            datasets.push(json!({"id": id, "version": version_name[1..].parse::<u16>().unwrap()}));
            for entry in fs::read_dir(&version).unwrap() {
                let file = name(&entry.unwrap().path());
                if file.ends_with(".schema.json") {
                    add(format!("{id}/{version_name}/{file}"));
                }
            }
        }
    }
    let index = json!({"datasets": datasets, "files": files});
    golden(&root().join("registry.json"), &format!("{index:#}\n"));
}

#[test]
fn examples_are_accepted_or_break_the_rule_they_name() {
    let registry = registry();
    for dataset in registry.iter() {
        let validator = Validator::data(dataset).unwrap();
        let folder = root().join(format!("{}/v{}/examples", dataset.id, dataset.version));
        let (mut accepted, mut refused) = (0, 0);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let example: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            if name(&path).starts_with("ok-") {
                assert_eq!(validator.check(&example), Ok(()), "{}", path.display());
                accepted += 1;
            } else {
                let broken = validator.check(&example["data"]).unwrap_err();
                let rule = broken.rule.rsplit('/').next().unwrap();
                let found = json!({"pointer": broken.pointer, "rule": rule});
                assert_eq!(found, example["expect"], "{}", path.display());
                refused += 1;
            }
        }
        assert!(
            accepted >= 2 && refused >= 3,
            "{}: too few examples",
            dataset.id
        );
    }
}

/// What a guard needs of every schema: closed objects, bounded texts, arrays and numbers, a text class.
#[test]
fn schemas_leave_nothing_unbounded() {
    let registry = registry();
    for dataset in registry.iter() {
        for (part, schema) in [
            ("params", &dataset.params_schema),
            ("data", &dataset.data_schema),
        ] {
            check_bounded(schema, &format!("{} {part}", dataset.id));
            Validator::new(schema).unwrap();
        }
    }
}

const KEYWORDS: &[&str] = &[
    "$schema",
    "$id",
    "title",
    "description",
    "type",
    "additionalProperties",
    "required",
    "properties",
    "items",
    "maxItems",
    "minItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "enum",
    "minimum",
    "maximum",
    "x-text",
];

fn check_bounded(schema: &Value, place: &str) {
    let members = schema.as_object().unwrap();
    for keyword in members.keys() {
        assert!(
            KEYWORDS.contains(&keyword.as_str()),
            "{place}: unknown keyword {keyword:?}"
        );
    }
    let has = |keyword: &str| assert!(members.contains_key(keyword), "{place}: no {keyword}");
    has("title");
    has("description");
    match schema["type"].as_str().unwrap() {
        "object" => {
            assert_eq!(
                schema["additionalProperties"],
                json!(false),
                "{place}: not closed"
            );
            for (name, inner) in schema["properties"].as_object().unwrap() {
                check_bounded(inner, &format!("{place}/{name}"));
            }
        }
        "array" => {
            has("maxItems");
            check_bounded(&schema["items"], &format!("{place}/items"));
        }
        "string" if !members.contains_key("enum") => {
            has("maxLength");
            has("x-text");
        }
        "integer" | "number" => {
            has("minimum");
            has("maximum");
        }
        _ => {}
    }
}
