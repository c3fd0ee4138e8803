//! One schema, whole: what each keyword must say, in words for people.

mod kinds;

use serde_json::{Map, Value};

use super::branches;
use super::values::{listed, pattern};
use super::{Faults, Rule};
use crate::limits::{CHUNK_BYTES_MAX, DEPTH_MAX, KEY_BYTES_MAX};
use crate::validate::Validator;
use kinds::{array, number, object, text};

/// Keywords that a schema may have. Everything else is misspelt, or opens what should be closed.
const KEYWORDS: [&str; 41] = [
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "dependentRequired",
    "additionalProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "items",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "then",
    "else",
    "x-text",
    "x-sensitivity",
];
const TYPES: &str = "object, array, string, integer, number, boolean, or one of them and null";

/// Looks at a schema that refers to nothing outside itself.
pub(super) fn check(schema: &Value, faults: &mut Faults) {
    let before = faults.count();
    member(schema, "", 0, faults);
    branches::check(schema, faults);
    if faults.count() == before
        && let Err(error) = Validator::new(schema)
    {
        faults.add("", Rule::Consistency, error.to_string());
    }
}

/// A schema that stands for a value: it has words and a type.
fn member(schema: &Value, pointer: &str, depth: usize, faults: &mut Faults) {
    let Value::Object(members) = schema else {
        faults.add(
            pointer,
            Rule::Type,
            "must be an object that says what is allowed",
        );
        return;
    };
    for key in ["title", "description"] {
        let words = members.get(key).and_then(Value::as_str);
        if words.is_none_or(|words| words.trim().is_empty()) {
            let what = format!("has no {key:?}: people see it in forms, documents and errors");
            faults.add(pointer, Rule::Words, what);
        }
    }
    let decides = ["type", "$ref", "const", "anyOf", "oneOf"];
    if !decides.iter().any(|key| members.contains_key(*key)) {
        faults.add(
            pointer,
            Rule::Type,
            format!("has no \"type\"; allowed are {TYPES}"),
        );
    }
    let types = types(members);
    let holds_values = !types.is_empty() && !types.contains(&"object") && !types.contains(&"array");
    let sensitivity = members
        .get("x-sensitivity")
        .map(|value| value.as_str().unwrap_or(""));
    if sensitivity.is_none() && holds_values {
        let what = "has no \"x-sensitivity\"; allowed are none, internal, personal";
        faults.add(pointer, Rule::Sensitivity, what);
    }
    if sensitivity.is_some_and(|named| !["none", "internal", "personal"].contains(&named)) {
        let what = "\"x-sensitivity\" must be none, internal or personal";
        faults.add(pointer, Rule::Sensitivity, what);
    }
    part(members, pointer, depth, faults);
}

/// A schema that may only add rules to the one around it.
fn part(members: &Map<String, Value>, pointer: &str, depth: usize, faults: &mut Faults) {
    if depth > DEPTH_MAX {
        let what = format!("is nested deeper than {DEPTH_MAX} levels, which no body may be");
        faults.add(pointer, Rule::Bounds, what);
        return;
    }
    for key in members.keys() {
        if !KEYWORDS.contains(&key.as_str()) {
            let what = format!("{key:?} is misspelt or not allowed here");
            faults.add(pointer, Rule::Keyword, what);
        }
    }
    for kind in types(members) {
        match kind {
            "object" => object(members, pointer, faults),
            "array" => array(members, pointer, faults),
            "string" => text(members, pointer, faults),
            "integer" | "number" => number(members, pointer, faults),
            "boolean" | "null" => {}
            _ => faults.add(pointer, Rule::Type, format!("\"type\" must be {TYPES}")),
        }
    }
    if members.get("type").is_some_and(|value| !is_type(value)) {
        faults.add(pointer, Rule::Type, format!("\"type\" must be {TYPES}"));
    }
    pattern(members, pointer, faults);
    listed(members, pointer, faults);
    below(members, pointer, depth, faults);
}

fn below(members: &Map<String, Value>, pointer: &str, depth: usize, faults: &mut Faults) {
    let deeper = depth.saturating_add(1);
    for key in ["properties", "$defs"] {
        for (name, inner) in members
            .get(key)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let place = format!(
                "{pointer}/{key}/{}",
                name.replace('~', "~0").replace('/', "~1")
            );
            if !is_name(name) {
                faults.add(
                    &place,
                    Rule::Words,
                    "a name is lower-case letters, digits and _, and begins with a letter",
                );
            }
            member(inner, &place, deeper, faults);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = members
            .get(key)
            .filter(|inner| **inner != Value::Bool(false))
        {
            member(inner, &format!("{pointer}/{key}"), deeper, faults);
        }
    }
    let mut rules: Vec<(String, &Value)> = Vec::new();
    for key in ["if", "then", "else", "propertyNames"] {
        rules.extend(
            members
                .get(key)
                .map(|inner| (format!("{pointer}/{key}"), inner)),
        );
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        let all = members
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        rules.extend(
            all.enumerate()
                .map(|(index, inner)| (format!("{pointer}/{key}/{index}"), inner)),
        );
    }
    for (place, inner) in rules {
        match inner.as_object() {
            Some(inner) => part(inner, &place, deeper, faults),
            None => faults.add(&place, Rule::Type, "must be an object of rules"),
        }
    }
}

/// Parameters are what a form can show: one object of single values.
pub(super) fn check_params(schema: &Value, faults: &mut Faults) {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        faults.add("", Rule::Params, "parameters are an object");
    }
    for (name, inner) in properties(schema) {
        let types = inner.as_object().map(types).unwrap_or_default();
        if !matches!(
            types.as_slice(),
            ["string" | "integer" | "number" | "boolean"]
        ) {
            let what = "a parameter is one text, number or yes-or-no: a form has no control for anything else";
            faults.add(&format!("/properties/{name}"), Rule::Params, what);
        }
    }
}

/// What holds for rows and documents as a whole.
pub(super) fn check_data(schema: &Value, is_row: bool, faults: &mut Faults) {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        faults.add("", Rule::Type, "a row, or a document, is an object");
    }
    let bytes = branches::bytes_max(schema);
    if is_row && bytes > CHUNK_BYTES_MAX as u64 {
        let what = format!(
            "a row may have {bytes} bytes, but a chunk carries {CHUNK_BYTES_MAX}; hint: lower \"maxLength\" and \"maxItems\""
        );
        faults.add("", Rule::RowSize, what);
    }
}

/// Whether some value may name or identify a person.
pub(super) fn is_personal(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            members.get("x-sensitivity").and_then(Value::as_str) == Some("personal")
                || members.values().any(is_personal)
        }
        Value::Array(items) => items.iter().any(is_personal),
        _ => false,
    }
}

/// The declared members of an object.
pub(super) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let declared = schema.get("properties").and_then(Value::as_object);
    declared.into_iter().flatten()
}

/// The types that a schema names itself.
pub(super) fn types(members: &Map<String, Value>) -> Vec<&str> {
    match members.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect(),
        _ => Vec::new(),
    }
}

fn is_type(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Array(names) => {
            names.len() == 2
                && names.iter().any(|name| name == "null")
                && names.iter().all(Value::is_string)
        }
        _ => false,
    }
}

pub(super) fn count(members: &Map<String, Value>, key: &str) -> Option<usize> {
    members
        .get(key)?
        .as_u64()
        .and_then(|count| usize::try_from(count).ok())
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= KEY_BYTES_MAX
        && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
