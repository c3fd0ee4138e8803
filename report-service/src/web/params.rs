//! The parameters of a dataset, as an administrator types them to try it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::errors::PageError;
use crate::relay::Contract;

/// Longest parameter, in characters.
const CHARS_MAX: usize = 200;

/// Name and title of each parameter that a dataset takes.
pub(super) fn fields(contract: &Contract) -> Vec<(String, String)> {
    let title = |name: &String, schema: &Value| {
        let title = schema.get("title").and_then(Value::as_str);
        title.unwrap_or(name).to_owned()
    };
    let fields = known(contract).map(|(name, schema)| (name.clone(), title(name, schema)));
    fields.collect()
}

/// What was typed in the fields `param-…`, as numbers and truth values where the dataset wants them. An empty field is
/// left out.
///
/// # Errors
/// When the dataset does not take it.
pub(super) fn typed(
    contract: &Contract,
    fields: &BTreeMap<String, String>,
) -> Result<Map<String, Value>, PageError> {
    let mut params = Map::new();
    for (name, schema) in known(contract) {
        let typed = fields.get(&format!("param-{name}"));
        let typed = typed
            .map(|text| text.trim())
            .filter(|text| !text.is_empty());
        let Some(text) = typed else {
            continue;
        };
        if text.chars().count() > CHARS_MAX {
            return Err(PageError::bad_request(
                "A parameter has more than 200 characters.",
            ));
        }
        let plain = match schema.get("type").and_then(Value::as_str) {
            Some("integer" | "number" | "boolean" | "array") => serde_json::from_str(text).ok(),
            _ => None,
        };
        params.insert(name.clone(), plain.unwrap_or_else(|| text.into()));
    }
    contract.check_params(&params).map_err(|violation| {
        PageError::bad_request(format!(
            "The dataset does not take these parameters: {violation}."
        ))
    })?;
    Ok(params)
}

fn known(contract: &Contract) -> impl Iterator<Item = (&String, &Value)> {
    let known = contract.dataset.params_schema.get("properties");
    known.and_then(Value::as_object).into_iter().flatten()
}

/// A value as a table shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
