//! A report's parameter that is a dataset's: the schema refers to it, and the dataset says how it is shown.

use serde_json::{Map, Value};
use spokegate_contract::dataset::SCHEMA_BASE;

use super::load::Loader;

impl Loader<'_> {
    /// Puts a dataset's parameter in the place of each `$ref` to one, and says how the datasets show them.
    pub(super) fn borrowed(&mut self, schema: &mut Value) -> Value {
        let mut shown = Map::new();
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            let Some(uri) = property.get("$ref").and_then(Value::as_str) else {
                continue;
            };
            let Some((found, ui)) = self.parameter(uri) else {
                let what = format!(
                    "/properties/{name}/$ref: {uri:?} is no dataset's parameter; hint: \"{SCHEMA_BASE}<dataset>/v<N>/params.json#/properties/<name>\""
                );
                self.fault("params.schema.json", what);
                continue;
            };
            let own = property.as_object().cloned().unwrap_or_default();
            let mut whole = found;
            whole.extend(own.into_iter().filter(|(key, _)| key != "$ref"));
            *property = Value::Object(whole);
            shown.extend(ui.map(|ui| (name.clone(), ui)));
        }
        Value::Object(shown)
    }

    /// A parameter's schema, and how its dataset shows it.
    fn parameter(&self, uri: &str) -> Option<(Map<String, Value>, Option<Value>)> {
        let (file, name) = uri
            .strip_prefix(SCHEMA_BASE)?
            .split_once("/params.json#/properties/")?;
        let (id, version) = file.split_once("/v")?;
        let contract = self
            .contracts
            .get(&id.parse().ok()?, version.parse().ok()?)?;
        let dataset = &contract.dataset;
        let properties = dataset.params_schema.get("properties")?;
        let mut found = properties.get(name)?.as_object()?.clone();
        found.shift_remove("x-sensitivity");
        let ui = dataset.params_ui.as_ref().and_then(|ui| ui.get(name));
        Some((found, ui.cloned()))
    }
}
