//! What the operations about templates answer with.

use crate::api::shapes::at;
use crate::library::{Standing, Unusable};
use crate::reports::Report;
use crate::store::library::{ActivationRow, TemplateRow};
use crate::templates;
use crate::web::templates::chosen::Chosen;
use crate::web::templates::version::VALUES_MAX;
use docx_jinja::TagError;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// The reports whose templates one manages.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TemplateList {
    /// Each with the template that it has now.
    pub templates: Vec<TemplateOfReport>,
}

/// A report's template in short.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TemplateOfReport {
    /// The report's id.
    pub report: String,
    /// The report's title.
    pub title: String,
    /// The active version; 0 is the template as shipped.
    pub active: u64,
    /// How many uploaded versions there are.
    pub versions: usize,
    /// Why the report cannot be made with it; empty when it can.
    pub problem: String,
}

impl From<Vec<(Arc<Report>, Standing)>> for TemplateList {
    fn from(reports: Vec<(Arc<Report>, Standing)>) -> Self {
        let short = |(report, standing): (Arc<Report>, Standing)| TemplateOfReport {
            report: report.id.to_string(),
            title: report.title.clone(),
            active: standing.active,
            versions: standing.count(),
            problem: standing.problem,
        };
        Self {
            templates: reports.into_iter().map(short).collect(),
        }
    }
}

/// A report's template with its versions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportTemplates {
    /// The report's id.
    pub report: String,
    /// The report's title.
    pub title: String,
    /// The active version; 0 is the template as shipped.
    pub active: u64,
    /// The version that a roll-back makes active; nothing where the template as shipped is.
    pub earlier: Option<u64>,
    /// Why the report cannot be made with the active one; empty when it can.
    pub problem: String,
    /// The newest first, removed ones too, and last the template as shipped.
    pub versions: Vec<VersionShape>,
    /// What was made active, the latest first, at most 100.
    pub activations: Vec<Activation>,
}

impl ReportTemplates {
    /// How a report's template stands.
    pub(super) fn of(report: &Report, standing: Standing) -> Self {
        let earlier = standing.earlier();
        let mut versions: Vec<VersionShape> = standing
            .versions
            .into_iter()
            .map(VersionShape::from)
            .collect();
        versions.push(VersionShape::as_shipped(report));
        Self {
            report: report.id.to_string(),
            title: report.title.clone(),
            active: standing.active,
            earlier,
            problem: standing.problem,
            versions,
            activations: standing
                .activations
                .into_iter()
                .map(Activation::from)
                .collect(),
        }
    }
}

/// What is recorded of a version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TemplateVersion")]
pub struct VersionShape {
    /// Its number; 0 is the template as shipped.
    pub version: u64,
    /// What the file was called.
    pub file_name: String,
    /// What is new in it; may be empty.
    pub note: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// When it was uploaded; nothing of the template as shipped.
    pub uploaded_at: Option<String>,
    /// By whom; empty of the template as shipped.
    pub uploaded_by: String,
    /// When it was removed; nothing while it is there.
    pub removed_at: Option<String>,
    /// By whom; empty while it is there.
    pub removed_by: String,
}

impl VersionShape {
    fn as_shipped(report: &Report) -> Self {
        Self {
            version: 0,
            file_name: "template.docx".into(),
            note: String::new(),
            sha256: report.template_sha256.clone(),
            bytes: report.template.file.len() as u64,
            uploaded_at: None,
            uploaded_by: String::new(),
            removed_at: None,
            removed_by: String::new(),
        }
    }
}

impl From<TemplateRow> for VersionShape {
    fn from(row: TemplateRow) -> Self {
        Self {
            version: row.version,
            file_name: row.file_name,
            note: row.note,
            sha256: row.sha256,
            bytes: row.bytes,
            uploaded_at: at(row.uploaded_at_ms),
            uploaded_by: row.uploader_title,
            removed_at: at(row.removed_at_ms),
            removed_by: row.remover_title,
        }
    }
}

/// A version was made active.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Activation {
    /// Which one.
    pub version: u64,
    /// When.
    pub at: Option<String>,
    /// By whom.
    pub by: String,
}

impl From<ActivationRow> for Activation {
    fn from(row: ActivationRow) -> Self {
        Self {
            version: row.version,
            at: at(row.at_ms),
            by: row.person_title,
        }
    }
}

/// A version with what there is to tell of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VersionFound {
    /// The report's id.
    pub report: String,
    /// What is recorded.
    #[serde(flatten)]
    pub version: VersionShape,
    /// Whether runs take it now.
    pub active: bool,
    /// Whether it can be made active: it can be used and has no faults.
    pub fits: bool,
    /// Why its file cannot be used; empty when it can.
    pub unusable: String,
    /// What is wrong with it.
    pub faults: Vec<TemplateFault>,
    /// What to look at: values that the report may leave out.
    pub warnings: Vec<TemplateFault>,
    /// Parts of the file with tags that are not filled.
    pub unfilled: Vec<String>,
    /// Values that it reads, at most 300.
    pub values: Vec<String>,
    /// Values that the report has and it leaves out.
    pub unread: Vec<String>,
}

impl VersionFound {
    /// Of a version, beside the active one.
    pub(super) fn of(
        chosen: &Chosen,
        active: u64,
        found: Result<templates::Found, Unusable>,
    ) -> Self {
        let version = match &chosen.row {
            Some(row) => row.clone().into(),
            None => VersionShape::as_shipped(&chosen.report),
        };
        let (found, unusable) = match found {
            Ok(found) => (found, String::new()),
            Err(unusable) => (templates::Found::default(), unusable.0),
        };
        let tags = found.faults().map(TemplateFault::from);
        let others = found.untold.iter().chain(&found.filled.other);
        let faults: Vec<_> = tags
            .chain(others.map(|words| TemplateFault::in_words(words)))
            .collect();
        let values = found.inspected.variables.iter().take(VALUES_MAX);
        Self {
            report: chosen.report.id.to_string(),
            active: active == chosen.version,
            fits: unusable.is_empty() && faults.is_empty(),
            version,
            unusable,
            faults,
            warnings: found.warnings.iter().map(TemplateFault::from).collect(),
            values: values.map(|value| value.path.clone()).collect(),
            unfilled: found.inspected.unfilled,
            unread: found.unread,
        }
    }
}

/// One thing that is wrong, or worth a look.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TemplateFault {
    /// The part of the file: `document`, `header2`; nothing where it is about the whole.
    pub part: Option<String>,
    /// The paragraph's number in that part, from 1.
    pub paragraph: Option<usize>,
    /// The tag as written; may be empty.
    pub tag: String,
    /// What is wrong.
    pub what: String,
    /// The next step; may be empty.
    pub hint: String,
    /// The paragraph's text, shortened; may be empty.
    pub text: String,
}

impl TemplateFault {
    fn in_words(words: &str) -> Self {
        Self {
            part: None,
            paragraph: None,
            tag: String::new(),
            what: words.to_owned(),
            hint: String::new(),
            text: String::new(),
        }
    }
}

impl From<&TagError> for TemplateFault {
    fn from(fault: &TagError) -> Self {
        Self {
            part: Some(fault.part.clone()),
            paragraph: fault.paragraph,
            tag: fault.tag.clone(),
            what: fault.message.clone(),
            hint: fault.hint.clone().unwrap_or_default(),
            text: fault.text.clone(),
        }
    }
}
