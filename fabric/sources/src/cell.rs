//! A value of a source as JSON: what the contract wants of a column decides, and nothing is rounded.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

/// A value as a driver gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that may be larger.
    Unsigned(u64),
    /// A binary number.
    Float(f64),
    /// A decimal number, as its digits.
    Decimal(String),
    /// A text.
    Text(String),
    /// A text that may stand for a number, a truth value or nothing: a cell of a CSV file.
    Loose(String),
    /// JSON as it is.
    Json(Value),
}

/// What the contract wants of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    string: bool,
    integer: bool,
    number: bool,
    boolean: bool,
    null: bool,
    date_time: bool,
    /// Whether a row may do without it.
    optional: bool,
}

/// What the contract wants of every column.
#[derive(Clone, Debug, Default)]
pub struct Columns(BTreeMap<String, Wanted>);

impl Columns {
    /// Reads a row's schema.
    pub fn of(schema: &Value) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        let is_required =
            |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
        let column = |(name, property): (&String, &Value)| {
            let optional = !is_required(name);
            let wanted = wanted(property, schema, 0);
            (name.clone(), Wanted { optional, ..wanted })
        };
        Self(properties.into_iter().flatten().map(column).collect())
    }

    /// Puts a value into a row, in the form that the contract wants. Nothing (NULL, a CSV file's empty cell) is left out
    /// where a row may do without it.
    pub fn put(&self, row: &mut Map<String, Value>, name: &str, cell: Cell) {
        let wanted = self.0.get(name).copied().unwrap_or_default();
        if let Some(value) = value(cell, wanted) {
            row.insert(name.to_owned(), value);
        }
    }
}

/// Follows references within the schema, and takes all types of alternatives.
fn wanted(property: &Value, root: &Value, depth: u8) -> Wanted {
    let mut found = Wanted::default();
    if depth > 8 {
        return found;
    }
    let mut word = |text: &str| match text {
        "string" => found.string = true,
        "integer" => found.integer = true,
        "number" => found.number = true,
        "boolean" => found.boolean = true,
        "null" => found.null = true,
        _ => {}
    };
    match property.get("type") {
        Some(Value::String(text)) => word(text),
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).for_each(word),
        _ => {}
    }
    found.date_time |= property.get("format").and_then(Value::as_str) == Some("date-time");
    let listed = property.get("enum").and_then(Value::as_array);
    for value in listed.into_iter().flatten().chain(property.get("const")) {
        found.string |= value.is_string();
        found.integer |= value.is_i64();
        found.boolean |= value.is_boolean();
        found.null |= value.is_null();
    }
    let referred = property
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|uri| uri.strip_prefix('#'))
        .and_then(|pointer| root.pointer(pointer));
    let alternatives = ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|key| property.get(key)?.as_array())
        .flatten();
    for other in alternatives.chain(referred) {
        let other = wanted(other, root, depth + 1);
        found.string |= other.string;
        found.integer |= other.integer;
        found.number |= other.number;
        found.boolean |= other.boolean;
        found.null |= other.null;
        found.date_time |= other.date_time;
    }
    found
}

fn value(cell: Cell, wanted: Wanted) -> Option<Value> {
    Some(match cell {
        Cell::Null if wanted.optional && !wanted.null => return None,
        Cell::Null => Value::Null,
        Cell::Bool(truth) => Value::Bool(truth),
        // SQLite and MySQL have no truth values of their own.
        Cell::Int(number @ (0 | 1)) if wanted.boolean && !wanted.integer && !wanted.number => {
            Value::Bool(number == 1)
        }
        Cell::Int(number) => Value::from(number),
        Cell::Unsigned(number) => Value::from(number),
        // What is no number stays a text, which the contract refuses.
        Cell::Float(number) => Number::from_f64(number)
            .map_or_else(|| Value::String(number.to_string()), Value::Number),
        Cell::Decimal(digits) => decimal(digits, wanted),
        Cell::Text(text) if wanted.date_time => Value::String(instant(text)),
        Cell::Text(text) => Value::String(text),
        Cell::Json(value) => value,
        Cell::Loose(text) => return loose(text, wanted),
    })
}

/// A decimal is a text with all of its digits where the contract takes texts; else a number, if none is lost by that. One
/// that would lose digits stays a text, which the contract then refuses.
fn decimal(digits: String, wanted: Wanted) -> Value {
    let whole = !digits.contains(['.', 'e', 'E']);
    if wanted.string && !wanted.number && !wanted.integer {
        return Value::String(digits);
    }
    // A column of whole numbers may be NUMERIC(10,2): 3.00 is 3.
    let plain = match digits.split_once('.') {
        Some((front, zeros)) if zeros.bytes().all(|digit| digit == b'0') => front,
        _ => digits.as_str(),
    };
    if (whole || wanted.integer)
        && let Ok(number) = plain.parse::<i64>()
    {
        return Value::from(number);
    }
    let number = digits.parse::<f64>().ok();
    match number.and_then(Number::from_f64) {
        Some(number) if significant(&digits) <= 15 => Value::Number(number),
        _ => Value::String(digits),
    }
}

/// Digits that count; a float keeps 15 of them whatever they are.
fn significant(digits: &str) -> usize {
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').len()
}

/// A point in time as RFC 3339: `2026-11-22 10:00:00` is taken for UTC. What reads otherwise stays.
fn instant(text: String) -> String {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied();
    let shaped = at(4) == Some(b'-') && at(7) == Some(b'-') && at(13) == Some(b':');
    if !(shaped && text.is_ascii() && matches!(at(10), Some(b' ' | b'T')) && text.len() >= 19) {
        return text;
    }
    let (day, clock) = text.split_at(10);
    let clock = &clock[1..];
    let zoned = clock.ends_with(['Z', 'z']) || clock.contains(['+', '-']);
    format!("{day}T{clock}{}", if zoned { "" } else { "Z" })
}

fn loose(text: String, wanted: Wanted) -> Option<Value> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return match wanted {
            Wanted { null: true, .. } => Some(Value::Null),
            Wanted { optional: true, .. } => None,
            Wanted { string: true, .. } => Some(Value::String(text)),
            _ => None,
        };
    }
    if (wanted.integer || wanted.number) && !wanted.string {
        return Some(decimal(trimmed.to_owned(), wanted));
    }
    if wanted.boolean && !wanted.string {
        let truth = match trimmed.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" => Some(false),
            _ => None,
        };
        return Some(truth.map_or(Value::String(text), Value::Bool));
    }
    if wanted.date_time {
        return Some(Value::String(instant(trimmed.to_owned())));
    }
    Some(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(property: Value, cell: Cell, expected: Value) {
        check_in(&["x"], property, cell, expected);
    }

    #[track_caller]
    fn check_in(required: &[&str], property: Value, cell: Cell, expected: Value) {
        let schema = json!({"required": required, "properties": {"x": property}, "$defs": {"when": {"type": "string", "format": "date-time"}}});
        let mut row = Map::new();
        Columns::of(&schema).put(&mut row, "x", cell);
        assert_eq!(row.get("x").cloned().unwrap_or(json!("left out")), expected);
    }

    fn decimal(text: &str) -> Cell {
        Cell::Decimal(text.into())
    }

    fn loose(text: &str) -> Cell {
        Cell::Loose(text.into())
    }

    #[test]
    fn decimals_lose_no_digit() {
        check(
            json!({"type": "string"}),
            decimal("12345678901234567890.10"),
            json!("12345678901234567890.10"),
        );
        check(json!({"type": "number"}), decimal("19.90"), json!(19.9));
        check(json!({"type": "number"}), decimal("-0.001"), json!(-0.001));
        check(json!({"type": "integer"}), decimal("3.00"), json!(3));
        check(
            json!({"type": "integer"}),
            decimal("9223372036854775807"),
            json!(9_223_372_036_854_775_807_i64),
        );
        // More digits than a number keeps: a text, which the contract refuses, and no rounded number.
        check(
            json!({"type": "number"}),
            decimal("12345678901234567.89"),
            json!("12345678901234567.89"),
        );
    }

    #[test]
    fn points_in_time_are_rfc_3339() {
        let when = json!({"$ref": "#/$defs/when"});
        let text = |text: &str| Cell::Text(text.into());
        check(
            when.clone(),
            text("2026-11-22 10:00:00"),
            json!("2026-11-22T10:00:00Z"),
        );
        check(
            when.clone(),
            text("2026-11-22 10:00:00.5+02:00"),
            json!("2026-11-22T10:00:00.5+02:00"),
        );
        check(when, text("yesterday"), json!("yesterday"));
        check(
            json!({"type": "string"}),
            text("2026-11-22 10:00:00"),
            json!("2026-11-22 10:00:00"),
        );
    }

    #[test]
    fn truth_values_of_databases_without_any() {
        check(json!({"type": "boolean"}), Cell::Int(1), json!(true));
        check(json!({"type": "boolean"}), Cell::Int(2), json!(2));
        check(json!({"type": "integer"}), Cell::Int(1), json!(1));
        check(
            json!({"type": ["boolean", "integer"]}),
            Cell::Int(1),
            json!(1),
        );
    }

    #[test]
    fn a_cell_of_a_file_becomes_what_the_contract_wants() {
        check(json!({"type": "integer"}), loose(" 42 "), json!(42));
        check(json!({"type": "string"}), loose("0042"), json!("0042"));
        check(json!({"type": "number"}), loose("1.5"), json!(1.5));
        check(json!({"type": "number"}), loose("1,5"), json!("1,5"));
        check(json!({"type": "boolean"}), loose("Yes"), json!(true));
        check(
            json!({"type": "boolean"}),
            loose("perhaps"),
            json!("perhaps"),
        );
        check(json!({"type": ["string", "null"]}), loose(""), json!(null));
        check(json!({"type": "string"}), loose(""), json!(""));
        check_in(&[], json!({"type": "string"}), loose(""), json!("left out"));
        check_in(&[], json!({"type": "string"}), loose("a"), json!("a"));
        check_in(
            &[],
            json!({"type": "string"}),
            Cell::Null,
            json!("left out"),
        );
        check(json!({"type": "string"}), Cell::Null, json!(null));
        check_in(
            &[],
            json!({"type": ["string", "null"]}),
            Cell::Null,
            json!(null),
        );
        check(json!({"type": "integer"}), loose(""), json!("left out"));
        check(
            json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            loose("7"),
            json!(7),
        );
    }
}
