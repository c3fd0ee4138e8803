//! What grows: alternatives within alternatives, references to references, conditions in conditions, rows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schema::{count, properties, types};
use super::{Faults, Rule};
use crate::limits::STRING_BYTES_HARD_MAX;

/// Most branches of one `anyOf`, `oneOf` or `allOf`.
const BRANCHES_MAX: usize = 8;
/// Most ways through all alternatives of one value.
const WAYS_MAX: u64 = 256;
/// Deepest `if` within `then` or `else`.
const CONDITIONS_MAX: usize = 3;
/// Longest chain of references.
const CHAIN_MAX: usize = 16;

/// Looks at the whole schema.
pub(super) fn check(schema: &Value, faults: &mut Faults) {
    walk(schema, "", 0, faults);
    let mut known = BTreeMap::new();
    match ways(schema, schema, 0, &mut known) {
        None => faults.add(
            "",
            Rule::Reference,
            "has a reference that leads nowhere, in a circle or through more than 16 others",
        ),
        Some(ways) if ways > WAYS_MAX => faults.add(
            "",
            Rule::Branches,
            format!("has {ways} ways through its alternatives, at most {WAYS_MAX} are allowed: each value would be tried so often"),
        ),
        Some(_) => {}
    }
}

fn walk(schema: &Value, pointer: &str, conditions: usize, faults: &mut Faults) {
    match schema {
        Value::Object(members) => {
            for key in ["anyOf", "oneOf", "allOf"] {
                let branches = members.get(key).and_then(Value::as_array);
                if branches.is_some_and(|branches| branches.len() > BRANCHES_MAX) {
                    let what = format!("{key:?} has more than {BRANCHES_MAX} branches");
                    faults.add(pointer, Rule::Branches, what);
                }
            }
            let inside = conditions.saturating_add(usize::from(members.contains_key("if")));
            if inside > CONDITIONS_MAX {
                let what = format!("\"if\" stands deeper than {CONDITIONS_MAX} conditions");
                faults.add(pointer, Rule::Branches, what);
                return;
            }
            for (key, value) in members {
                let deeper = matches!(key.as_str(), "then" | "else" | "if" | "allOf");
                let conditions = if deeper || value.is_array() {
                    inside
                } else {
                    0
                };
                walk(value, &format!("{pointer}/{key}"), conditions, faults);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{pointer}/{index}"), conditions, faults);
            }
        }
        _ => {}
    }
}

/// How many ways there are through the alternatives of a schema; none when a reference leads nowhere or in a circle.
fn ways(
    schema: &Value,
    root: &Value,
    chain: usize,
    known: &mut BTreeMap<String, Option<u64>>,
) -> Option<u64> {
    if chain > CHAIN_MAX {
        return None;
    }
    let Value::Object(members) = schema else {
        return Some(1);
    };
    let mut product: u64 = 1;
    for (key, value) in members {
        let factor = match (key.as_str(), value) {
            ("$ref", Value::String(uri)) => {
                if let Some(ways) = known.get(uri) {
                    (*ways)?
                } else {
                    // Until it is known, a way back to here is a circle.
                    known.insert(uri.clone(), None);
                    let target = root.pointer(uri.strip_prefix('#')?)?;
                    let found = ways(target, root, chain.saturating_add(1), known)?;
                    known.insert(uri.clone(), Some(found));
                    found
                }
            }
            ("anyOf" | "oneOf", Value::Array(branches)) => branches
                .iter()
                .map(|branch| ways(branch, root, chain, known))
                .try_fold(0_u64, |sum, each| Some(sum.saturating_add(each?)))?,
            ("allOf", Value::Array(parts)) => parts
                .iter()
                .map(|part| ways(part, root, chain, known))
                .try_fold(1_u64, |all, each| Some(all.saturating_mul(each?)))?,
            // Values below are tried by themselves: the worst of them counts.
            ("properties" | "$defs", Value::Object(named)) => named
                .values()
                .map(|inner| ways(inner, root, chain, known))
                .try_fold(1_u64, |most, each| Some(most.max(each?)))?,
            (
                "items" | "additionalProperties" | "propertyNames" | "if" | "then" | "else",
                inner,
            ) => ways(inner, root, chain, known)?,
            _ => 1,
        };
        product = product.saturating_mul(factor.max(1));
    }
    Some(product)
}

/// Most bytes of an encoded value, counted high: a head of nine bytes for each value and four for each character.
pub(super) fn bytes_max(schema: &Value) -> u64 {
    value_bytes(schema, schema, 0)
}

fn value_bytes(schema: &Value, root: &Value, chain: usize) -> u64 {
    const HEAD: u64 = 9;
    let Some(members) = schema.as_object().filter(|_| chain <= CHAIN_MAX) else {
        return HEAD;
    };
    let chain = chain.saturating_add(1);
    if let Some(target) = members
        .get("$ref")
        .and_then(|uri| root.pointer(uri.as_str()?.strip_prefix('#')?))
    {
        return value_bytes(target, root, chain);
    }
    let listed = members.get("enum").and_then(Value::as_array);
    let of_type = |kind: &&str| match *kind {
        "string" if listed.is_some() => listed
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|text| text.len() as u64)
            .max()
            .unwrap_or(0),
        "string" => {
            let characters = count(members, "maxLength").unwrap_or(STRING_BYTES_HARD_MAX) as u64;
            let is_ascii = matches!(
                members.get("x-text").and_then(Value::as_str),
                Some("ident" | "opaque-b64")
            );
            let each = if is_ascii { 1 } else { 4 };
            characters
                .saturating_mul(each)
                .min(STRING_BYTES_HARD_MAX as u64)
        }
        "array" => {
            let items = count(members, "maxItems").unwrap_or(usize::MAX) as u64;
            let each = members
                .get("items")
                .map_or(HEAD, |inner| value_bytes(inner, root, chain));
            items.saturating_mul(each)
        }
        "object" => properties(schema)
            .map(|(name, inner)| {
                value_bytes(inner, root, chain)
                    .saturating_add(name.len() as u64)
                    .saturating_add(2)
            })
            .fold(0, u64::saturating_add),
        _ => 0,
    };
    let most = types(members).iter().map(of_type).max().unwrap_or(0);
    most.saturating_add(HEAD)
}
