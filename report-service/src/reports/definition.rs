//! What a report is.

use serde_json::{Map, Value};
use spokegate_contract::{DatasetId, ReportId, Validator};

use crate::forms::{Field, Form};
use crate::render::Template;

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
    /// The data that goes into it.
    pub needs: Vec<Need>,
    /// What a person fills in.
    pub form: Form,
    /// The whole of the parameter schema, for what the form's own checks leave open.
    pub(super) params: Validator,
    /// The template with its pictures, checked.
    pub template: Template,
    /// SHA-256 of the template in hexadecimal.
    pub template_sha256: String,
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
    /// Its name in the template: the dataset's with underscores.
    pub key: String,
    /// Whether the report fails without it.
    pub required: bool,
    /// Pushes at most this old are used instead of a pull.
    pub max_age_ms: Option<u64>,
    /// Whether it can be asked for.
    pub pull: bool,
    /// How long a pull may take.
    pub timeout_ms: u64,
    /// Parameters of the pull.
    pub params: Vec<(String, ParamSource)>,
}

/// Where a pull's parameter comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamSource {
    /// Always this.
    Fixed(Value),
    /// What the form's field of this name holds; left out when the field is empty.
    Field(String),
}

impl Report {
    /// Whether a person of these groups may start it.
    pub fn is_for(&self, groups: &[String]) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group))
    }

    /// Every parameter for the template: what was left empty has its default, or is none.
    pub fn shown_params(&self, filled: &Map<String, Value>) -> Map<String, Value> {
        let value = |field: &Field| match filled.get(&field.name) {
            Some(value) => value.clone(),
            None => field.default.clone().unwrap_or(Value::Null),
        };
        self.form
            .fields()
            .iter()
            .map(|field| (field.name.clone(), value(field)))
            .collect()
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
    /// The pull's parameters for what a person filled in.
    pub fn params(&self, filled: &Map<String, Value>) -> Map<String, Value> {
        let value = |source: &ParamSource| match source {
            ParamSource::Fixed(value) => Some(value.clone()),
            ParamSource::Field(field) => filled.get(field).cloned(),
        };
        self.params
            .iter()
            .filter_map(|(name, source)| Some((name.clone(), value(source)?)))
            .collect()
    }
}
