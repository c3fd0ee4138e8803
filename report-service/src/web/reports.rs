//! Choosing a report, filling in its form, starting it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use spokegate_contract::TenantId;
use std::sync::Arc;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::FormsUser;
use crate::forms::{Control, FormFaults};
use crate::reports::Report;
use crate::runs::{Format, NewRun, StartError, Tenant};
use crate::state::AppState;
use crate::store::audit::Decision;

/// The form's field for customers. A parameter cannot have this name: it holds a hyphen.
const TENANT_FIELD: &str = "for-tenant";
/// The form's field for the kind of file.
const FORMAT_FIELD: &str = "as-format";
/// Most customers of one run.
const TENANTS_MAX: usize = 200;

/// `/`, `/reports/{report}` and its form's target.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/", Rule::Forms, list)
        .get("/reports/{report}", Rule::Forms, form)
        .post("/reports/{report}", Rule::Forms, start)
}

#[derive(Template)]
#[template(path = "reports.html")]
struct ListPage {
    page: Page,
    reports: Vec<Arc<Report>>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct FormPage {
    page: Page,
    report: Arc<Report>,
    tenants: Vec<TenantChoice>,
    tenant_fault: String,
    controls: Vec<Control>,
    offers_pdf: bool,
    as_pdf: bool,
    faults: usize,
}

struct TenantChoice {
    id: TenantId,
    title: String,
    chosen: bool,
}

async fn list(State(state): State<AppState>, user: FormsUser) -> Result<Response, PageError> {
    let rights = user.rights(&state);
    let reports = state
        .engine
        .catalogue()
        .iter()
        .filter(|report| report.is_for(user.groups()) && rights.runs(&report.id))
        .cloned()
        .collect();
    render(&ListPage {
        page: Page::new("Reports", "reports", &user),
        reports,
    })
}

async fn form(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let report = find(&state, &user, &id)?;
    show(&state, &user, report, None, &FormFaults::default())
}

async fn start(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let report = find(&state, &user, &id)?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let (tenants, params) = match read(&report, &tenants_for(&state, &user, &report), &pairs) {
        Ok(read) => read,
        Err(faults) => {
            let page = show(&state, &user, report, Some(&pairs), &faults)?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let names: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
    let (reason, subject) = (names.join(" "), report.id.to_string());
    let order = NewRun {
        report,
        tenants,
        format: format(&pairs, state.engine.offers_pdf()),
        params,
        owner_id: user.person_id().into(),
        owner_title: user.title().into(),
    };
    let run = match state.engine.order(order).await {
        Ok(run) => run,
        Err(StartError::Full) => {
            return Err(PageError::unavailable(
                "Too many reports are waiting already.",
            ));
        }
        Err(error) => return Err(PageError::internal(&anyhow::Error::new(error))),
    };
    // The run goes on while the disk takes its record; without the record it is called off, and nobody learns of it.
    let recorded = user
        .audit(
            &state,
            "report.run",
            Decision::Allowed,
            &reason,
            &format!("{subject} {run}"),
        )
        .await;
    if let Err(error) = recorded {
        state.engine.cancel(user.person_id(), &run);
        return Err(error);
    }
    Ok((
        StatusCode::SEE_OTHER,
        [(header::LOCATION, format!("/runs/{run}"))],
    )
        .into_response())
}

fn find(state: &AppState, user: &FormsUser, id: &str) -> Result<Arc<Report>, PageError> {
    let report = id
        .parse()
        .ok()
        .and_then(|id| state.engine.catalogue().get(&id));
    let rights = user.rights(state);
    let report = report.filter(|report| report.is_for(user.groups()) && rights.runs(&report.id));
    report
        .cloned()
        .ok_or_else(|| PageError::not_found("There is no such report."))
}

/// The customers for whom a person may run that report.
fn tenants_for(state: &AppState, user: &FormsUser, report: &Report) -> Vec<Tenant> {
    let rights = user.rights(state);
    let may = |tenant: &&Tenant| rights.runs_for(&report.id, &tenant.id);
    let tenants = state.engine.tenants().iter();
    tenants.filter(may).cloned().collect()
}

/// The kind of file that was chosen; a Word document where no other is offered.
fn format(pairs: &[(String, String)], offers_pdf: bool) -> Format {
    let is_pdf = |(name, value): &(String, String)| name == FORMAT_FIELD && value == "pdf";
    if offers_pdf && pairs.iter().any(is_pdf) {
        Format::Pdf
    } else {
        Format::Word
    }
}

type Order = (Vec<TenantId>, serde_json::Map<String, serde_json::Value>);

/// Customers and parameters of a form that was sent, or what is wrong with it.
fn read(
    report: &Report,
    known: &[Tenant],
    pairs: &[(String, String)],
) -> Result<Order, FormFaults> {
    let mut faults = FormFaults::default();
    let chosen: Vec<&str> = pairs
        .iter()
        .filter(|(name, _)| name == TENANT_FIELD)
        .map(|(_, value)| value.as_str())
        .collect();
    let tenants: Vec<TenantId> = known
        .iter()
        .filter(|tenant| chosen.contains(&tenant.id.as_str()))
        .map(|tenant| tenant.id.clone())
        .collect();
    if chosen.is_empty() {
        faults.add(TENANT_FIELD, "Choose at least one customer.");
    } else if chosen
        .iter()
        .any(|chosen| !known.iter().any(|tenant| tenant.id.as_str() == *chosen))
    {
        faults.add(
            TENANT_FIELD,
            "One of these customers is not known here. Choose again.",
        );
    } else if tenants.len() > TENANTS_MAX {
        faults.add(
            TENANT_FIELD,
            format!("Choose at most {TENANTS_MAX} customers."),
        );
    }
    match report.form.read(pairs) {
        Ok(params) => match report.check_params(&params) {
            Ok(()) if faults.is_empty() => Ok((tenants, params)),
            Ok(()) => Err(faults),
            Err(sentence) => {
                faults.add("", sentence);
                Err(faults)
            }
        },
        Err(mut found) => {
            if let Some(sentence) = faults.of(TENANT_FIELD) {
                found.add(TENANT_FIELD, sentence);
            }
            Err(found)
        }
    }
}

fn show(
    state: &AppState,
    user: &FormsUser,
    report: Arc<Report>,
    pairs: Option<&[(String, String)]>,
    faults: &FormFaults,
) -> Result<Response, PageError> {
    let tenants = tenants_for(state, user, &report);
    let chosen = |tenant: &Tenant| match pairs {
        Some(pairs) => pairs
            .iter()
            .any(|(name, value)| name == TENANT_FIELD && value == tenant.id.as_str()),
        None => tenants.len() == 1,
    };
    let choice = |tenant: &Tenant| TenantChoice {
        id: tenant.id.clone(),
        title: tenant.title.clone(),
        chosen: chosen(tenant),
    };
    let page = FormPage {
        page: Page::new(report.title.clone(), "reports", user),
        tenants: tenants.iter().map(choice).collect(),
        tenant_fault: faults
            .of(TENANT_FIELD)
            .or(faults.of(""))
            .unwrap_or_default()
            .into(),
        controls: report.form.controls(pairs, faults),
        offers_pdf: state.engine.offers_pdf(),
        as_pdf: pairs.is_some_and(|pairs| format(pairs, true) == Format::Pdf),
        faults: faults.len(),
        report,
    };
    render(&page)
}
