//! `params.ui.json`: how a form shows its fields. It changes no rule, so a form reads the same values with or without.

use serde_json::{Map, Value};

use super::field::{Field, FieldKind};

/// The fields as `ui` has them, or every fault of it.
pub(super) fn dress(mut fields: Vec<Field>, ui: &Value) -> Result<Vec<Field>, Vec<String>> {
    let Value::Object(entries) = ui else {
        return Err(vec!["must be a JSON object".into()]);
    };
    let mut faults = Vec::new();
    for (name, entry) in entries.iter().filter(|(name, _)| *name != "ui:order") {
        let known = fields.iter_mut().find(|field| field.name == *name);
        match (known, entry.as_object()) {
            (Some(field), Some(entry)) => dress_field(field, entry, &mut faults),
            (Some(_), None) => faults.push(format!("/{name}: must be a JSON object")),
            (None, _) => faults.push(format!("/{name}: is no field of this form")),
        }
    }
    if let Some(order) = entries.get("ui:order") {
        arrange(&mut fields, order, &mut faults);
    }
    if faults.is_empty() {
        Ok(fields)
    } else {
        Err(faults)
    }
}

fn dress_field(field: &mut Field, entry: &Map<String, Value>, faults: &mut Vec<String>) {
    let name = field.name.clone();
    for (key, value) in entry {
        let at = format!("/{name}/{key}");
        match (key.as_str(), value) {
            ("ui:title", Value::String(text)) => field.title.clone_from(text),
            ("ui:help", Value::String(text)) => field.help.clone_from(text),
            ("ui:placeholder", Value::String(text)) => field.placeholder.clone_from(text),
            ("ui:widget", Value::String(widget)) => {
                if let Err(fitting) = choose(&mut field.kind, widget) {
                    faults.push(format!("{at}: {widget:?} does not fit, this field takes {fitting}"));
                }
            }
            ("ui:options", Value::Object(options)) => label(&mut field.kind, options, &at, faults),
            _ => faults.push(format!(
                "{at}: not understood here; known: ui:title, ui:help, ui:placeholder, ui:widget, ui:options"
            )),
        }
    }
}

/// Only a text has a choice of controls; for all others the name has to be the right one.
fn choose(kind: &mut FieldKind, widget: &str) -> Result<(), &'static str> {
    let fitting = match kind {
        FieldKind::Text { multiline, .. } => {
            if matches!(widget, "text" | "textarea") {
                *multiline = widget == "textarea";
                return Ok(());
            }
            "text or textarea"
        }
        FieldKind::Integer { .. } | FieldKind::Number { .. } => "updown",
        FieldKind::Boolean => "checkbox",
        FieldKind::Choice(_) => "select",
        FieldKind::Date => "date",
        FieldKind::Period => "period",
    };
    if widget == fitting {
        Ok(())
    } else {
        Err(fitting)
    }
}

fn label(kind: &mut FieldKind, options: &Map<String, Value>, at: &str, faults: &mut Vec<String>) {
    let labels: Option<Vec<&str>> = options
        .get("enumNames")
        .and_then(Value::as_array)
        .filter(|_| options.len() == 1)
        .and_then(|labels| labels.iter().map(Value::as_str).collect());
    match (kind, labels) {
        (FieldKind::Choice(choices), Some(labels)) if choices.len() == labels.len() => {
            for ((_, shown), label) in choices.iter_mut().zip(labels) {
                label.clone_into(shown);
            }
        }
        _ => faults.push(format!(
            "{at}: must be {{\"enumNames\": […]}} with a text for each value of enum"
        )),
    }
}

/// Fields that the order names stand where it names them; `*` stands for all others.
fn arrange(fields: &mut [Field], order: &Value, faults: &mut Vec<String>) {
    let names: Vec<&str> = order
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for name in &names {
        if *name != "*" && !fields.iter().any(|field| field.name == **name) {
            faults.push(format!("/ui:order: {name:?} is no field of this form"));
        }
    }
    let place = |field: &Field| names.iter().position(|name| *name == field.name);
    let rest = names.iter().position(|name| *name == "*");
    if let Some(left_out) = fields.iter().find(|field| place(field).or(rest).is_none()) {
        let name = &left_out.name;
        faults.push(format!(
            "/ui:order: leaves out {name:?}; \"*\" stands for all others"
        ));
    }
    fields.sort_by_key(|field| place(field).or(rest));
}
