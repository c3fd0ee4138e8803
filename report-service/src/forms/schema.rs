//! From a parameter schema to fields; refuses what a form cannot show.

use serde_json::{Map, Value};

use super::FIELDS_MAX;
use super::field::{Field, FieldKind, SINGLE_LINE_CHARS_MAX};
use super::options::{self, OptionsFrom};
use super::period::Preset;

/// Longest text of a field.
const TEXT_CHARS_MAX: usize = 10_000;
/// Integers that JSON readers keep exactly: 2^53 - 1 (RFC 7493 §2.2).
const INTEGER_MAX: i64 = 9_007_199_254_740_991;

const TOP: &[&str] = &[
    "$schema",
    "$id",
    "title",
    "description",
    "type",
    "properties",
    "required",
    "additionalProperties",
];
const COMMON: &[&str] = &["title", "description", "type", "default"];

/// The fields of a schema, or all its faults.
pub(super) fn fields(schema: &Value) -> Result<Vec<Field>, Vec<String>> {
    let mut faults = Vec::new();
    let Value::Object(top) = schema else {
        return Err(vec!["the schema must be a JSON object".into()]);
    };
    unknown_keys(top, TOP, "", &mut faults);
    if top.get("type").and_then(Value::as_str) != Some("object") {
        faults.push("/type: must be \"object\"".into());
    }
    if top.get("additionalProperties") != Some(&Value::Bool(false)) {
        faults.push(
            "/additionalProperties: must be false, so that a misspelt parameter is refused".into(),
        );
    }
    let empty = Map::new();
    let properties = top
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    if properties.len() > FIELDS_MAX {
        faults.push(format!(
            "/properties: at most {FIELDS_MAX} fields, not {}",
            properties.len()
        ));
    }
    let required = required(top, properties, &mut faults);
    let fields: Vec<Field> = properties
        .iter()
        .filter_map(|(name, property)| {
            let is_required = required.iter().any(|r| r == name);
            field(name, property, is_required)
                .map_err(|mut found| faults.append(&mut found))
                .ok()
        })
        .collect();
    faults.extend(options::faults(&fields));
    if faults.is_empty() {
        Ok(fields)
    } else {
        Err(faults)
    }
}

fn required(
    top: &Map<String, Value>,
    properties: &Map<String, Value>,
    faults: &mut Vec<String>,
) -> Vec<String> {
    let Some(list) = top.get("required") else {
        return Vec::new();
    };
    let names: Option<Vec<String>> = list
        .as_array()
        .and_then(|items| items.iter().map(|i| i.as_str().map(String::from)).collect());
    let Some(names) = names else {
        faults.push("/required: must be a list of names".into());
        return Vec::new();
    };
    for name in names.iter().filter(|name| !properties.contains_key(*name)) {
        faults.push(format!("/required: \"{name}\" is not among the properties"));
    }
    names
}

fn field(name: &str, property: &Value, required: bool) -> Result<Field, Vec<String>> {
    let at = format!("/properties/{name}");
    let Value::Object(map) = property else {
        return Err(vec![format!("{at}: must be a JSON object")]);
    };
    let mut faults = Vec::new();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || name.len() > 40
        || !name.chars().all(word)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        faults.push(format!(
            "{at}: a field's name has 1 to 40 letters, digits or '_', and starts with no digit"
        ));
    }
    let text = |key: &str| {
        map.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_string()
    };
    let title = match text("title") {
        title if title.is_empty() => name.replace('_', " "),
        title => title,
    };
    let kind = kind(map, &at, &mut faults);
    let options = options_from(map, kind.as_ref(), &at, &mut faults);
    match kind {
        Some(kind) if faults.is_empty() => {
            let usual = (kind == FieldKind::Period).then(|| Preset::LastMonth.as_str().into());
            let default = map.get("default").cloned().or(usual);
            match &default {
                Some(value) if !kind.accepts(value) => Err(vec![format!(
                    "{at}/default: {value} is not a value of this field"
                )]),
                _ => Ok(Field {
                    name: name.into(),
                    title,
                    help: text("description"),
                    placeholder: String::new(),
                    required,
                    default,
                    kind,
                    options,
                }),
            }
        }
        _ => Err(faults),
    }
}

/// Where the choices of a text come from, if it says so.
fn options_from(
    map: &Map<String, Value>,
    kind: Option<&FieldKind>,
    at: &str,
    faults: &mut Vec<String>,
) -> Option<OptionsFrom> {
    let ui = map.get("x-ui")?;
    match kind? {
        FieldKind::Text {
            multiline: false, ..
        } => OptionsFrom::read(ui)
            .map_err(|fault| faults.push(format!("{at}/x-ui: {fault}")))
            .ok(),
        FieldKind::Text { .. } => {
            let fault = "choices from data go with a text of one line: maxLength of at most 200";
            faults.push(format!("{at}/x-ui: {fault}"));
            None
        }
        _ => None,
    }
}

fn kind(map: &Map<String, Value>, at: &str, faults: &mut Vec<String>) -> Option<FieldKind> {
    let mut keys = COMMON.to_vec();
    let kind = match map.get("type").and_then(Value::as_str) {
        Some("string") if map.get("x-ui").and_then(Value::as_str) == Some("period") => {
            keys.push("x-ui");
            Some(FieldKind::Period)
        }
        Some("string") if map.contains_key("enum") => {
            keys.extend(["enum", "x-labels"]);
            choices(map, at, faults)
        }
        Some("string") if map.contains_key("format") => {
            keys.extend(["format", "minLength", "maxLength"]);
            if map.get("format").and_then(Value::as_str) != Some("date") {
                faults.push(format!("{at}/format: only \"date\" has a control"));
            }
            Some(FieldKind::Date)
        }
        Some("string") => {
            keys.extend(["minLength", "maxLength", "x-multiline", "x-text", "x-ui"]);
            text_kind(map, at, faults)
        }
        Some("integer") => {
            keys.extend(["minimum", "maximum"]);
            integer_kind(map, at, faults)
        }
        Some("number") => {
            keys.extend(["minimum", "maximum"]);
            let bound = |key| map.get(key).and_then(Value::as_f64);
            Some(FieldKind::Number {
                min: bound("minimum"),
                max: bound("maximum"),
            })
        }
        Some("boolean") => Some(FieldKind::Boolean),
        _ => {
            faults.push(format!(
                "{at}/type: one of string, integer, number, boolean"
            ));
            return None;
        }
    };
    unknown_keys(map, &keys, at, faults);
    kind
}

fn text_kind(map: &Map<String, Value>, at: &str, faults: &mut Vec<String>) -> Option<FieldKind> {
    let length = |key| {
        map.get(key)
            .and_then(Value::as_u64)
            .and_then(|n| usize::try_from(n).ok())
    };
    let Some(max) = length("maxLength").filter(|max| (1..=TEXT_CHARS_MAX).contains(max)) else {
        faults.push(format!(
            "{at}/maxLength: every text needs one, from 1 to {TEXT_CHARS_MAX}"
        ));
        return None;
    };
    let min = length("minLength").unwrap_or(0);
    if min > max {
        faults.push(format!("{at}/minLength: is greater than maxLength"));
    }
    let multiline = map
        .get("x-multiline")
        .and_then(Value::as_bool)
        .unwrap_or(max > SINGLE_LINE_CHARS_MAX);
    Some(FieldKind::Text {
        min,
        max,
        multiline,
    })
}

fn integer_kind(map: &Map<String, Value>, at: &str, faults: &mut Vec<String>) -> Option<FieldKind> {
    let mut bound = |key: &str, unset: i64| match map.get(key).map(Value::as_i64) {
        None => unset,
        Some(Some(number)) if (-INTEGER_MAX..=INTEGER_MAX).contains(&number) => number,
        Some(_) => {
            faults.push(format!("{at}/{key}: a whole number within 2^53"));
            unset
        }
    };
    let (min, max) = (
        bound("minimum", -INTEGER_MAX),
        bound("maximum", INTEGER_MAX),
    );
    if min > max {
        faults.push(format!("{at}/minimum: is greater than maximum"));
    }
    Some(FieldKind::Integer { min, max })
}

fn choices(map: &Map<String, Value>, at: &str, faults: &mut Vec<String>) -> Option<FieldKind> {
    let texts = |key: &str| -> Option<Vec<String>> {
        map.get(key)?
            .as_array()?
            .iter()
            .map(|item| item.as_str().map(String::from))
            .collect()
    };
    let Some(values) = texts("enum").filter(|values| (1..=200).contains(&values.len())) else {
        faults.push(format!("{at}/enum: a list of 1 to 200 texts"));
        return None;
    };
    let labels = texts("x-labels").unwrap_or_else(|| values.clone());
    if labels.len() != values.len() {
        faults.push(format!(
            "{at}/x-labels: {} labels for {} values",
            labels.len(),
            values.len()
        ));
    }
    Some(FieldKind::Choice(values.into_iter().zip(labels).collect()))
}

fn unknown_keys(map: &Map<String, Value>, known: &[&str], at: &str, faults: &mut Vec<String>) {
    for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
        faults.push(format!(
            "{at}/{key}: not a keyword that a form understands here; known: {}",
            known.join(", ")
        ));
    }
}
