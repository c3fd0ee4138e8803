//! Which files there are, and what each must hold.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::meta::{self, Meta};
use super::{Faults, Rule, schema, ui};
use crate::dataset::{Common, SCHEMA_BASE};
use crate::folder::{Folder, INDEX, version_of};
use crate::ids::DatasetId;

/// Least examples of a version that are accepted.
const OK_EXAMPLES_MIN: usize = 2;
/// Least examples of a version that are refused.
const BAD_EXAMPLES_MIN: usize = 3;

pub(super) fn check(folder: &Folder, faults: &mut Faults) {
    meta::check_copies(folder, faults);
    let common = common(folder, faults);
    let ids: BTreeSet<DatasetId> = folder.versions().into_iter().map(|(id, _)| id).collect();
    for id in &ids {
        dataset(folder, id, &common, faults);
    }
    strangers(folder, faults);
    index(folder, faults);
}

/// The shared types, each of them looked at.
fn common(folder: &Folder, faults: &mut Faults) -> Common {
    let mut common = Common::new();
    let mut types = Vec::new();
    for path in folder.paths().filter(|path| path.starts_with("_common/")) {
        if let Some(schema) = json_file(folder, path, faults) {
            common.insert(path, schema.clone());
            types.push((path, schema));
        }
    }
    for (path, schema) in types {
        schema_file(path, &schema, &common, faults);
    }
    common
}

/// One schema: as it stands against the schema of schemas, and whole against the rules.
fn schema_file(path: &str, schema: &Value, common: &Common, faults: &mut Faults) -> Option<Value> {
    let before = faults.of(path).count();
    let uri = format!("{SCHEMA_BASE}{}", path.replace(".schema.json", ".json"));
    if schema.get("$id") != Some(&json!(uri)) {
        faults.add("/$id", Rule::Identity, format!("must be {uri:?}"));
    }
    let draft = "https://json-schema.org/draft/2020-12/schema";
    if schema.get("$schema") != Some(&json!(draft)) {
        faults.add("/$schema", Rule::Identity, format!("must be {draft:?}"));
    }
    let whole = match common.bundle(schema) {
        Ok(whole) => whole,
        Err(error) => {
            faults.add("", Rule::Reference, error.to_string());
            return None;
        }
    };
    schema::check(&whole, faults);
    if faults.count() == before {
        Meta::Contract.check(schema, faults);
    }
    Some(whole)
}

fn dataset(folder: &Folder, id: &DatasetId, common: &Common, faults: &mut Faults) {
    let path = format!("{id}/dataset.json");
    let about = json_file(folder, &path, faults);
    let majors: Vec<u16> = folder
        .versions()
        .into_iter()
        .filter_map(|(of, major)| (of == *id).then_some(major))
        .collect();
    if let Some(about) = &about {
        about_file(about, &path, id, &majors, faults);
    }
    let shape = about
        .as_ref()
        .and_then(|about| about.get("shape")?.as_str());
    let data_file = match shape {
        Some("document") => "document.schema.json",
        _ => "row.schema.json",
    };
    let mut personal = false;
    for major in majors {
        let below = format!("{id}/v{major}");
        for name in [data_file, "params.schema.json"] {
            let path = format!("{below}/{name}");
            let Some(schema) = json_file(folder, &path, faults) else {
                continue;
            };
            let Some(whole) = schema_file(&path, &schema, common, faults) else {
                continue;
            };
            if name == "params.schema.json" {
                schema::check_params(&whole, faults);
                ui_file(folder, &below, &whole, faults);
            } else {
                personal |= schema::is_personal(&whole);
                schema::check_data(&whole, data_file == "row.schema.json", faults);
            }
        }
        examples(folder, &below, faults);
        changelog(folder, &below, id, major, faults);
    }
    let declared = about
        .as_ref()
        .and_then(|about| about.get("personal_data")?.as_bool());
    if declared.is_some_and(|declared| declared != personal) {
        faults.of(&path).add(
            "/personal_data",
            Rule::Sensitivity,
            format!("must be {personal}: that is what \"x-sensitivity\" of its members says"),
        );
    }
}

fn about_file(about: &Value, path: &str, id: &DatasetId, majors: &[u16], faults: &mut Faults) {
    let before = faults.of(path).count();
    if about.get("id") != Some(&json!(id)) {
        faults.add(
            "/id",
            Rule::Dataset,
            format!("must be {id:?}, as the folder"),
        );
    }
    let deprecated: Vec<u64> = about
        .get("deprecated")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_u64)
        .collect();
    for major in &deprecated {
        if !majors.iter().any(|known| u64::from(*known) == *major) {
            let what = format!("v{major} has no folder");
            faults.add("/deprecated", Rule::Dataset, what);
        }
    }
    let newest = majors.iter().max().copied().map(u64::from);
    if newest.is_some_and(|newest| deprecated.contains(&newest)) {
        let what = "the newest major is in use: nothing takes its place";
        faults.add("/deprecated", Rule::Dataset, what);
    }
    if faults.count() == before {
        Meta::Dataset.check(about, faults);
    }
}

fn ui_file(folder: &Folder, below: &str, params: &Value, faults: &mut Faults) {
    let path = format!("{below}/params.ui.json");
    if folder.get(&path).is_none() {
        return;
    }
    let Some(value) = json_file(folder, &path, faults) else {
        return;
    };
    let before = faults.of(&path).count();
    ui::check(&value, params, faults);
    if faults.count() == before {
        Meta::Ui.check(&value, faults);
    }
}

fn examples(folder: &Folder, below: &str, faults: &mut Faults) {
    for (place, ok_min, bad_min) in [
        ("examples", OK_EXAMPLES_MIN, BAD_EXAMPLES_MIN),
        ("examples/params", 1, 1),
    ] {
        let place = format!("{below}/{place}");
        let count = |start: &str| {
            let names = folder.below(&place);
            names
                .filter(|name| name.starts_with(start) && !name.contains('/'))
                .count()
        };
        let (ok, bad) = (count("ok-"), count("bad-"));
        if ok < ok_min || bad < bad_min {
            faults.of(&place).add(
                "",
                Rule::Examples,
                format!(
                    "has {ok} ok-*.json and {bad} bad-*.json, needs at least {ok_min} and {bad_min}"
                ),
            );
        }
    }
}

fn changelog(folder: &Folder, below: &str, id: &DatasetId, major: u16, faults: &mut Faults) {
    let path = format!("{below}/CHANGELOG.md");
    let text = folder.get(&path).map(String::from_utf8_lossy);
    let text = text.unwrap_or_default();
    let heading = text.starts_with(&format!("# {id} v{major}\n"));
    let entry = text
        .split(&format!("\n## {major}."))
        .skip(1)
        .any(|entry| entry.contains("\n- "));
    if !(heading && entry) {
        faults.of(&path).add(
            "",
            Rule::Changelog,
            format!("needs the heading \"# {id} v{major}\" and below it at least one \"## {major}.<minor>\" with a \"- \" line that says what changed"),
        );
    }
}

/// Files that nobody reads: a misspelt name would be a contract that is not there.
fn strangers(folder: &Folder, faults: &mut Faults) {
    for path in folder.paths() {
        let steps: Vec<&str> = path.split('/').collect();
        let known = match steps.as_slice() {
            [INDEX | "asyncapi.yaml" | "envelopes.schema.json"] => true,
            [
                "_meta",
                "contract.meta.json" | "dataset.meta.json" | "ui.meta.json",
            ] => true,
            ["_common", version, name] => version_of(version).is_some() && json_name(name),
            [
                "tenants",
                tenant,
                id,
                version,
                "row.schema.json" | "document.schema.json",
            ] => tenant.parse::<crate::TenantId>().is_ok() && of_dataset(id, version),
            [id, "dataset.json"] => id.parse::<DatasetId>().is_ok(),
            [id, version, rest @ ..] => {
                of_dataset(id, version)
                    && match rest {
                        ["params.schema.json" | "params.ui.json" | "CHANGELOG.md"] => true,
                        ["row.schema.json" | "document.schema.json"] => true,
                        ["examples", name] | ["examples", "params", name] => {
                            json_name(name) && (name.starts_with("ok-") || name.starts_with("bad-"))
                        }
                        _ => false,
                    }
            }
            _ => false,
        };
        if !known {
            faults.of(path).add(
                "",
                Rule::Layout,
                "no file of this name belongs here; hint: README.md of the schema folder shows the layout",
            );
        }
    }
}

fn of_dataset(id: &str, version: &str) -> bool {
    id.parse::<DatasetId>().is_ok() && version_of(version).is_some()
}

fn json_name(name: &str) -> bool {
    name.ends_with(".json") && !name.ends_with(".schema.json")
}

fn index(folder: &Folder, faults: &mut Faults) {
    if folder.get(INDEX) != Some(folder.index().as_bytes()) {
        faults.of(INDEX).add(
            "",
            Rule::Index,
            "does not list the files as they are; hint: run `spokegate contract index` once all else is right",
        );
    }
}

/// A file as JSON; a missing one is a fault of the layout.
fn json_file(folder: &Folder, path: &str, faults: &mut Faults) -> Option<Value> {
    let Some(bytes) = folder.get(path) else {
        faults.of(path).add("", Rule::Layout, "the file is missing");
        return None;
    };
    match serde_json::from_slice(bytes) {
        Ok(value) => Some(value),
        Err(error) => {
            faults
                .of(path)
                .add("", Rule::Json, format!("is not JSON: {error}"));
            None
        }
    }
}
