//! Who is signed in, and ending it.

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::sessions::SessionRow;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// Sessions shown.
const SHOWN_MAX: u32 = 500;

/// `/sessions` and the acts on them.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/sessions", Rule::Admin, show)
        .post("/sessions/{id}/end", Rule::Admin, end)
        .post("/sessions/{id}/end-all", Rule::Admin, end_all)
}

#[derive(Template)]
#[template(path = "admin_sessions.html")]
struct SessionsPage<'a> {
    page: Page,
    rows: Vec<SessionRow>,
    own: &'a str,
    ended: bool,
}

#[derive(Default, Deserialize)]
struct SessionsQuery {
    #[serde(default)]
    ended: bool,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<SessionsQuery>,
) -> Result<Response, PageError> {
    let rows = state
        .store
        .sessions_live(state.clock.now_ms(), SHOWN_MAX)
        .await?;
    let page = Page::new("Sessions", "sessions", &user);
    render(&SessionsPage {
        page,
        rows,
        own: user.session_id(),
        ended: query.ended,
    })
}

async fn end(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    user.audit(
        &state,
        "session.end",
        Decision::Allowed,
        "by-administrator",
        &id,
    )
    .await?;
    if !state.sessions.end(&id, "by-administrator").await? {
        return Err(PageError::not_found("This session has already ended."));
    }
    Ok(Redirect::to("/sessions?ended=true").into_response())
}

async fn end_all(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let row = state.store.session_by_id(&id).await?;
    let row = row.ok_or_else(|| PageError::not_found("There is no such session."))?;
    user.audit(
        &state,
        "session.end-all",
        Decision::Allowed,
        "by-administrator",
        &row.person_id,
    )
    .await?;
    state
        .sessions
        .end_all(&row.person_id, "by-administrator")
        .await?;
    Ok(Redirect::to("/sessions?ended=true").into_response())
}
