//! Changes of a good value, each of which breaks one rule.

use serde_json::{Map, Value, json};

/// A changed value that must be refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutant {
    /// The value.
    pub value: Value,
    /// What was done to it.
    pub edit: String,
}

/// Every mutant of `value`, which `schema` accepts, as far as `schema` tells what a place may hold.
pub fn of(value: &Value, schema: &Value) -> Vec<Mutant> {
    let mut edits = Vec::new();
    visit(value, schema, schema, &mut Vec::new(), &mut edits);
    edits
        .into_iter()
        .filter_map(|edit| {
            let mut changed = value.clone();
            let place = changed.pointer_mut(&edit.pointer)?;
            *place = edit.to;
            Some(Mutant {
                value: changed,
                edit: edit.words,
            })
        })
        .collect()
}

/// The place at `pointer` becomes `to`.
struct Edit {
    pointer: String,
    to: Value,
    words: String,
}

fn visit(
    value: &Value,
    schema: &Value,
    root: &Value,
    steps: &mut Vec<String>,
    edits: &mut Vec<Edit>,
) {
    let Some(schema) = resolved(schema, root) else {
        return;
    };
    let pointer: String = steps.iter().map(|step| format!("/{step}")).collect();
    let place = if pointer.is_empty() {
        "the whole"
    } else {
        pointer.as_str()
    };
    let mut edit = |to: Value, words: String| {
        edits.push(Edit {
            pointer: pointer.clone(),
            to,
            words,
        });
    };
    if let Some(other) = of_another_type(schema) {
        edit(other, format!("{place} has another type"));
    }
    match value {
        Value::Object(members) => {
            for (to, words) in objects(members, schema, place) {
                edit(to, words);
            }
            for (name, member) in members {
                let Some(inner) = schema.get("properties").and_then(|all| all.get(name)) else {
                    continue;
                };
                steps.push(name.replace('~', "~0").replace('/', "~1"));
                visit(member, inner, root, steps, edits);
                steps.pop();
            }
        }
        Value::Array(items) => {
            if let Some(most) = count(schema, "maxItems") {
                let filler = items.first().cloned().unwrap_or(Value::Null);
                let more = vec![filler; most.saturating_add(1)];
                edit(more.into(), format!("{place} has an item too many"));
            }
            let Some(inner) = schema.get("items") else {
                return;
            };
            for (index, item) in items.iter().enumerate() {
                steps.push(index.to_string());
                visit(item, inner, root, steps, edits);
                steps.pop();
            }
        }
        Value::String(text) => texts(text, schema, place)
            .into_iter()
            .for_each(|(to, words)| edit(to, words)),
        Value::Number(_) => numbers(schema, place)
            .into_iter()
            .for_each(|(to, words)| edit(to, words)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn objects(members: &Map<String, Value>, schema: &Value, place: &str) -> Vec<(Value, String)> {
    let mut edits = Vec::new();
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let mut less = members.clone();
        less.shift_remove(name);
        edits.push((less.into(), format!("{place} has no {name:?}")));
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        let mut more = members.clone();
        more.insert("a_stranger".into(), json!(1));
        edits.push((
            more.into(),
            format!("{place} has a member that is not declared"),
        ));
    }
    edits
}

fn texts(text: &str, schema: &Value, place: &str) -> Vec<(Value, String)> {
    let mut edits = Vec::new();
    if schema.get("enum").is_some() || schema.get("const").is_some() {
        let listed = schema.get("enum").and_then(Value::as_array);
        let longest = listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .max_by_key(|text| text.len());
        let other = format!("{}-other", longest.unwrap_or(text));
        edits.push((other.into(), format!("{place} is a value of no list")));
    } else if let Some(most) = count(schema, "maxLength") {
        let long = "x".repeat(most.saturating_add(1));
        edits.push((long.into(), format!("{place} is a character too long")));
    }
    if schema.get("x-text").and_then(Value::as_str) != Some("block") {
        let lines = format!("{text}\n");
        edits.push((lines.into(), format!("{place} has a line break")));
    }
    edits.push((
        format!("{text}\u{202e}").into(),
        format!("{place} has a character that turns the direction"),
    ));
    edits
}

fn numbers(schema: &Value, place: &str) -> Vec<(Value, String)> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let mut edits = Vec::new();
    for (bound, step, words) in [
        (bound("maximum"), 1.0, "above its greatest"),
        (bound("minimum"), -1.0, "below its least"),
    ] {
        if let Some(bound) = bound {
            edits.push((json!(bound + step), format!("{place} is {words}")));
        }
    }
    if schema.get("type").and_then(Value::as_str) == Some("integer") {
        edits.push((json!(0.5), format!("{place} is a fraction")));
    }
    edits
}

/// A value of a type that the schema does not name.
fn of_another_type(schema: &Value) -> Option<Value> {
    let named = |name: &str| match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        _ => true,
    };
    [("object", json!({})), ("boolean", json!(true))]
        .into_iter()
        .find(|(name, _)| !named(name))
        .map(|(_, value)| value)
}

fn count(schema: &Value, key: &str) -> Option<usize> {
    schema
        .get(key)
        .and_then(Value::as_u64)
        .and_then(|count| usize::try_from(count).ok())
}

/// The schema that a reference into the same file leads to.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> Option<&'a Value> {
    let mut schema = schema;
    for _ in 0..8 {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => schema = root.pointer(reference.strip_prefix('#')?)?,
            None => return Some(schema),
        }
    }
    None
}
