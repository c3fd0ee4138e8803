//! Documents that are held for review: what waits, the draft, an edited version of it, and the decision.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::downloads;
use super::errors::PageError;
use super::layout::{Page, render};
use super::multipart;
use super::routes::{Routes, Rule};
use super::runs::{may_see, tenants};
use super::session::{FormsUser, SignedIn};
use crate::runs::{Format, Review, RunId, RunState};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::runs::RunRow;

/// Documents on the list.
const LIST_MAX: u32 = 200;
/// Longest reason for a rejection, in characters.
pub(crate) const REASON_CHARS_MAX: usize = 1_000;

/// `/reviews` and what is below it.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/reviews", Rule::Forms, list)
        .page("/reviews/{run}", Rule::Forms, show)
        .get("/reviews/{run}/draft", Rule::Forms, draft)
        .upload(
            "/reviews/{run}/upload",
            Rule::Forms,
            |_| multipart::UPLOAD_BYTES_MAX,
            upload,
        )
        .post("/reviews/{run}/decide", Rule::Forms, decide)
}

#[derive(Template)]
#[template(path = "reviews.html")]
struct ListPage {
    page: Page,
    runs: Vec<(RunRow, String)>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    page: Page,
    run: RunRow,
    tenants: String,
    offers_preview: bool,
    fault: String,
}

async fn list(State(state): State<AppState>, user: FormsUser) -> Result<Response, PageError> {
    let runs = waiting(&state, &user).await?.into_iter().map(|run| {
        let names = tenants(&state, &run);
        (run, names)
    });
    render(&ListPage {
        page: Page::new("Reviews", "reviews", &user),
        runs: runs.collect(),
    })
}

/// The documents that wait and that this person may release.
pub(crate) async fn waiting(state: &AppState, user: &SignedIn) -> Result<Vec<RunRow>, PageError> {
    let rights = user.rights(state);
    if !rights.releases() {
        return Ok(Vec::new());
    }
    let mut waiting = state.store.runs_in_review(LIST_MAX).await?;
    waiting.retain(|run| may_see(&rights, run));
    Ok(waiting)
}

/// A document that this person may release, or the same answer as for one that does not exist.
pub(crate) async fn to_review(
    state: &AppState,
    user: &SignedIn,
    id: &str,
) -> Result<(RunId, RunRow), PageError> {
    let missing = || PageError::not_found("There is no such document to review.");
    let id: RunId = id.parse().map_err(|_| missing())?;
    let rights = user.rights(state);
    if !rights.releases() {
        return Err(missing());
    }
    let row = state.store.run(&id).await?.filter(|run| {
        may_see(&rights, run) && run.state == RunState::Done && run.review != Review::None
    });
    row.map(|row| (id, row)).ok_or_else(missing)
}

async fn show(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (_, run) = to_review(&state, &user, &id).await?;
    draw(&state, &user, run, String::new())
}

fn draw(
    state: &AppState,
    user: &FormsUser,
    run: RunRow,
    fault: String,
) -> Result<Response, PageError> {
    render(&ReviewPage {
        page: Page::new(format!("Review: {}", run.title), "reviews", user),
        tenants: tenants(state, &run),
        offers_preview: state.engine.offers_preview(),
        run,
        fault,
    })
}

async fn draft(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let found = to_review(&state, &user, &id).await?;
    send_draft(&state, &user, found).await
}

/// The draft of a document that this person may release, and a record of who got it.
///
/// # Errors
/// When it is not kept, or it cannot be recorded.
pub(crate) async fn send_draft(
    state: &AppState,
    user: &SignedIn,
    (id, run): (RunId, RunRow),
) -> Result<Response, PageError> {
    user.audit(
        state,
        "review.download",
        Decision::Allowed,
        run.review.as_str(),
        id.as_str(),
    )
    .await?;
    let format = run.formats.first();
    downloads::send(
        state,
        &run,
        format,
        &format!("DRAFT-{}", run.name_of(format)),
    )
    .await
}

async fn upload(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let (id, run) = to_review(&state, &user, &id).await?;
    if run.review != Review::Waiting || !run.formats.has(Format::Word) {
        return Err(PageError::bad_request(
            "This document is not waiting for an edited version.",
        ));
    }
    let body = axum::body::to_bytes(body, multipart::UPLOAD_BYTES_MAX).await;
    let body = body.map_err(|_| PageError::bad_request("The file was cut off on the way."))?;
    let file = multipart::file(&headers, body, "document").await?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &file);
    let digest = spokegate_contract::hex::encode(digest.as_ref());
    let replaced = state.engine.replace_draft(&run, file.to_vec()).await;
    let reason = if replaced.is_ok() {
        "edited"
    } else {
        "refused"
    };
    let decision = if replaced.is_ok() {
        Decision::Allowed
    } else {
        Decision::Denied
    };
    user.audit(
        &state,
        "review.upload",
        decision,
        reason,
        &format!("{id} {digest}"),
    )
    .await?;
    match replaced {
        Ok(()) => Ok(to(&id)),
        Err(fault) => {
            let page = draw(&state, &user, run, fault)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn decide(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let (id, run) = to_review(&state, &user, &id).await?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let field = |name| {
        super::reports::picker::one(&pairs, name)
            .unwrap_or_default()
            .trim()
    };
    let (review, reason) = match field("decision") {
        "release" => (Review::Released, ""),
        "reject" => (Review::Rejected, field("reason")),
        _ => return Err(PageError::bad_request("Release the document or reject it.")),
    };
    let length = reason.chars().count();
    if review == Review::Rejected && (length == 0 || length > REASON_CHARS_MAX) {
        let fault = format!("Say why you reject it, in 1 to {REASON_CHARS_MAX} characters.");
        let page = draw(&state, &user, run, fault)?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    if !settle(&state, &user, &id, (review, reason)).await? {
        return Err(PageError::bad_request(
            "Somebody else has decided about this document meanwhile.",
        ));
    }
    Ok(to(&id))
}

/// Releases or rejects a document, and records who did; false when somebody had decided before.
///
/// # Errors
/// When it cannot be recorded: then nothing is decided.
pub(crate) async fn settle(
    state: &AppState,
    user: &SignedIn,
    id: &RunId,
    (review, reason): (Review, &str),
) -> Result<bool, PageError> {
    let word = review.as_str();
    user.audit(state, "review.decide", Decision::Allowed, word, id.as_str())
        .await?;
    let now_ms = state.clock.now_ms();
    let settled = state
        .store
        .run_reviewed(id, review, user.title(), reason, now_ms);
    Ok(settled.await?)
}

fn to(id: &RunId) -> Response {
    let place = format!("/reviews/{id}");
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}
