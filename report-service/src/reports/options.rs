//! Fields whose choices come from data, checked against the dataset contracts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use spokegate_contract::Shape;

use super::definition::{Need, Options};
use super::load::Loader;
use super::needs::FileNeed;
use crate::forms::{Form, OptionsFrom};
use crate::relay::Contract;

/// How long a list of choices may take when the field does not say: a person waits for it.
const TIMEOUT_S_DEFAULT: u64 = 10;
/// Longest time.
const TIMEOUT_S_MAX: u64 = 30;

impl Loader<'_> {
    /// What each field that is filled from data asks for.
    pub(super) fn options(&mut self, form: &Form, fields: &[String]) -> BTreeMap<String, Options> {
        let mut options = BTreeMap::new();
        for field in form.fields() {
            if let Some(from) = &field.options {
                let at = format!("/properties/{}/x-ui/options-from", field.name);
                self.asking = format!("params.schema.json: {at}");
                let asks = self.asks(from, fields);
                options.extend(asks.map(|asks| (field.name.clone(), asks)));
            }
        }
        self.asking = "report.toml".into();
        options
    }

    fn asks(&mut self, from: &OptionsFrom, fields: &[String]) -> Option<Options> {
        let mut asks = from.asks.clone();
        let timeout = asks.entry("timeout_s");
        let timeout_s = timeout.or_insert_with(|| TIMEOUT_S_DEFAULT.into()).as_u64();
        if timeout_s.is_none_or(|timeout_s| timeout_s > TIMEOUT_S_MAX) {
            self.need_fault(format!("timeout_s must be 1 to {TIMEOUT_S_MAX}"));
        }
        if asks.contains_key("required") {
            self.need_fault("required goes with a need, not with choices");
        }
        let file: FileNeed = serde_json::from_value(Value::Object(asks))
            .map_err(|error| self.need_fault(error.to_string()))
            .ok()?;
        let need = self.one_need(&file, Some(&fields.to_vec()))?;
        let contracts: Vec<_> = need.versions.iter().collect();
        let contracts = contracts
            .into_iter()
            .filter_map(|version| self.contracts.get(&need.dataset, *version).cloned());
        for contract in contracts.collect::<Vec<_>>() {
            self.of_rows(from, &need, &contract);
        }
        Some(Options {
            need,
            value: from.value.clone(),
            label: from.label.clone(),
            filter: from.filter.clone(),
            free: from.free,
            keep_ms: from.keep_ms,
        })
    }

    /// Every pointer leads to a plain value of the dataset's rows.
    fn of_rows(&mut self, from: &OptionsFrom, need: &Need, contract: &Arc<Contract>) {
        let dataset = &contract.dataset;
        if dataset.shape != Shape::Rows {
            let fault = format!(
                "\"{}\" is a document; choices are made of rows",
                need.name()
            );
            return self.need_fault(fault);
        }
        let pointers = [("value", Some(&from.value)), ("label", from.label.as_ref())];
        let pointers = pointers
            .into_iter()
            .filter_map(|(key, pointer)| Some((key, pointer?)))
            .chain(from.filter.iter().map(|(pointer, _)| ("where", pointer)));
        for (key, pointer) in pointers {
            if !leads_to_plain(&dataset.data_schema, pointer) {
                let columns = dataset.data_schema.get("properties");
                let columns = columns.and_then(Value::as_object).into_iter();
                let known: Vec<String> = columns
                    .flat_map(Map::keys)
                    .map(|name| format!("/{name}"))
                    .collect();
                self.need_fault(format!(
                    "{key}: {pointer:?} leads to no plain value of {} v{}; known: {}",
                    dataset.id,
                    dataset.version,
                    known.join(", ")
                ));
            }
        }
    }
}

/// Whether a JSON pointer leads to a text, number or truth in what a schema describes.
fn leads_to_plain(schema: &Value, pointer: &str) -> bool {
    let Some(path) = pointer.strip_prefix('/') else {
        return false;
    };
    let mut found = schema;
    for name in path.split('/') {
        let name = name.replace("~1", "/").replace("~0", "~");
        match found.get("properties").and_then(|known| known.get(&name)) {
            Some(next) => found = next,
            None => return false,
        }
    }
    found.get("properties").is_none() && found.get("items").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_lead_to_plain_values() {
        let schema = json!({ "properties": {
            "hostname": { "type": "string" },
            "site": { "properties": { "a/b": { "type": "integer" } } },
            "tags": { "type": "array", "items": { "type": "string" } },
        }});
        let check = |pointer: &str, expected| {
            assert_eq!(leads_to_plain(&schema, pointer), expected, "{pointer}");
        };
        check("/hostname", true);
        check("/site/a~1b", true);
        for refused in [
            "hostname",
            "",
            "/",
            "/host",
            "/hostname/x",
            "/site",
            "/tags",
            "/tags/0",
        ] {
            check(refused, false);
        }
    }
}
