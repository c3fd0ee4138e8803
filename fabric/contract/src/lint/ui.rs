//! `params.ui.json` against the parameters that it dresses.

use serde_json::{Map, Value};

use super::schema::{properties, types};
use super::{Faults, Rule};

pub(super) fn check(ui: &Value, params: &Value, faults: &mut Faults) {
    let Value::Object(entries) = ui else {
        faults.add("", Rule::Ui, "must be an object");
        return;
    };
    let known: Vec<&str> = properties(params).map(|(name, _)| name.as_str()).collect();
    let stranger = |name: &str| format!("{name:?} is no parameter; known: {}", known.join(", "));
    for (name, entry) in entries {
        if name == "ui:order" {
            order(entry, &known, faults);
            continue;
        }
        let property = properties(params).find(|(known, _)| *known == name);
        match (property.and_then(|(_, schema)| schema.as_object()), entry) {
            (Some(schema), Value::Object(entry)) => field(name, entry, schema, faults),
            (Some(_), _) => faults.add(&format!("/{name}"), Rule::Ui, "must be an object"),
            (None, _) => faults.add(&format!("/{name}"), Rule::Ui, stranger(name)),
        }
    }
}

fn order(order: &Value, known: &[&str], faults: &mut Faults) {
    let names: Vec<&str> = order
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for name in names
        .iter()
        .filter(|name| **name != "*" && !known.contains(name))
    {
        let what = format!("{name:?} is no parameter; known: {}", known.join(", "));
        faults.add("/ui:order", Rule::Ui, what);
    }
    if !names.contains(&"*")
        && let Some(left_out) = known.iter().find(|name| !names.contains(name))
    {
        let what = format!("leaves {left_out:?} out; hint: name it, or \"*\" for all others");
        faults.add("/ui:order", Rule::Ui, what);
    }
}

fn field(name: &str, entry: &Map<String, Value>, schema: &Map<String, Value>, faults: &mut Faults) {
    let listed = schema.get("enum").and_then(Value::as_array).map(Vec::len);
    let kind = types(schema).first().copied().unwrap_or_default();
    let is_date = schema.get("format").and_then(Value::as_str) == Some("date");
    let fitting: &[&str] = match (kind, listed) {
        ("string", Some(_)) => &["select"],
        ("string", None) if is_date => &["date"],
        ("string", None) => &["text", "textarea"],
        ("integer" | "number", _) => &["updown"],
        ("boolean", _) => &["checkbox"],
        _ => &[],
    };
    if let Some(widget) = entry.get("ui:widget").and_then(Value::as_str)
        && !fitting.contains(&widget)
    {
        let what = format!(
            "{widget:?} does not fit; this parameter takes {}",
            fitting.join(" or ")
        );
        faults.add(&format!("/{name}/ui:widget"), Rule::Ui, what);
    }
    let labels = entry
        .get("ui:options")
        .and_then(|options| options.get("enumNames")?.as_array())
        .map(Vec::len);
    if let Some(labels) = labels
        && Some(labels) != listed
    {
        let what = format!("has {labels} labels for {} values", listed.unwrap_or(0));
        faults.add(&format!("/{name}/ui:options/enumNames"), Rule::Ui, what);
    }
}
