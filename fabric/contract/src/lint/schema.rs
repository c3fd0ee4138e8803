//! One schema, whole: what each keyword must say, in words for people.

use serde_json::{Map, Value};

use super::branches;
use super::values::{listed, pattern};
use super::{Faults, Rule};
use crate::limits::{
    ARRAY_ITEMS_MAX, CHUNK_BYTES_MAX, DEPTH_MAX, INTEGER_MAX, KEY_BYTES_MAX, MAP_ENTRIES_MAX,
    STRING_BYTES_HARD_MAX,
};
use crate::text::TextClass;
use crate::validate::Validator;

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
const FORMATS: &str = "date, date-time, duration, email, hostname, ipv4, ipv6, time, uri, uuid";
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

fn object(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    match members.get("additionalProperties") {
        Some(Value::Bool(false)) => {}
        Some(Value::Object(_)) if members.contains_key("propertyNames") && count(members, "maxProperties").is_some_and(|most| most <= MAP_ENTRIES_MAX) => {}
        Some(Value::Object(_)) => faults.add(
            pointer,
            Rule::Open,
            format!("lets any name in; hint: say which with \"propertyNames\" and how many with \"maxProperties\", at most {MAP_ENTRIES_MAX}"),
        ),
        _ => faults.add(
            pointer,
            Rule::Open,
            "lets undeclared members in; hint: \"additionalProperties\": false",
        ),
    }
    let declared = members.get("properties").and_then(Value::as_object);
    let names = members.get("required").and_then(Value::as_array);
    for name in names.into_iter().flatten().filter_map(Value::as_str) {
        if !declared.is_some_and(|declared| declared.contains_key(name)) {
            let what = format!("requires {name:?}, which is not among its properties");
            faults.add(&format!("{pointer}/required"), Rule::Consistency, what);
        }
    }
    if declared.is_some_and(|declared| declared.len() > MAP_ENTRIES_MAX) {
        let what = format!("has more than {MAP_ENTRIES_MAX} properties");
        faults.add(pointer, Rule::Bounds, what);
    }
}

fn array(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    if !members.contains_key("items") {
        faults.add(pointer, Rule::Type, "does not say what its \"items\" are");
    }
    match count(members, "maxItems") {
        Some(1..=ARRAY_ITEMS_MAX) => {}
        _ => faults.add(
            pointer,
            Rule::Bounds,
            format!("needs \"maxItems\" from 1 to {ARRAY_ITEMS_MAX}"),
        ),
    }
    if count(members, "minItems") > count(members, "maxItems") {
        faults.add(
            pointer,
            Rule::Bounds,
            "\"minItems\" is greater than \"maxItems\"",
        );
    }
}

fn text(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    if let Some(class) = members.get("x-text")
        && class.as_str().and_then(TextClass::named).is_none()
    {
        let what = "\"x-text\" must be ident, line, block, cell or opaque-b64";
        faults.add(pointer, Rule::TextClass, what);
    }
    if members.contains_key("enum") || members.contains_key("const") {
        return;
    }
    match count(members, "maxLength") {
        Some(1..=STRING_BYTES_HARD_MAX) => {}
        _ => faults.add(
            pointer,
            Rule::Bounds,
            format!("a text needs \"maxLength\" from 1 to {STRING_BYTES_HARD_MAX}"),
        ),
    }
    if count(members, "minLength") > count(members, "maxLength") {
        faults.add(
            pointer,
            Rule::Bounds,
            "\"minLength\" is greater than \"maxLength\"",
        );
    }
    let named = |key: &str| members.get(key).and_then(Value::as_str);
    match named("x-text") {
        None if !members.contains_key("x-text") => faults.add(
            pointer,
            Rule::TextClass,
            "a text needs \"x-text\": ident, line, block, cell or opaque-b64",
        ),
        Some("ident")
            if !["pattern", "format", "anyOf"]
                .iter()
                .any(|key| members.contains_key(*key)) =>
        {
            faults.add(
                pointer,
                Rule::TextClass,
                "an identifier needs a \"pattern\" or a \"format\" that says of what form it is",
            )
        }
        _ => {}
    }
    if named("format").is_some_and(|format| !FORMATS.split(", ").any(|known| known == format)) {
        faults.add(
            pointer,
            Rule::Keyword,
            format!("\"format\" must be one of {FORMATS}"),
        );
    }
}

fn number(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    if members.contains_key("enum") || members.contains_key("const") {
        return;
    }
    let bound = |keys: [&str; 2]| keys.iter().find_map(|key| members.get(*key)?.as_f64());
    let least = bound(["minimum", "exclusiveMinimum"]);
    let most = bound(["maximum", "exclusiveMaximum"]);
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact as a float")]
    let wire = INTEGER_MAX as f64;
    match (least, most) {
        (Some(least), Some(most)) if least > most => {
            faults.add(
                pointer,
                Rule::Bounds,
                "\"minimum\" is greater than \"maximum\"",
            );
        }
        (Some(least), Some(most)) if least >= -wire && most <= wire => {}
        _ => faults.add(
            pointer,
            Rule::Bounds,
            format!("a number needs \"minimum\" and \"maximum\", within ±{INTEGER_MAX}"),
        ),
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
