//! Choosing a report, filling in its form, starting it.

pub(crate) mod picker;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use spokegate_contract::TenantId;
use std::sync::Arc;

use picker::{Picker, TENANT_FIELD, chosen, one};

use super::errors::PageError;
use super::layout::{Page, render};
use super::options;
use super::routes::{Routes, Rule};
use super::session::{FormsUser, SignedIn};
use crate::forms::{Control, FormFaults};
use crate::reports::Report;
use crate::runs::{BatchId, Formats, NewBatch, NewRun, Origin, RunId, StartError, Tenant};
use crate::state::AppState;
use crate::store::audit::Decision;

/// The form's field for what is wanted of it, when it is not a run.
const ACT_FIELD: &str = "act";
/// The form's field for the kind of file.
const FORMAT_FIELD: &str = "as-format";
/// The form's field for one document or one for each customer.
const MANY_FIELD: &str = "as-many";
/// The form's field for a review before the document goes out.
const REVIEW_FIELD: &str = "held-back";
/// Most customers of one document.
pub(crate) const TENANTS_MAX: usize = 200;
/// Most customers of one batch.
pub(crate) const BATCH_MAX: usize = 2_000;

/// `/`, `/reports/{report}` and its form's target.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/", Rule::Forms, list)
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
    picker: Picker,
    controls: Vec<Control>,
    offers_pdf: bool,
    format: String,
    each: bool,
    held: bool,
    /// Each need with what happens when it does not come.
    policies: Vec<(String, String)>,
    fault: String,
    faults: usize,
}

async fn list(State(state): State<AppState>, user: FormsUser) -> Result<Response, PageError> {
    let reports = listed(&state, &user).cloned().collect();
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
    show(&state, &user, report, None, &FormFaults::default()).await
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
    if one(&pairs, ACT_FIELD).is_some() {
        return show(&state, &user, report, Some(&pairs), &FormFaults::default()).await;
    }
    let read = match read(&report, &tenants_for(&state, &user, &report), &pairs) {
        Ok((tenants, params)) => {
            let faults = options::check((&state, &user), &report, &tenants, &params).await;
            if faults.is_empty() {
                Ok((tenants, params))
            } else {
                Err(faults)
            }
        }
        Err(faults) => Err(faults),
    };
    let (tenants, params) = match read {
        Ok(read) => read,
        Err(faults) => {
            let page = show(&state, &user, report, Some(&pairs), &faults).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let order = NewRun {
        report,
        tenants,
        formats: formats(&pairs, state.engine.offers_pdf()),
        params,
        owner_id: user.person_id().into(),
        owner_title: user.title().into(),
        origin: Origin::default(),
        review: one(&pairs, REVIEW_FIELD) == Some("yes"),
    };
    let each = one(&pairs, MANY_FIELD) == Some("each");
    let started = self::order(&state, &user, order, each).await?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, started.place())]).into_response())
}

/// Starts a run, or a batch when each of several customers gets a document, and records who did.
///
/// # Errors
/// When too many wait, or it cannot be recorded: then nothing goes on.
pub(crate) async fn order(
    state: &AppState,
    user: &SignedIn,
    order: NewRun,
    each: bool,
) -> Result<Started, PageError> {
    let names: Vec<&str> = order.tenants.iter().map(TenantId::as_str).collect();
    let (reason, subject) = (names.join(" "), order.report.id.to_string());
    let started = if each && order.tenants.len() > 1 {
        let batch = state.engine.order_batch(NewBatch::from(order)).await;
        batch.map(Started::Batch)
    } else {
        state.engine.order(order).await.map(Started::Run)
    };
    let started = started.map_err(refused)?;
    // The work goes on while the disk takes its record; without the record it is called off, and nobody learns of it.
    let subject = format!("{subject} {started}");
    let recorded = user
        .audit(state, started.act(), Decision::Allowed, &reason, &subject)
        .await;
    if let Err(error) = recorded {
        started.cancel(state, user).await?;
        return Err(error);
    }
    Ok(started)
}

pub(crate) fn refused(error: StartError) -> PageError {
    match error {
        StartError::Full => PageError::full(),
        error => PageError::internal(&anyhow::Error::new(error)),
    }
}

/// What an order started.
pub(crate) enum Started {
    /// One document.
    Run(RunId),
    /// One for each customer.
    Batch(BatchId),
}

impl std::fmt::Display for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(id) => id.fmt(f),
            Self::Batch(id) => id.fmt(f),
        }
    }
}

impl Started {
    fn act(&self) -> &'static str {
        match self {
            Self::Run(_) => "report.run",
            Self::Batch(_) => "report.batch",
        }
    }

    fn place(&self) -> String {
        match self {
            Self::Run(id) => format!("/runs/{id}"),
            Self::Batch(id) => format!("/batches/{id}"),
        }
    }

    async fn cancel(&self, state: &AppState, user: &SignedIn) -> Result<(), PageError> {
        match self {
            Self::Run(id) => drop(state.engine.cancel(user.person_id(), id)),
            Self::Batch(id) => state.engine.cancel_batch(user.person_id(), id).await?,
        }
        Ok(())
    }
}

/// The reports that a person may run.
pub(crate) fn listed<'s>(
    state: &'s AppState,
    user: &'s SignedIn,
) -> impl Iterator<Item = &'s Arc<Report>> {
    let reports = state.engine.catalogue().iter();
    reports.filter(|report| user.may_run(state, report))
}

/// One of them, or the same answer as for one that does not exist.
pub(crate) fn find(state: &AppState, user: &SignedIn, id: &str) -> Result<Arc<Report>, PageError> {
    let report = id
        .parse()
        .ok()
        .and_then(|id| state.engine.catalogue().get(&id));
    let report = report.filter(|report| user.may_run(state, report));
    report
        .cloned()
        .ok_or_else(|| PageError::not_found("There is no such report."))
}

/// The customers for whom a person may run that report.
pub(crate) fn tenants_for(state: &AppState, user: &SignedIn, report: &Report) -> Vec<Tenant> {
    let rights = user.rights(state);
    let may = |tenant: &&Tenant| rights.runs_for(&report.id, &tenant.id);
    let tenants = state.engine.tenants().iter();
    tenants.filter(may).cloned().collect()
}

/// The kinds of file that were chosen; a Word document where no other is offered.
fn formats(pairs: &[(String, String)], offers_pdf: bool) -> Formats {
    let chosen = one(pairs, FORMAT_FIELD).and_then(|word| word.parse().ok());
    chosen.filter(|_| offers_pdf).unwrap_or_default()
}

type Order = (Vec<TenantId>, serde_json::Map<String, serde_json::Value>);

/// Customers and parameters of a form that was sent, or what is wrong with it.
fn read(
    report: &Report,
    known: &[Tenant],
    pairs: &[(String, String)],
) -> Result<Order, FormFaults> {
    let mut faults = FormFaults::default();
    let max = match one(pairs, MANY_FIELD) {
        Some("each") => BATCH_MAX,
        _ => TENANTS_MAX,
    };
    let tenants = chosen(pairs, known, max, &mut faults);
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

async fn show(
    state: &AppState,
    user: &FormsUser,
    report: Arc<Report>,
    pairs: Option<&[(String, String)]>,
    faults: &FormFaults,
) -> Result<Response, PageError> {
    let tenants = tenants_for(state, user, &report);
    let controls = report.form.controls(pairs, faults);
    let keeps_older = state.engine.keeps_older().await;
    let policies = report.needs.iter();
    let policies = policies.map(|need| (need.title.clone(), need.policy(keeps_older)));
    let page = FormPage {
        page: Page::new(report.title.clone(), "reports", user),
        picker: Picker::new(&tenants, pairs, faults),
        controls: options::filled((state, user), &report, &tenants, pairs, controls).await,
        policies: policies.collect(),
        offers_pdf: state.engine.offers_pdf(),
        format: pairs
            .and_then(|pairs| one(pairs, FORMAT_FIELD))
            .unwrap_or("docx")
            .to_owned(),
        each: pairs.is_some_and(|pairs| one(pairs, MANY_FIELD) == Some("each")),
        held: pairs.is_some_and(|pairs| one(pairs, REVIEW_FIELD) == Some("yes")),
        fault: faults.of("").unwrap_or_default().into(),
        faults: faults.len(),
        report,
    };
    render(&page)
}
