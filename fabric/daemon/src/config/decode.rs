//! From the merged table to the typed configuration, finding as many faults as there are.

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::faults::{Faults, join};
use super::schema::{Keys, Kind, Schema, is_secret};

/// More rounds than this means that a value cannot be put right.
const ROUNDS_MAX: usize = 64;

/// One step from a table to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
}

/// Decodes. At a fault, the value is replaced by its default or example and decoding starts
/// again, so that the next fault is found too.
pub(super) fn decode<T: DeserializeOwned>(
    mut table: Table,
    schema: &Schema,
    faults: &mut Faults,
) -> Option<T> {
    for _ in 0..ROUNDS_MAX {
        let text = toml::to_string(&table).expect("what was read as TOML can be written as TOML");
        let error = match toml::from_str::<T>(&text) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let steps = error
            .span()
            .map(|span| path_to(&text, span.start))
            .unwrap_or_default();
        let key = path_text(&steps);
        let message = if secret(&schema.keys, &steps) {
            "is not acceptable"
        } else {
            error.message().trim()
        };
        if faults.is_at_fault(&key) {
            return None;
        }
        faults.add(&key, message.lines().next().unwrap_or(message));
        if !repair(&mut table, schema, &steps) {
            return None;
        }
    }
    None
}

/// Puts the default, or else the example, in the place of a value; true when that changed anything.
fn repair(table: &mut Table, schema: &Schema, steps: &[Step]) -> bool {
    let Some(replacement) = example_at(&schema.keys, steps) else {
        return false;
    };
    let Some((Step::Key(first), rest)) = steps.split_first() else {
        return false;
    };
    let mut current = table.get_mut(first);
    for step in rest {
        current = match (step, current) {
            (Step::Key(key), Some(Value::Table(inner))) => inner.get_mut(key),
            (Step::Item(number), Some(Value::Array(items))) => items.get_mut(*number),
            _ => None,
        };
    }
    match current {
        Some(value) if *value != replacement => {
            *value = replacement;
            true
        }
        _ => false,
    }
}

fn example_at(keys: &Keys, steps: &[Step]) -> Option<Value> {
    let (Step::Key(first), rest) = steps.split_first()? else {
        return None;
    };
    let entry = keys.get(first)?;
    match (&entry.kind, rest) {
        (_, []) => Some(entry.example.clone()),
        (Kind::Table(inner), rest) => example_at(inner, rest),
        (Kind::List(_), [Step::Item(_)]) => entry.example.as_array()?.first().cloned(),
        (Kind::List(Some(inner)), [Step::Item(_), rest @ ..]) => example_at(inner, rest),
        _ => None,
    }
}

fn secret(keys: &Keys, steps: &[Step]) -> bool {
    match steps {
        [Step::Key(key)] => is_secret(keys, key),
        [Step::Key(key), rest @ ..] => match (keys.get(key).map(|entry| &entry.kind), rest) {
            (Some(Kind::Table(inner)), rest) => secret(inner, rest),
            (Some(Kind::List(Some(inner))), [Step::Item(_), rest @ ..]) => secret(inner, rest),
            _ => false,
        },
        _ => false,
    }
}

fn path_text(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) => join(&path, key),
        Step::Item(number) => format!("{path}[{number}]"),
    })
}

/// The path to the innermost value that covers `offset` of the text.
fn path_to(text: &str, offset: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        walk(table.get_ref(), offset, &mut steps);
    }
    steps
}

fn walk(table: &DeTable<'_>, offset: usize, steps: &mut Vec<Step>) -> bool {
    for (key, value) in table {
        steps.push(Step::Key(key.get_ref().to_string()));
        if walk_value(value.get_ref(), offset, steps)
            || value.span().contains(&offset)
            || key.span().contains(&offset)
        {
            return true;
        }
        steps.pop();
    }
    false
}

fn walk_value(value: &DeValue<'_>, offset: usize, steps: &mut Vec<Step>) -> bool {
    match value {
        DeValue::Table(inner) => walk(inner, offset, steps),
        DeValue::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                steps.push(Step::Item(number));
                if walk_value(item.get_ref(), offset, steps) || item.span().contains(&offset) {
                    return true;
                }
                steps.pop();
            }
            false
        }
        _ => false,
    }
}
