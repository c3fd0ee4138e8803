//! A field whose choices come from data: `"x-ui": {"options-from": {…}}` of its schema. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::field::Field;

/// How long a list of choices is kept when the field does not say.
const KEEP_S_DEFAULT: u64 = 60;
/// Longest time.
const KEEP_S_MAX: u64 = 3_600;

/// Where the choices of a field come from, and what of each row they are.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionsFrom {
    /// What is asked for, in the words of a need.
    pub asks: Map<String, Value>,
    /// JSON pointer to the value within a row.
    pub value: String,
    /// JSON pointer to what people read; the value where there is none.
    pub label: Option<String>,
    /// Rows that count: the value at the pointer is that of the field.
    pub filter: Vec<(String, String)>,
    /// Whether other values may be typed by hand.
    pub free: bool,
    /// How long a list is kept, in milliseconds.
    pub keep_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    value: String,
    label: Option<String>,
    #[serde(default, rename = "where")]
    filter: BTreeMap<String, String>,
    #[serde(default)]
    free: bool,
    keep_s: Option<u64>,
}

/// The keys of a field's own; all others are a need's.
const OWN: [&str; 5] = ["value", "label", "where", "free", "keep_s"];

impl OptionsFrom {
    /// Reads `x-ui` of a field, or says what is wrong with it.
    pub(super) fn read(ui: &Value) -> Result<Self, String> {
        let shape = "must be \"period\" or {\"options-from\": {…}}";
        let from = match ui.as_object() {
            Some(object) if object.len() == 1 => object.get("options-from"),
            _ => None,
        };
        let from = from.and_then(Value::as_object).ok_or(shape)?;
        let is_own = |(key, _): &(&String, &Value)| OWN.contains(&key.as_str());
        let cloned = |(key, value): (&String, &Value)| (key.clone(), value.clone());
        let own: Map<String, Value> = from.iter().filter(is_own).map(cloned).collect();
        let asks = from.iter().filter(|pair| !is_own(pair)).map(cloned);
        let own: Own = serde_json::from_value(Value::Object(own))
            .map_err(|error| format!("options-from: {error}"))?;
        let keep_s = own.keep_s.unwrap_or(KEEP_S_DEFAULT);
        if keep_s > KEEP_S_MAX {
            return Err(format!("options-from: keep_s must be 0 to {KEEP_S_MAX}"));
        }
        let field = |(pointer, text): (String, String)| match text.strip_prefix('$') {
            Some(field) => Ok((pointer, field.to_owned())),
            None => Err(format!(
                "options-from: where: {pointer:?} must be held against a field, such as \"$kind\", and not {text:?}"
            )),
        };
        Ok(Self {
            asks: asks.collect(),
            value: own.value,
            label: own.label,
            filter: own
                .filter
                .into_iter()
                .map(field)
                .collect::<Result<_, _>>()?,
            free: own.free,
            keep_ms: keep_s * 1_000,
        })
    }

    /// Fields whose values decide what there is to choose.
    #[must_use]
    pub fn follows(&self) -> BTreeSet<String> {
        let params = self.asks.get("params").and_then(Value::as_object);
        let values = params.into_iter().flat_map(Map::values);
        let named = values.filter_map(|value| value.as_str()?.strip_prefix('$'));
        let fields = named.map(|name| name.split('.').next().unwrap_or(name).to_owned());
        let filters = self.filter.iter().map(|(_, field)| field.clone());
        fields.chain(filters).collect()
    }
}

/// What is wrong with the fields that hang on others: such as are not there, and such as hang on themselves.
pub(super) fn faults(fields: &[Field]) -> Vec<String> {
    let mut faults = Vec::new();
    for field in fields {
        let Some(options) = &field.options else {
            continue;
        };
        let at = format!("/properties/{}/x-ui/options-from", field.name);
        for name in options.follows() {
            if !fields.iter().any(|known| known.name == name) {
                faults.push(format!("{at}: follows \"${name}\", which is no field"));
            }
        }
        if reached(&field.name, fields).contains(&field.name) {
            faults.push(format!(
                "{at}: \"{}\" follows itself, so that it could never be filled in",
                field.name
            ));
        }
    }
    faults
}

/// Every field that a field follows, over others as well.
fn reached(name: &str, fields: &[Field]) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        let field = fields.iter().find(|field| field.name == name);
        let follows = field.and_then(|field| field.options.as_ref());
        for next in follows.map(OptionsFrom::follows).unwrap_or_default() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}
