//! Reports: the list, and what one of them takes.

pub mod options;

use super::endpoint::{Call, Found, Nothing, Operation, add};
use super::problem::Problem;
use super::shapes::TenantShape;
use crate::auth::scope::Scope;
use crate::forms::{Field, FieldKind};
use crate::reports::Report;
use crate::web::Routes;
use crate::web::reports::{find, listed, tenants_for};
use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// `/reports` and what is below it.
pub(super) fn routes(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, "/api/v1/reports"),
        Operation {
            id: "listReports",
            summary: "List the reports that can be run",
            details: "",
            scope: Scope::ReportsRead,
        },
        list,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/reports/{report}"),
        Operation {
            id: "getReport",
            summary: "See what a report takes: customers, inputs and kinds of file",
            details: "`parameters` is a JSON Schema of the inputs that `orderRun` takes. An input whose choices come from a customer's data has `x-spokegate-options`: the address of `listOptions` for it.",
            scope: Scope::ReportsRead,
        },
        show,
    );
    options::routes(routes)
}

/// The reports that can be run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportList {
    /// All of them.
    pub reports: Vec<ReportLine>,
}

/// A report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportLine {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub description: String,
}

/// A report with what it takes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Report")]
pub struct ReportShape {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// The customers for whom it can be run.
    pub tenants: Vec<TenantShape>,
    /// A JSON Schema of its inputs.
    pub parameters: Map<String, Value>,
    /// Kinds of file: `docx`, and where they are offered `pdf` and `both`.
    pub formats: Vec<String>,
    /// Whether its documents are drafts until somebody releases them.
    pub review: bool,
    /// The datasets that go into it.
    pub needs: Vec<ReportNeed>,
}

/// A dataset that goes into a report.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportNeed {
    /// Which dataset.
    pub dataset: String,
    /// What people call it.
    pub title: String,
    /// Its name in the report, and in the addresses of a run's data.
    pub part: String,
    /// Whether the report fails without it.
    pub required: bool,
}

async fn list(call: Call, _: Nothing) -> Result<Found<ReportList>, Problem> {
    let line = |report: &std::sync::Arc<Report>| ReportLine {
        id: report.id.to_string(),
        title: report.title.clone(),
        description: report.description.clone(),
    };
    let reports = listed(&call.state, &call.user).map(line).collect();
    Ok(Found(ReportList { reports }))
}

async fn show(call: Call, _: Nothing) -> Result<Found<ReportShape>, Problem> {
    let report = find(&call.state, &call.user, call.param("report"))?;
    let tenants = tenants_for(&call.state, &call.user, &report);
    let tenant = |tenant: crate::runs::Tenant| TenantShape {
        id: tenant.id.to_string(),
        title: tenant.title,
    };
    let formats: &[&str] = if call.state.engine.offers_pdf() {
        &["docx", "pdf", "both"]
    } else {
        &["docx"]
    };
    let need = |need: &crate::reports::Need| ReportNeed {
        dataset: need.dataset.to_string(),
        title: need.title.clone(),
        part: need.key.clone(),
        required: need.required,
    };
    Ok(Found(ReportShape {
        id: report.id.to_string(),
        title: report.title.clone(),
        description: report.description.clone(),
        tenants: tenants.into_iter().map(tenant).collect(),
        parameters: schema(&report),
        formats: formats.iter().map(|word| (*word).to_owned()).collect(),
        review: report.review,
        needs: report.needs.iter().map(need).collect(),
    }))
}

/// A JSON Schema of a report's inputs.
fn schema(report: &Report) -> Map<String, Value> {
    let fields = report.form.fields();
    let required = fields.iter().filter(|field| field.required);
    let required: Vec<&str> = required.map(|field| field.name.as_str()).collect();
    let properties = fields
        .iter()
        .map(|field| (field.name.clone(), marked(report, field)));
    let properties: Map<String, Value> = properties.collect();
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    schema.as_object().cloned().unwrap_or_default()
}

/// A field's schema, with where its choices are when they come from data.
fn marked(report: &Report, field: &Field) -> Value {
    let mut property = property(field);
    if report.options.contains_key(&field.name) {
        let href = format!(
            "{}/reports/{}/options/{}",
            super::ROOT,
            report.id,
            field.name
        );
        property["x-spokegate-options"] = href.into();
    }
    property
}

fn property(field: &Field) -> Value {
    let mut property = match &field.kind {
        FieldKind::Text { min, max, .. } => {
            json!({ "type": "string", "minLength": min, "maxLength": max })
        }
        FieldKind::Integer { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        FieldKind::Number { min, max } => {
            let mut number = json!({ "type": "number" });
            if let Some(min) = min {
                number["minimum"] = json!(min);
            }
            if let Some(max) = max {
                number["maximum"] = json!(max);
            }
            number
        }
        FieldKind::Boolean => json!({ "type": "boolean" }),
        FieldKind::Choice(options) => {
            let values: Vec<&str> = options.iter().map(|(value, _)| value.as_str()).collect();
            json!({ "type": "string", "enum": values })
        }
        FieldKind::Date => json!({ "type": "string", "format": "date" }),
        FieldKind::Period => json!({
            "type": "string",
            "description": "A word such as last-month, or two days: 2026-01-01/2026-01-31.",
        }),
    };
    property["title"] = field.title.clone().into();
    if !field.help.is_empty() {
        property["description"] = field.help.clone().into();
    }
    if let Some(default) = &field.default {
        property["default"] = default.clone();
    }
    property
}
