//! The MSP's own systems: which there are, how they answered last, and a try that shows first rows and the contract's verdict.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::admin_datasets::HIDDEN;
use super::errors::PageError;
use super::layout::{Page, render};
use super::params::{self, shown};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::sources::{Asked, SourceId, SourceInfo};
use crate::state::AppState;
use crate::store::audit::Decision;

/// Rows that a try shows.
const ROWS_SHOWN: usize = 20;
/// How long a try may take.
const TRY_MS: u64 = 30_000;

/// `/sources` and the try.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/sources", Rule::Admin, show)
        .page("/sources/{id}", Rule::Admin, one)
        .post("/sources/{id}/try", Rule::Admin, attempt)
}

#[derive(Template)]
#[template(path = "admin_sources.html")]
struct SourcesPage {
    page: Page,
    rows: Vec<Row>,
    folder: String,
}

/// One source as the pages show it.
struct Row {
    info: SourceInfo,
    last: String,
    fault: String,
    reports: String,
}

#[derive(Template)]
#[template(path = "admin_source.html")]
struct SourcePage {
    page: Page,
    row: Row,
    params: Vec<(String, String)>,
    tenants: Vec<(String, String)>,
    tried: Option<Tried>,
}

/// What a try brought.
struct Tried {
    /// Empty when the contract holds.
    fault: String,
    /// The values may be of people and stay hidden.
    personal: bool,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let sources = state.engine.sources().list();
    render(&SourcesPage {
        page: Page::new("Sources", "sources", &user),
        rows: sources.into_iter().map(|info| row(&state, info)).collect(),
        folder: state.config.sources.display().to_string(),
    })
}

async fn one(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let info = known(&state, &id)?;
    render(&page(&state, &user, info, None))
}

#[derive(Deserialize)]
struct TryForm {
    tenant: String,
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, String>,
}

async fn attempt(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
    Form(form): Form<TryForm>,
) -> Result<Response, PageError> {
    let info = known(&state, &id)?;
    let mut tenants = state.engine.tenants().iter();
    let tenant = tenants.find(|tenant| tenant.id.as_str() == form.tenant);
    let tenant = tenant.ok_or_else(|| PageError::bad_request("Choose one of the customers."))?;
    let subject = format!("{} for {}", info.id, tenant.id);
    user.audit(&state, "source.try", Decision::Allowed, "admin", &subject)
        .await?;
    let asked = Asked {
        tenant: tenant.id.clone(),
        tenant_title: tenant.title.clone(),
        params: params(&state, &info, &form)?,
        time_ms: TRY_MS,
    };
    let tried = tried(&state, &info, asked).await;
    render(&page(&state, &user, info, Some(tried)))
}

/// Parameters as typed.
fn params(
    state: &AppState,
    info: &SourceInfo,
    form: &TryForm,
) -> Result<Map<String, Value>, PageError> {
    match state.engine.contracts().get(&info.dataset, info.version) {
        Some(contract) => params::typed(contract, &form.rest),
        None => Ok(Map::new()),
    }
}

/// The first chunk, judged as a run judges it; the rest is not asked for.
async fn tried(state: &AppState, info: &SourceInfo, asked: Asked) -> Tried {
    let contract = state
        .engine
        .contracts()
        .of_tenant(&asked.tenant, &info.dataset, info.version);
    let mut chunks = state.engine.sources().fetch(&info.id, asked.clone());
    let mut tried = Tried {
        fault: String::new(),
        personal: contract.is_none_or(|contract| contract.dataset.personal_data),
        columns: Vec::new(),
        rows: Vec::new(),
    };
    match chunks.recv().await {
        Some(Ok(chunk)) => {
            if let Some(Err(fault)) = contract.map(|contract| contract.rows(&chunk)) {
                tried.fault = format!("The rows break the contract: {fault}");
            }
            let rows: Vec<Map<String, Value>> = serde_json::from_slice(&chunk).unwrap_or_default();
            for name in rows.iter().take(ROWS_SHOWN).flat_map(Map::keys) {
                if !tried.columns.contains(name) {
                    tried.columns.push(name.clone());
                }
            }
            let cell = |value: &Value| match tried.personal {
                true => HIDDEN.to_owned(),
                false => shown(value),
            };
            let cells = |row: &Map<String, Value>| {
                let cell = |name: &String| row.get(name).map(cell).unwrap_or_default();
                tried.columns.iter().map(cell).collect()
            };
            tried.rows = rows.iter().take(ROWS_SHOWN).map(cells).collect();
        }
        Some(Err(failure)) => {
            let class = failure.class.as_str();
            tried.fault = format!("It failed ({class}): {}", failure.detail);
        }
        None => tried.fault = "It gave no answer.".into(),
    }
    tried
}

fn known(state: &AppState, id: &str) -> Result<SourceInfo, PageError> {
    let id = id.parse::<SourceId>().ok();
    let info = id.and_then(|id| state.engine.sources().get(&id));
    info.ok_or_else(|| PageError::not_found("There is no such source."))
}

fn row(state: &AppState, info: SourceInfo) -> Row {
    let last = state.engine.sources().last(&info.id);
    let uses = |report: &&std::sync::Arc<crate::reports::Report>| {
        report
            .needs
            .iter()
            .any(|need| need.source.as_ref() == Some(&info.id))
    };
    let reports = state.engine.catalogue().iter().filter(uses);
    let reports: Vec<&str> = reports.map(|report| report.title.as_str()).collect();
    Row {
        last: last
            .as_ref()
            .map_or_else(String::new, |last| crate::text::when(last.at_ms)),
        fault: last.map(|last| last.fault).unwrap_or_default(),
        reports: reports.join(", "),
        info,
    }
}

fn page(state: &AppState, user: &AdminUser, info: SourceInfo, tried: Option<Tried>) -> SourcePage {
    let contract = state.engine.contracts().get(&info.dataset, info.version);
    let tenants = state.engine.tenants().iter();
    SourcePage {
        page: Page::new(info.title.clone(), "sources", user),
        params: contract.map_or_else(Vec::new, |contract| params::fields(contract)),
        tenants: tenants
            .map(|tenant| (tenant.id.to_string(), tenant.title.clone()))
            .collect(),
        row: row(state, info),
        tried,
    }
}

#[cfg(test)]
mod tests;
