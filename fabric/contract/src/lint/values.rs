//! Patterns, and values that stand in a schema.

use serde_json::{Map, Value};

use super::{Faults, Rule};
use crate::validate::Validator;

/// A pattern speaks of the whole text, and compiles.
pub(super) fn pattern(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    let Some(pattern) = members.get("pattern") else {
        return;
    };
    let pattern = pattern.as_str().unwrap_or_default();
    let place = format!("{pointer}/pattern");
    if !is_anchored(pattern) {
        faults.add(
            &place,
            Rule::Pattern,
            "must begin with ^, end with $, and have any | in brackets, or it lets more in than it says",
        );
    }
    let alone = serde_json::json!({"pattern": pattern});
    if Validator::new(&alone).is_err() {
        faults.add(
            &place,
            Rule::Pattern,
            "does not compile; hint: there are no back-references and no look-around, and repetitions must not multiply",
        );
    }
}

/// Whether a pattern speaks of the whole text: `^a|b$` does not.
fn is_anchored(pattern: &str) -> bool {
    let (mut escaped, mut brackets, mut in_class) = (false, 0_usize, false);
    let mut last_is_end = false;
    for c in pattern.chars() {
        last_is_end = false;
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '(' => brackets = brackets.saturating_add(1),
            ')' => brackets = brackets.saturating_sub(1),
            '|' if brackets == 0 => return false,
            '$' => last_is_end = true,
            _ => {}
        }
    }
    pattern.starts_with('^') && last_is_end
}

/// `enum`, `const` and `default` hold values of the schema's own type.
pub(super) fn listed(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    if let Some(values) = members.get("enum") {
        let fitting = values
            .as_array()
            .filter(|values| (1..=200).contains(&values.len()));
        if fitting.is_none() {
            faults.add(
                pointer,
                Rule::Bounds,
                "\"enum\" must be a list of 1 to 200 values",
            );
        }
    }
    let mut own = members.clone();
    own.retain(|key, _| {
        !matches!(
            key.as_str(),
            "$id" | "$schema" | "$ref" | "$defs" | "default" | "examples" | "enum" | "const"
        )
    });
    let Ok(validator) = Validator::new(&Value::Object(own)) else {
        return;
    };
    let values = |key: &str| {
        members
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut all = [values("enum"), values("examples")].concat();
    all.extend(members.get("default").cloned());
    all.extend(members.get("const").cloned());
    if all.iter().any(|value| !validator.is_valid(value)) {
        let what = "\"enum\", \"const\", \"default\" or \"examples\" holds a value that the schema itself refuses";
        faults.add(pointer, Rule::Consistency, what);
    }
}
