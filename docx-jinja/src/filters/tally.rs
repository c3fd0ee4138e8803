//! `tally`: counts and sums over several fields of many rows in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Rest, ValueKind};
use minijinja::{Error, Value};

use super::attributes;
use crate::budget::refused;
use crate::shape::absent;

/// Most different values counted for one field; what comes later counts as `other`.
const VALUES_MAX: usize = 1_000;

/// `{% set d = rows|tally("online", "size_bytes") %}` gives `d.rows` (how many) and for each field `.yes`,
/// `.no` (booleans), `.filled`, `.empty` (null or missing), `.positive`, `.sum`, `.min`, `.max` (numbers) and
/// `.of["failed"]` or `.of.failed` (how often a value occurs, 0 when never).
pub(super) fn tally(rows: Value, fields: Rest<Value>) -> Result<Value, Error> {
    let fields = fields.0.iter().map(field_name);
    let fields: Vec<String> = fields.collect::<Result<_, Error>>()?;
    let mut count = 0_u64;
    let mut columns: Vec<Field> = fields.iter().map(|_| Field::default()).collect();
    if rows.is_undefined() {
        return Err(super::undefined(&rows));
    }
    let mut first = None;
    for row in rows.try_iter()? {
        count += 1;
        for (name, column) in fields.iter().zip(&mut columns) {
            column.known |= absent::may_have(&row, name);
            column.add(&row.get_attr(name)?);
        }
        first.get_or_insert(row);
    }
    let mut found = fields.iter().zip(&columns);
    if let (Some(row), Some((name, _))) = (first, found.find(|(_, column)| !column.known)) {
        return Err(attributes::nowhere(&row, name));
    }
    let named = fields
        .into_iter()
        .zip(columns.into_iter().map(Value::from_object));
    Ok(Value::from_object(Tally {
        count,
        fields: named.collect(),
    }))
}

fn field_name(value: &Value) -> Result<String, Error> {
    match value.as_str() {
        Some(name) => Ok(name.to_owned()),
        None => Err(refused(format!(
            "tally needs the names of columns, not {}",
            super::shown(value)
        ))),
    }
}

#[derive(Debug)]
struct Tally {
    count: u64,
    fields: BTreeMap<String, Value>,
}

impl Object for Tally {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "rows" => Some(Value::from(self.count)),
            name => self.fields.get(name).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self
            .fields
            .keys()
            .map(Value::from)
            .chain([Value::from("rows")]);
        Enumerator::Values(names.collect())
    }
}

#[derive(Debug, Default)]
struct Field {
    /// True when a row has it, or may have it.
    known: bool,
    yes: u64,
    no: u64,
    filled: u64,
    empty: u64,
    positive: u64,
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
    of: Arc<Occurrences>,
}

impl Field {
    fn add(&mut self, value: &Value) {
        self.known |= !value.is_undefined();
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => {
                self.empty += 1;
                return;
            }
            ValueKind::Bool if value.is_true() => self.yes += 1,
            ValueKind::Bool => self.no += 1,
            ValueKind::Number => self.number(f64::try_from(value.clone()).unwrap_or(0.0)),
            ValueKind::String => {
                if let (Some(text), Some(of)) = (value.as_str(), Arc::get_mut(&mut self.of)) {
                    of.add(text);
                }
            }
            _ => {}
        }
        self.filled += 1;
    }

    fn number(&mut self, number: f64) {
        self.sum += number;
        self.positive += u64::from(number > 0.0);
        self.min = Some(self.min.map_or(number, |min| min.min(number)));
        self.max = Some(self.max.map_or(number, |max| max.max(number)));
    }
}

impl Object for Field {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "yes" => Value::from(self.yes),
            "no" => Value::from(self.no),
            "filled" => Value::from(self.filled),
            "empty" => Value::from(self.empty),
            "positive" => Value::from(self.positive),
            "sum" => whole(self.sum),
            "min" => self.min.map_or(Value::from(()), whole),
            "max" => self.max.map_or(Value::from(()), whole),
            "of" => Value::from_dyn_object(Arc::clone(&self.of)),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&[
            "yes", "no", "filled", "empty", "positive", "sum", "min", "max", "of",
        ])
    }
}

/// How often each text occurs.
#[derive(Debug, Default)]
struct Occurrences(BTreeMap<String, u64>);

impl Occurrences {
    fn add(&mut self, text: &str) {
        if let Some(count) = self.0.get_mut(text) {
            *count += 1;
        } else {
            let name = if self.0.len() < VALUES_MAX {
                text
            } else {
                "other"
            };
            *self.0.entry(name.to_owned()).or_default() += 1;
        }
    }
}

impl Object for Occurrences {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(self.0.get(key.as_str()?).copied().unwrap_or(0)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(Value::from).collect())
    }
}

/// A sum of whole numbers is shown without decimals.
fn whole(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9.0e15 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}
