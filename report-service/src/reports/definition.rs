//! What a report is.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use spokegate_contract::{DatasetId, ReportId, Validator};

use crate::forms::{Days, Field, FieldKind, Form, Period};
use crate::render::Template;
use crate::sources::SourceId;

/// A report that can be started.
#[derive(Debug)]
pub struct Report {
    /// The folder's name.
    pub id: ReportId,
    /// What people call it.
    pub title: String,
    /// What it is for, in a sentence or two.
    pub description: String,
    /// What its documents are called: `{title}`, `{tenants}` and `{date}` are filled in.
    pub file_name: String,
    /// Directory groups that may start it; empty for everybody with the forms role.
    pub groups: Vec<String>,
    /// Whether its documents are drafts until somebody releases them.
    pub review: bool,
    /// Days that its runs are kept; 0: as long as all.
    pub keep_days: u32,
    /// The data that goes into it.
    pub needs: Vec<Need>,
    /// What a person fills in.
    pub form: Form,
    /// What the fields that are filled from data ask for, by their names.
    pub options: BTreeMap<String, Options>,
    /// The whole of the parameter schema, for what the form's own checks leave open.
    pub(super) params: Validator,
    /// The template with its pictures, checked.
    pub template: Template,
    /// SHA-256 in hexadecimal of the template, and of its pictures where it has any ([`Template::sha256`]).
    pub template_sha256: String,
    /// The values of its `sample.json`.
    pub sample: Value,
}

/// A dataset that goes into a report, once per customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// Which.
    pub dataset: DatasetId,
    /// The versions of its contract that will do, the newest first; a satellite is asked for the first that it has.
    pub versions: Vec<u16>,
    /// What people call it.
    pub title: String,
    /// The central source that supplies it, where it is not the customer's segment.
    pub source: Option<SourceId>,
    /// Its name in the template: the dataset's or the source's with underscores.
    pub key: String,
    /// Whether the report fails without it.
    pub required: bool,
    /// Pushes at most this old are used instead of a pull.
    pub max_age_ms: Option<u64>,
    /// Where it cannot be had: what came before may stand in, when it is at most this old.
    pub older_ms: Option<u64>,
    /// Whether it can be asked for.
    pub pull: bool,
    /// How long a pull may take.
    pub timeout_ms: u64,
    /// Parameters of the pull.
    pub params: Vec<(String, ParamSource)>,
}

/// The choices of a field that come from data.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What is asked for, once per customer.
    pub need: Need,
    /// JSON pointer to the value within a row.
    pub value: String,
    /// JSON pointer to what people read; the value where there is none.
    pub label: Option<String>,
    /// Rows that count: the value at the pointer is that of the field, where that is filled in.
    pub filter: Vec<(String, String)>,
    /// Whether other values may be typed by hand.
    pub free: bool,
    /// How long a list is kept, in milliseconds.
    pub keep_ms: u64,
}

/// Where a pull's parameter comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamSource {
    /// Always this.
    Fixed(Value),
    /// What the form's field of this name holds; left out when the field is empty.
    Field(String),
    /// The first day of the period in the field of this name.
    FirstDay(String),
    /// The last day of it.
    LastDay(String),
}

impl Report {
    /// Whether a person of these groups may start it.
    pub fn is_for(&self, groups: &[String]) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group))
    }

    /// Every parameter for the template: what was left empty has its default, or is none.
    pub fn shown_params(&self, filled: &Map<String, Value>) -> Map<String, Value> {
        let value = |field: &Field| {
            let filled = filled.get(&field.name).or(field.default.as_ref());
            match (&field.kind, filled) {
                (FieldKind::Period, Some(value)) => days(value).map(|days| days.shown()),
                (_, value) => value.cloned(),
            }
            .unwrap_or(Value::Null)
        };
        self.form
            .fields()
            .iter()
            .map(|field| (field.name.clone(), value(field)))
            .collect()
    }

    /// The parameters with the days that each period means on this day; one that was left empty has its default.
    #[must_use]
    pub fn settled(
        &self,
        filled: Map<String, Value>,
        today: jiff::civil::Date,
    ) -> Map<String, Value> {
        let mut settled = filled;
        for field in self.periods() {
            let chosen = settled.get(&field.name).or(field.default.as_ref());
            let period = chosen.and_then(Value::as_str).map(Period::read);
            if let Some(Ok(period)) = period {
                settled.insert(field.name.clone(), period.on(today).value().into());
            }
        }
        settled
    }

    /// The days of the first period, once they are settled.
    #[must_use]
    pub fn days(&self, settled: &Map<String, Value>) -> Option<Days> {
        let field = self.periods().next()?;
        settled.get(&field.name).and_then(days)
    }

    fn periods(&self) -> impl Iterator<Item = &Field> {
        let fields = self.form.fields().iter();
        fields.filter(|field| field.kind == FieldKind::Period)
    }

    /// Checks parameters against the whole schema.
    ///
    /// # Errors
    /// A sentence naming the place.
    pub fn check_params(&self, params: &Map<String, Value>) -> Result<(), String> {
        let checked = self.params.check(&Value::Object(params.clone()));
        checked.map_err(|violation| format!("The report does not take this: {violation}."))
    }
}

impl Need {
    /// The source, or else the dataset, as records name it.
    #[must_use]
    pub fn name(&self) -> &str {
        let source = self.source.as_ref().map(SourceId::as_str);
        source.unwrap_or(self.dataset.as_str())
    }

    /// What happens when its data does not come, for whoever orders the report.
    #[must_use]
    pub fn policy(&self, keeps_older: bool) -> String {
        let without = if self.required {
            "there is no document"
        } else {
            "the document is made without it and says so"
        };
        let fresh = match self.max_age_ms {
            Some(max_age_ms) if self.pull => {
                format!(
                    "What was sent within {} will do, else it is asked for. ",
                    span(max_age_ms)
                )
            }
            Some(max_age_ms) => format!("What was sent within {} will do. ", span(max_age_ms)),
            None => String::new(),
        };
        match self.older_ms {
            Some(older_ms) if keeps_older || self.max_age_ms.is_some() => format!(
                "{fresh}If it cannot be had, data that is at most {} old stands in, with its date; without such data {without}.",
                span(older_ms)
            ),
            _ => format!("{fresh}If it cannot be had, {without}."),
        }
    }

    /// The pull's parameters for what a person filled in.
    pub fn params(&self, filled: &Map<String, Value>) -> Map<String, Value> {
        let value = |source: &ParamSource| match source {
            ParamSource::Fixed(value) => Some(value.clone()),
            ParamSource::Field(field) => filled.get(field).cloned(),
            ParamSource::FirstDay(field) => Some(days(filled.get(field)?)?.first().into()),
            ParamSource::LastDay(field) => Some(days(filled.get(field)?)?.last().into()),
        };
        self.params
            .iter()
            .filter_map(|(name, source)| Some((name.clone(), value(source)?)))
            .collect()
    }
}

/// `2 hours`, `7 days`: rounded up to what people count in.
fn span(ms: u64) -> String {
    let (count, unit) = match ms.div_ceil(60_000) {
        minutes if minutes < 120 => (minutes, "minute"),
        minutes if minutes < 48 * 60 => (minutes.div_ceil(60), "hour"),
        minutes => (minutes.div_ceil(24 * 60), "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The days of a settled period.
fn days(value: &Value) -> Option<Days> {
    value.as_str().and_then(Days::stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need() -> Need {
        Need {
            dataset: "devices".parse().unwrap(),
            versions: vec![1],
            title: "Devices".into(),
            source: None,
            key: "devices".into(),
            required: true,
            max_age_ms: None,
            older_ms: None,
            pull: true,
            timeout_ms: 1_000,
            params: Vec::new(),
        }
    }

    #[test]
    fn what_happens_without_data_is_said_before() {
        let check = |need: Need, keeps: bool, expected: &str| {
            assert_eq!(need.policy(keeps), expected);
        };
        let none = "If it cannot be had, there is no document.";
        check(need(), true, none);
        let optional = Need {
            required: false,
            max_age_ms: Some(86_400_000),
            ..need()
        };
        check(
            optional,
            true,
            "What was sent within 24 hours will do, else it is asked for. If it cannot be had, the document is made without it and says so.",
        );
        let older = Need {
            older_ms: Some(7 * 86_400_000),
            ..need()
        };
        check(
            older.clone(),
            true,
            "If it cannot be had, data that is at most 7 days old stands in, with its date; without such data there is no document.",
        );
        check(older, false, none);
        for (ms, expected) in [
            (60_000, "1 minute"),
            (5_400_000, "90 minutes"),
            (7_200_000, "2 hours"),
            (172_800_000, "2 days"),
        ] {
            assert_eq!(span(ms), expected);
        }
    }
}
