//! The pages of a finished document as pictures.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::downloads;
use super::errors::PageError;
use super::layout::{Page, render};
use super::reviews::to_review;
use super::routes::{Routes, Rule};
use super::runs::own;
use super::session::{FormsUser, SignedIn};
use crate::artefacts::{ArtefactKey, ArtefactPart};
use crate::pdf::PAGES_MAX;
use crate::runs::{RunId, RunState};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::runs::RunRow;

/// `/runs/{run}/preview` and `/reviews/{run}/preview`, and the pictures below them.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/runs/{run}/preview", Rule::Forms, of_run)
        .get("/runs/{run}/preview/{page}", Rule::Forms, picture_of_run)
        .get("/reviews/{run}/preview", Rule::Forms, of_draft)
        .get(
            "/reviews/{run}/preview/{page}",
            Rule::Forms,
            picture_of_draft,
        )
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPage {
    page: Page,
    back: String,
    title: String,
    pages: Vec<u32>,
    max: u32,
}

async fn of_run(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (id, run) = out(&state, &user, &id).await?;
    looks(&state, &user, OWN, id.as_str()).await?;
    draw(&state, &user, &run, format!("/runs/{id}")).await
}

async fn of_draft(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (id, run) = to_review(&state, &user, &id).await?;
    looks(&state, &user, draft_of(&run), id.as_str()).await?;
    draw(&state, &user, &run, format!("/reviews/{id}")).await
}

async fn picture_of_run(
    State(state): State<AppState>,
    user: FormsUser,
    Path((id, page)): Path<(String, u32)>,
) -> Result<Response, PageError> {
    let (id, _) = out(&state, &user, &id).await?;
    let subject = format!("{id} page {page}");
    looks(&state, &user, OWN, &subject).await?;
    picture(&state, &id, page).await
}

async fn picture_of_draft(
    State(state): State<AppState>,
    user: FormsUser,
    Path((id, page)): Path<(String, u32)>,
) -> Result<Response, PageError> {
    let (id, run) = to_review(&state, &user, &id).await?;
    let subject = format!("{id} page {page}");
    looks(&state, &user, draft_of(&run), &subject).await?;
    picture(&state, &id, page).await
}

/// Looking at one's own document, as the audit trail has it: the action and the reason.
pub(crate) const OWN: (&str, &str) = ("file.preview", "own-run");

/// The same of looking at a draft.
pub(crate) fn draft_of(run: &RunRow) -> (&'static str, &'static str) {
    ("review.preview", run.review.as_str())
}

/// Records who looks at a document: its pictures tell as much as itself.
///
/// # Errors
/// When it cannot be recorded; nothing may be shown then.
pub(crate) async fn looks(
    state: &AppState,
    user: &SignedIn,
    (action, reason): (&'static str, &'static str),
    subject: &str,
) -> Result<(), PageError> {
    user.audit(state, action, Decision::Allowed, reason, subject)
        .await
}

/// A person's own document that is done and may go out.
///
/// # Errors
/// When there is none.
pub(crate) async fn out(
    state: &AppState,
    user: &SignedIn,
    id: &str,
) -> Result<(RunId, RunRow), PageError> {
    let (id, run) = own(state, user, id).await?;
    if run.state == RunState::Done && run.review.is_out() {
        return Ok((id, run));
    }
    Err(PageError::not_found("This run has no document to look at."))
}

async fn draw(
    state: &AppState,
    user: &FormsUser,
    run: &RunRow,
    back: String,
) -> Result<Response, PageError> {
    let count = state
        .engine
        .preview(run)
        .await
        .map_err(PageError::unavailable)?;
    render(&PreviewPage {
        page: Page::new(format!("Preview: {}", run.title), "history", user),
        back,
        title: run.title.clone(),
        pages: (1..=count).collect(),
        max: PAGES_MAX,
    })
}

/// One page of a document that was drawn, as PNG.
///
/// # Errors
/// When there is no such page, or the files are not to be had.
pub(crate) async fn picture(
    state: &AppState,
    id: &RunId,
    page: u32,
) -> Result<Response, PageError> {
    let missing = || PageError::not_found("There is no such page.");
    if !(1..=PAGES_MAX).contains(&page) {
        return Err(missing());
    }
    let key = ArtefactKey::new(id, ArtefactPart::Page(page));
    let picture = state.engine.artefacts().open(&key).await;
    let picture = picture.map_err(downloads::unavailable)?;
    let headers = [
        (header::CONTENT_TYPE, "image/png"),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, Body::from_stream(picture.body)).into_response())
}
