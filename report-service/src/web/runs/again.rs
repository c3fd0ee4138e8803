//! Making a run again, and the proof of what it was made of.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::{own, tenants};
use crate::runs::proof::Verdict;
use crate::runs::{NewRun, Origin, Review, RunId, RunState, StartError};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::runs::RunRow;
use crate::web::errors::PageError;
use crate::web::layout::{Page, render};
use crate::web::reports::picker::one;
use crate::web::reports::{find, refused, tenants_for};
use crate::web::session::{FormsUser, SignedIn};

#[derive(Template)]
#[template(path = "proof.html")]
struct ProofPage {
    page: Page,
    run: RunRow,
    tenants: String,
    /// Label, name and value of each.
    inputs: Vec<(String, String, String)>,
    data_until: u64,
    run_until: u64,
    verdict: Option<Verdict>,
}

/// `GET /runs/{run}/proof`: template, inputs, data and files with their digests.
pub(super) async fn proof(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (_, run) = own(&state, &user, &id).await?;
    page(&state, &user, run, None)
}

/// `POST /runs/{run}/proof`: the same, after making the document again.
pub(super) async fn verify(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (id, run) = own(&state, &user, &id).await?;
    let verdict = verified(&state, &user, &id, &run).await?;
    page(&state, &user, run, Some(verdict))
}

/// Makes the document again and compares; that it was asked for is recorded.
///
/// # Errors
/// When the run has no document, or it cannot be recorded.
pub(crate) async fn verified(
    state: &AppState,
    user: &SignedIn,
    id: &RunId,
    run: &RunRow,
) -> Result<Verdict, PageError> {
    if run.state != RunState::Done {
        return Err(PageError::not_found("This run has no document."));
    }
    let verdict = state.engine.verify(run).await;
    let reason = if verdict.holds() {
        "holds"
    } else {
        "does not hold"
    };
    user.audit(state, "run.verify", Decision::Allowed, reason, id.as_str())
        .await?;
    Ok(verdict)
}

/// The proof of a run, for whoever may see it.
pub(in crate::web) fn page(
    state: &AppState,
    user: &SignedIn,
    run: RunRow,
    verdict: Option<Verdict>,
) -> Result<Response, PageError> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let report = state
        .engine
        .catalogue()
        .iter()
        .find(|report| report.id.as_str() == run.report);
    let label = |name: &String| {
        let mut fields = report.iter().flat_map(|report| report.form.fields());
        let field = fields.find(|field| field.name == *name);
        field.map_or_else(|| name.clone(), |field| field.title.clone())
    };
    let inputs = run
        .params
        .iter()
        .map(|(name, value)| (label(name), name.clone(), text(value)));
    let (data_until, run_until) = state.engine.kept_until(&run);
    render(&ProofPage {
        page: Page::new(format!("Proof: {}", run.title), "history", user).still(),
        tenants: tenants(state, &run),
        inputs: inputs.collect(),
        data_until,
        run_until,
        verdict,
        run,
    })
}

/// `POST /runs/{run}/again` with `data` = `same` or `fresh`.
pub(super) async fn again(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let found = own(&state, &user, &id).await?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let same_data = one(&pairs, "data") == Some("same");
    let started = order_again(&state, &user, found, same_data).await?;
    let place = format!("/runs/{started}");
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response())
}

/// Makes a person's own run again, and records who did.
///
/// # Errors
/// When report, customers, inputs or data are no longer there, too many wait, or it cannot be recorded.
pub(crate) async fn order_again(
    state: &AppState,
    user: &SignedIn,
    (id, run): (RunId, RunRow),
    same_data: bool,
) -> Result<RunId, PageError> {
    let report = find(state, user, &run.report)?;
    let may = tenants_for(state, user, &report);
    let known = |id: &spokegate_contract::TenantId| may.iter().any(|tenant| tenant.id == *id);
    if !run.tenants.iter().all(known) {
        return Err(PageError::not_found(
            "One of the customers is no longer there.",
        ));
    }
    if same_data && !(run.state == RunState::Done && run.data_kept) {
        let sentence = "The data of this run is not kept. Make it again with fresh data.";
        return Err(PageError::bad_request(sentence));
    }
    report.check_params(&run.params).map_err(|_| {
        PageError::bad_request("The report takes other inputs by now. Start it from its form.")
    })?;
    let order = NewRun {
        report,
        tenants: run.tenants,
        formats: run.formats,
        params: run.params,
        owner_id: user.person_id().into(),
        owner_title: user.title().into(),
        origin: Origin {
            parent: id.to_string(),
            same_data,
            ..Origin::default()
        },
        review: run.review != Review::None,
    };
    let started: Result<_, StartError> = state.engine.order(order).await;
    let started = started.map_err(refused)?;
    let reason = if same_data { "same data" } else { "fresh data" };
    let subject = format!("{id} {started}");
    let recorded = user
        .audit(state, "run.again", Decision::Allowed, reason, &subject)
        .await;
    if let Err(error) = recorded {
        state.engine.cancel(user.person_id(), &started);
        return Err(error);
    }
    Ok(started)
}
