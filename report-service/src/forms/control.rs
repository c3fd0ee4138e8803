//! What a page draws for a field; plain strings and flags, so that the page holds no logic.

use serde_json::Value;

use super::field::{Field, FieldKind};
use super::period::{OWN_DAYS, Preset};
use super::read::{FormFaults, period_text, sent};

/// A control of a form, ready to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Its name in the form and the end of its element id.
    pub name: String,
    /// What its label says.
    pub title: String,
    /// A sentence below it; may be empty.
    pub help: String,
    /// What it shows while it is empty; may be empty.
    pub placeholder: String,
    /// What is wrong with what was sent; empty when nothing is.
    pub fault: String,
    /// Whether it must be filled in.
    pub required: bool,
    /// Whether it may be left empty and then stands for nothing: not so with a default, nor with a check box.
    pub optional: bool,
    /// `text`, `area`, `number`, `check`, `select`, `date` or `period`.
    pub widget: &'static str,
    /// What it shows.
    pub value: String,
    /// Of a check box: whether it is ticked.
    pub checked: bool,
    /// Least length or value; empty for none.
    pub min: String,
    /// Greatest length or value; empty for none.
    pub max: String,
    /// Of a number: `1` or `any`.
    pub step: &'static str,
    /// Of a period: its first and last day, where they are one's own.
    pub days: [String; 2],
    /// Of a list: what can be chosen.
    pub choices: Vec<Choice>,
    /// Of a field whose choices come from data: how they stand.
    pub listing: Listing,
}

/// Choices that come from data, as a page shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Whether other values may be typed by hand.
    pub free: bool,
    /// Names of the fields that decide what there is to choose.
    pub follows: Vec<String>,
    /// What was searched for.
    pub sought: String,
    /// Whether it is loaded as soon as the page stands.
    pub at_once: bool,
    /// Whether there is nothing in it, whatever is searched for.
    pub empty: bool,
    /// Whether a part of it did not come: it can be asked for again.
    pub failed: bool,
    /// What is said of the list: what it waits for, how much of it is shown, what did not come.
    pub said: String,
}

impl Control {
    /// When the list is loaded anew, in htmx's words: when customers change or a field that it follows, when it is searched,
    /// and when it is asked for.
    pub fn reload(&self) -> String {
        let name = &self.name;
        let search = if self.listing.free { "f" } else { "seek" };
        let mut triggers = vec![
            "change from:#customers".to_owned(),
            format!("input changed delay:300ms from:#{search}-{name}"),
        ];
        if self.listing.at_once {
            triggers.push("load".to_owned());
        }
        for field in &self.listing.follows {
            triggers.push(format!("change from:#f-{field}"));
            triggers.push(format!("change from:#f-{field}-options"));
            triggers.push(format!("htmx:afterSettle from:#f-{field}-options"));
        }
        triggers.join(", ")
    }

    /// Attributes that tie the control to its help and its fault; made of the field's name only, which needs no escape.
    pub fn described(&self) -> String {
        let name = &self.name;
        let mut ids = Vec::new();
        if !self.help.is_empty() {
            ids.push(format!("f-{name}-help"));
        }
        if self.widget == "options" {
            ids.push(format!("f-{name}-said"));
        }
        if !self.fault.is_empty() {
            ids.push(format!("f-{name}-error"));
        }
        let invalid = if self.fault.is_empty() {
            ""
        } else {
            " aria-invalid=\"true\""
        };
        if ids.is_empty() {
            String::new()
        } else {
            format!("aria-describedby=\"{}\"{invalid}", ids.join(" "))
        }
    }
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// Whether it is the chosen one.
    pub selected: bool,
}

pub(super) fn control(
    field: &Field,
    pairs: Option<&[(String, String)]>,
    faults: &FormFaults,
) -> Control {
    let value = match pairs {
        Some(pairs) if field.kind == FieldKind::Period => {
            period_text(pairs, &field.name).unwrap_or_default()
        }
        Some(pairs) => sent(pairs, &field.name)
            .first()
            .copied()
            .unwrap_or_default()
            .to_string(),
        None => field.default.as_ref().map(shown).unwrap_or_default(),
    };
    let mut control = Control {
        name: field.name.clone(),
        title: field.title.clone(),
        help: field.help.clone(),
        placeholder: field.placeholder.clone(),
        fault: faults.of(&field.name).unwrap_or_default().into(),
        required: field.required,
        optional: !field.required && field.default.is_none() && field.kind != FieldKind::Boolean,
        widget: "text",
        checked: matches!(value.as_str(), "true" | "on"),
        value,
        min: String::new(),
        max: String::new(),
        step: "1",
        days: Default::default(),
        choices: Vec::new(),
        listing: Listing::default(),
    };
    dress(&mut control, &field.kind);
    if let Some(options) = &field.options {
        let search = format!("seek-{}", field.name);
        let sought = pairs.and_then(|pairs| sent(pairs, &search).first().copied());
        control.widget = "options";
        control.listing = Listing {
            free: options.free,
            follows: options.follows().into_iter().collect(),
            sought: sought.unwrap_or_default().trim().to_owned(),
            ..Listing::default()
        };
    }
    control
}

fn dress(control: &mut Control, kind: &FieldKind) {
    let bound = |bound: &Option<f64>| bound.map(|b| b.to_string()).unwrap_or_default();
    match kind {
        FieldKind::Text {
            min,
            max,
            multiline,
        } => {
            control.widget = if *multiline { "area" } else { "text" };
            control.min = if *min > 0 {
                min.to_string()
            } else {
                String::new()
            };
            control.max = max.to_string();
        }
        FieldKind::Integer { min, max } => {
            control.widget = "number";
            control.min = min.to_string();
            control.max = max.to_string();
        }
        FieldKind::Number { min, max } => {
            control.widget = "number";
            control.step = "any";
            control.min = bound(min);
            control.max = bound(max);
        }
        FieldKind::Boolean => control.widget = "check",
        FieldKind::Date => control.widget = "date",
        FieldKind::Period => dress_period(control),
        FieldKind::Choice(options) => {
            control.widget = "select";
            control.choices = options
                .iter()
                .map(|(value, label)| Choice {
                    value: value.clone(),
                    label: label.clone(),
                    selected: *value == control.value,
                })
                .collect();
        }
    }
}

fn dress_period(control: &mut Control) {
    control.widget = "period";
    if let Some((first, last)) = control.value.split_once('/') {
        control.days = [first.to_owned(), last.to_owned()];
    }
    let is_own = control.value.contains('/') || control.value == OWN_DAYS;
    let presets = Preset::ALL.map(|preset| (preset.as_str(), preset.label()));
    let own = (OWN_DAYS, "Days of your own");
    control.choices = presets
        .into_iter()
        .chain([own])
        .map(|(value, label)| Choice {
            value: value.into(),
            label: label.into(),
            selected: value == control.value || (value == OWN_DAYS && is_own),
        })
        .collect();
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
