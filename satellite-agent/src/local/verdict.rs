//! What a contract says of data that are not sent. Pure. The rules have the names that quarantine has for them.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spokegate_contract::judge::Judge;
use spokegate_contract::limits::{
    ARRAY_ITEMS_MAX, DEPTH_MAX, INTEGER_MAX, KEY_BYTES_MAX, MAP_ENTRIES_MAX, NODES_MAX,
    STRING_BYTES_HARD_MAX,
};
use spokegate_contract::{Dataset, Kind, Shape, Violation};

use crate::push::intake::{self, IntakeFault};

/// Faults that one verdict tells; one of each row.
const FAULTS_MAX: usize = 20;
/// Members or values that one fault lists.
const LISTED_MAX: usize = 40;

/// Valid, or where and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) valid: bool,
    /// Rows that were looked at; a document counts as one.
    pub(super) checked: usize,
    pub(super) faults: Vec<Fault>,
}

/// One broken rule. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fault {
    /// JSON Pointer into the data.
    #[serde(rename = "where")]
    pub(super) place: String,
    /// The rule, such as `contract:enum`.
    pub(super) what: String,
    /// What is allowed there.
    pub(super) allowed: String,
}

/// Judges rows or a document as the sanitizer does.
pub(super) fn judge(
    contract: &Dataset,
    kind: Option<Kind>,
    json: &[u8],
) -> anyhow::Result<Verdict> {
    if let Some(fault) = kind.and_then(|kind| check_kind(contract, kind)) {
        return Ok(verdict(0, vec![fault]));
    }
    let value: Value = match serde_json::from_slice(json) {
        Ok(value) => value,
        Err(error) => {
            let fault = fault("", "json", &format!("JSON; {error}"));
            return Ok(verdict(0, vec![fault]));
        }
    };
    let judge = Judge::data(contract).context("compile the contract")?;
    let look = |row: &Value, before: &str| -> Option<Fault> {
        let broken = judge.judge(row).err()?;
        Some(told(contract, row, &broken, before))
    };
    let (checked, mut faults): (usize, Vec<Fault>) = match (&value, contract.shape) {
        (Value::Array(rows), Shape::Rows) => {
            let faults = rows
                .iter()
                .enumerate()
                .filter_map(|(index, row)| look(row, &format!("/{index}")));
            (rows.len(), faults.take(FAULTS_MAX).collect())
        }
        (Value::Object(_), Shape::Document) => (1, look(&value, "").into_iter().collect()),
        (_, shape) => {
            let allowed = match shape {
                Shape::Rows => "an array of objects, one for each row",
                Shape::Document => "one object",
            };
            (0, vec![fault("", "shape", allowed)])
        }
    };
    if kind == Some(Kind::Push) && faults.is_empty() {
        faults.extend(check_size(contract, json));
    }
    Ok(verdict(checked, faults))
}

fn verdict(checked: usize, faults: Vec<Fault>) -> Verdict {
    Verdict {
        valid: faults.is_empty(),
        checked,
        faults,
    }
}

fn fault(place: &str, what: &str, allowed: &str) -> Fault {
    Fault {
        place: place.to_owned(),
        what: what.to_owned(),
        allowed: allowed.to_owned(),
    }
}

fn check_kind(contract: &Dataset, kind: Kind) -> Option<Fault> {
    let only = match kind {
        Kind::Push => "the centre asks for this dataset; it is never pushed",
        Kind::Pull => "this dataset is pushed; the centre never asks for it",
    };
    (!contract.allows(kind)).then(|| fault("", "kind", only))
}

/// What the push route would say of the size.
fn check_size(contract: &Dataset, json: &[u8]) -> Option<Fault> {
    let refused = intake::encode(json, contract.shape).err()?;
    let what = match &refused {
        IntakeFault::Rows { .. } => "rows",
        IntakeFault::Bytes { .. } => "bytes",
        _ => "form",
    };
    Some(fault("", what, &refused.to_string()))
}

fn told(contract: &Dataset, row: &Value, broken: &Violation, before: &str) -> Fault {
    let place = format!("{before}{}", broken.pointer);
    let allowed = match broken.rule.strip_prefix("contract:") {
        Some(keyword) => {
            let found = schema_at(&contract.data_schema, &broken.pointer);
            found
                .and_then(|schema| allowed(schema, keyword, row.pointer(&broken.pointer)))
                .unwrap_or_else(|| format!("what the contract's \"{keyword}\" says"))
        }
        None => form(&broken.rule),
    };
    fault(&place, &broken.rule, &allowed)
}

/// The schema of a place, as far as it can be told from the pointer alone.
fn schema_at<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut schema = follow(root, root)?;
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        let member = schema.get("properties").and_then(|all| all.get(&name));
        let next = member
            .or_else(|| schema.get("items"))
            .or_else(|| schema.get("additionalProperties"))?;
        schema = follow(root, next)?;
    }
    Some(schema)
}

/// The end of a chain of references inside the schema.
fn follow<'a>(root: &'a Value, mut schema: &'a Value) -> Option<&'a Value> {
    for _ in 0..DEPTH_MAX {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(target) => schema = root.pointer(target.strip_prefix('#')?)?,
            None => return Some(schema),
        }
    }
    None
}

/// What a keyword lets in, in words.
fn allowed(schema: &Value, keyword: &str, found: Option<&Value>) -> Option<String> {
    let rule = schema.get(keyword);
    Some(match keyword {
        "enum" => format!("one of {}", list(rule?.as_array()?)),
        "const" => format!("{}", rule?),
        "type" => format!("of type {}", names(rule?)),
        "format" => format!("a text of the format {}", names(rule?)),
        "pattern" => format!("a text like {}", names(rule?)),
        "x-text" => format!(
            "a text of the class {}",
            rule.and_then(Value::as_str).unwrap_or("line")
        ),
        "minLength" => format!("at least {} characters", rule?),
        "maxLength" => match rule {
            Some(most) => format!("at most {most} characters"),
            None => "a shorter text".to_owned(),
        },
        "minimum" => format!("{} or more", rule?),
        "maximum" => format!("{} or less", rule?),
        "exclusiveMinimum" => format!("more than {}", rule?),
        "exclusiveMaximum" => format!("less than {}", rule?),
        "multipleOf" => format!("a multiple of {}", rule?),
        "minItems" => format!("at least {} items", rule?),
        "maxItems" => format!("at most {} items", rule?),
        "uniqueItems" => "items that differ".to_owned(),
        "required" => {
            let all = rule?.as_array()?;
            let missing: Vec<Value> = all
                .iter()
                .filter(|name| name.as_str().is_some_and(|name| !has(found, name)))
                .cloned()
                .collect();
            format!("an object with {}; missing: {}", list(all), list(&missing))
        }
        "additionalProperties" | "unevaluatedProperties" => {
            let known = schema.get("properties")?.as_object()?.keys();
            let known: Vec<Value> = known.map(|name| name.as_str().into()).collect();
            format!("no members but {}", list(&known))
        }
        _ => return None,
    })
}

fn has(object: Option<&Value>, name: &str) -> bool {
    object.is_some_and(|object| object.get(name).is_some())
}

fn names(value: &Value) -> String {
    match value {
        Value::Array(all) => list(all),
        Value::String(name) => name.clone(),
        other => other.to_string(),
    }
}

fn list(values: &[Value]) -> String {
    let mut texts: Vec<String> = values
        .iter()
        .take(LISTED_MAX)
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
        .collect();
    if values.len() > LISTED_MAX {
        texts.push("…".to_owned());
    }
    texts.join(", ")
}

/// What holds for every body, whatever its contract.
fn form(rule: &str) -> String {
    match rule {
        "nodes" => format!("at most {NODES_MAX} values in a row"),
        "depth" => format!("at most {DEPTH_MAX} levels"),
        "array-items" => format!("at most {ARRAY_ITEMS_MAX} items in an array"),
        "map-entries" => format!("at most {MAP_ENTRIES_MAX} members in an object"),
        "number-range" => format!("a number of at most ±{INTEGER_MAX}"),
        "key-length" => format!("names of at most {KEY_BYTES_MAX} bytes"),
        "string-length" => format!("texts of at most {STRING_BYTES_HARD_MAX} bytes"),
        "character" => "texts without control, private and unassigned characters".to_owned(),
        "not-normalized" => "texts in Unicode's form NFC".to_owned(),
        other => format!("what the rule \"{other}\" says"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;
    use spokegate_contract::Registry;

    use super::*;

    fn contract(dataset: &str) -> Dataset {
        let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
        let registry = Registry::open(&schemas).unwrap();
        registry.newest(&dataset.parse().unwrap()).unwrap().clone()
    }

    fn job() -> Value {
        json!({
            "job": "Nightly", "hostname": "acme-srv01", "last_run": "2026-11-20T02:41:07Z", "result": "success",
            "size_bytes": 1, "duration_s": 1.5, "message": "",
        })
    }

    fn changed(member: &str, value: Value) -> Value {
        let mut row = job();
        row[member] = value;
        row
    }

    #[track_caller]
    fn check(dataset: &str, kind: Option<Kind>, data: &str, expected: &[(&str, &str, &str)]) {
        let verdict = judge(&contract(dataset), kind, data.as_bytes()).unwrap();
        let found: Vec<_> = verdict
            .faults
            .iter()
            .map(|f| (f.place.as_str(), f.what.as_str(), f.allowed.as_str()))
            .collect();
        assert_eq!(found, expected, "{data:.200}");
        assert_eq!(verdict.valid, expected.is_empty());
    }

    #[test]
    fn what_the_contract_takes_and_what_it_does_not() {
        let rows = |rows: &[Value]| Value::from(rows.to_vec()).to_string();
        let jobs =
            |row: Value, expected| check("backup-jobs", None, &rows(&[job(), row]), &[expected]);
        check("backup-jobs", None, &rows(&[job(), job()]), &[]);
        check("backup-jobs", Some(Kind::Push), &rows(&[job()]), &[]);
        check("backup-jobs", None, "[]", &[]);
        jobs(
            changed("result", json!("green")),
            (
                "/1/result",
                "contract:enum",
                "one of success, warning, failed",
            ),
        );
        jobs(
            changed("duration_s", json!(-1)),
            ("/1/duration_s", "contract:minimum", "0 or more"),
        );
        jobs(
            changed("duration_s", json!("1")),
            ("/1/duration_s", "contract:type", "of type number"),
        );
        jobs(
            changed("job", json!("")),
            ("/1/job", "contract:minLength", "at least 1 characters"),
        );
        jobs(
            changed("message", json!("one\ntwo")),
            ("/1/message", "contract:x-text", "a text of the class line"),
        );
        let characters = form("character");
        jobs(
            changed("message", json!("a\u{0}b")),
            ("/1/message", "character", &characters),
        );
        jobs(
            changed("colour", json!("red")),
            (
                "/1",
                "contract:additionalProperties",
                "no members but job, hostname, last_run, result, size_bytes, duration_s, message",
            ),
        );
        let mut without = job();
        without.as_object_mut().unwrap().remove("message");
        jobs(
            without,
            (
                "/1",
                "contract:required",
                "an object with job, hostname, last_run, result, size_bytes, duration_s, message; missing: message",
            ),
        );
    }

    #[test]
    fn what_is_not_a_table_and_what_goes_the_wrong_way() {
        let array = "an array of objects, one for each row";
        check("backup-jobs", None, "{}", &[("", "shape", array)]);
        check("backup-jobs", None, "3", &[("", "shape", array)]);
        check(
            "backup-jobs",
            None,
            "[3]",
            &[("/0", "contract:type", "of type object")],
        );
        check(
            "backup-jobs",
            None,
            "[{]",
            &[("", "json", "JSON; key must be a string at line 1 column 3")],
        );
        check("devices", Some(Kind::Pull), "[]", &[]);
        check(
            "devices",
            Some(Kind::Push),
            "[]",
            &[(
                "",
                "kind",
                "the centre asks for this dataset; it is never pushed",
            )],
        );
    }

    #[test]
    fn a_push_must_fit_and_a_verdict_ends() {
        let many = Value::from(vec![job(); 2_001]).to_string();
        check("backup-jobs", Some(Kind::Pull), &many, &[]);
        check(
            "backup-jobs",
            Some(Kind::Push),
            &many,
            &[(
                "",
                "rows",
                "the body has 2001 rows, at most 2000 fit one push; hint: push it in parts, or let it be pulled",
            )],
        );
        let bad = Value::from(vec![changed("result", json!("x")); 100]).to_string();
        let verdict = judge(&contract("backup-jobs"), None, bad.as_bytes()).unwrap();
        assert_eq!((verdict.faults.len(), verdict.checked), (FAULTS_MAX, 100));
    }
}
