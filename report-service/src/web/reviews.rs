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
use crate::auth::rights::Rights;
use crate::runs::{DECIDED, Format, NotReplaced, Review, RunId, RunState};
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
    let mut waiting = state.store.runs_in_review(LIST_MAX).await?;
    waiting.retain(|run| may_release((state, user), &rights, run));
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
    let row = state.store.run(&id).await?.filter(|run| {
        may_release((state, user), &rights, run)
            && run.state == RunState::Done
            && run.review != Review::None
    });
    row.map(|row| (id, row)).ok_or_else(missing)
}

/// Whether the person may see a run and release what it made, for each of its customers.
fn may_release(who: (&AppState, &SignedIn), rights: &Rights, run: &RunRow) -> bool {
    let own = run.owner_id == who.1.person_id();
    let mut tenants = run.tenants.iter();
    run.report.parse().is_ok_and(|report| {
        may_see(who, rights, run) && tenants.all(|tenant| rights.releases_for(&report, tenant, own))
    })
}

/// The digest of what a reviewer looks at: who decides says which one that was.
pub(crate) fn digest(run: &RunRow) -> &str {
    run.files.first().map_or("", |file| file.sha256.as_str())
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
    let body = multipart::taken(body, multipart::UPLOAD_BYTES_MAX).await?;
    let file = multipart::file(&headers, body, "document").await?;
    match replace(&state, &user, &run, &file).await? {
        Ok(()) => Ok(to(&id)),
        Err(why) => {
            let (_, run) = to_review(&state, &user, id.as_str()).await?;
            let page = draw(&state, &user, run, why.to_string())?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Takes an edited version in the place of the draft that was looked at, and records it either way.
///
/// # Errors
/// When it cannot be recorded.
pub(crate) async fn replace(
    state: &AppState,
    user: &SignedIn,
    run: &RunRow,
    file: &[u8],
) -> Result<Result<(), NotReplaced>, PageError> {
    let digest = ring::digest::digest(&ring::digest::SHA256, file);
    let digest = spokegate_contract::hex::encode(digest.as_ref());
    let replaced = state.engine.replace_draft(run, file.to_vec()).await;
    let (decision, reason) = match &replaced {
        Ok(()) => (Decision::Allowed, "edited"),
        Err(_) => (Decision::Denied, "refused"),
    };
    let subject = format!("{} {digest}", run.id);
    user.audit(state, "review.upload", decision, reason, &subject)
        .await?;
    Ok(replaced)
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
    if !settle(&state, &user, (&run, field("sha256")), (review, reason)).await? {
        return Err(PageError::bad_request(DECIDED));
    }
    Ok(to(&id))
}

/// Releases or rejects the document that was looked at, and records who did; false when somebody had decided before, or
/// when it is another document by now.
///
/// # Errors
/// When it cannot be recorded, or what is kept is not what would be released: then nothing is decided.
pub(crate) async fn settle(
    state: &AppState,
    user: &SignedIn,
    (run, seen): (&RunRow, &str),
    (review, reason): (Review, &str),
) -> Result<bool, PageError> {
    if run.review != Review::Waiting || seen != digest(run) {
        return Ok(false);
    }
    if review == Review::Released {
        let in_place = state.engine.in_place(run).await;
        in_place.map_err(downloads::unavailable)?;
    }
    let (word, subject) = (review.as_str(), format!("{} {seen}", run.id));
    user.audit(
        state,
        "review.decide",
        Decision::Allowed,
        word,
        subject.trim(),
    )
    .await?;
    let now_ms = state.clock.now_ms();
    let by = (user.title(), reason);
    Ok(state.store.run_reviewed(run, review, by, now_ms).await?)
}

fn to(id: &RunId) -> Response {
    let place = format!("/reviews/{id}");
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}
