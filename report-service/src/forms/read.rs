//! From name=value pairs to checked parameters.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::field::{Field, FieldKind};
use super::period::OWN_DAYS;

/// What is wrong with a form that was sent, by field: sentences for the person who filled it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormFaults(BTreeMap<String, String>);

impl FormFaults {
    /// Notes a fault; the first one of a field stays.
    pub fn add(&mut self, field: &str, sentence: impl Into<String>) {
        self.0
            .entry(field.into())
            .or_insert_with(|| sentence.into());
    }

    /// The sentence of a field, if it has one.
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// All of them: fields and sentences.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, what)| (field.as_str(), what.as_str()))
    }

    /// These and those of another; where both have one, this one's stay.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (field, sentence) in other.0 {
            self.0.entry(field).or_insert(sentence);
        }
        self
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields have a fault.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The values that a browser sent for a name.
pub(super) fn sent<'a>(pairs: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    pairs
        .iter()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
        .collect()
}

pub(super) fn read(
    fields: &[Field],
    pairs: &[(String, String)],
) -> Result<Map<String, Value>, FormFaults> {
    let mut faults = FormFaults::default();
    let mut params = Map::new();
    for field in fields {
        let days = match field.kind {
            FieldKind::Period => period_text(pairs, &field.name),
            _ => None,
        };
        let values = match (&days, sent(pairs, &field.name)) {
            (Some(days), one) if one.len() == 1 => vec![days.as_str()],
            (_, values) => values,
        };
        match read_field(field, &values) {
            Ok(Some(value)) => {
                params.insert(field.name.clone(), value);
            }
            Ok(None) => {}
            Err(sentence) => faults.add(&field.name, sentence),
        }
    }
    if faults.is_empty() {
        Ok(params)
    } else {
        Err(faults)
    }
}

/// The text of a period: its word, or the days that two more controls hold.
pub(super) fn period_text(pairs: &[(String, String)], name: &str) -> Option<String> {
    let one = |name: &str| sent(pairs, name).first().map(|text| text.trim().to_owned());
    match one(name) {
        Some(own) if own == OWN_DAYS => {
            let end = |which: &str| one(&format!("{name}-{which}")).unwrap_or_default();
            Some(format!("{}/{}", end("from"), end("to")))
        }
        word => word,
    }
}

fn read_field(field: &Field, values: &[&str]) -> Result<Option<Value>, String> {
    let text = match values {
        [] => "",
        [one] => one,
        _ => return Err("Send this field once only.".into()),
    };
    // A browser sends nothing for a box that is not ticked.
    if text.is_empty() && field.kind == FieldKind::Boolean {
        return Ok(Some(Value::Bool(false)));
    }
    let multiline = matches!(
        field.kind,
        FieldKind::Text {
            multiline: true,
            ..
        }
    );
    let text = if multiline { text } else { text.trim() };
    if text.trim().is_empty() {
        return match (field.required, &field.kind) {
            (false, _) => Ok(None),
            (true, FieldKind::Choice(_)) => Err("Choose a value.".into()),
            (true, _) => Err("Fill in this field.".into()),
        };
    }
    field.kind.read(text).map(Some)
}
