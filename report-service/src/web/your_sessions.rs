//! Where a person is signed in, and ending it.

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::SignedIn;
use crate::auth::Site;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::sessions::SessionRow;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// `/your-sessions` for whoever is signed in on this listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let rule = match routes.site() {
        Site::Forms => Rule::Forms,
        Site::Admin => Rule::Admin,
    };
    routes
        .page("/your-sessions", rule, show)
        .post("/your-sessions/{id}/end", rule, end)
}

#[derive(Template)]
#[template(path = "your_sessions.html")]
struct YourSessionsPage<'a> {
    page: Page,
    rows: Vec<SessionRow>,
    own: &'a str,
    most: u32,
    ended: bool,
}

#[derive(Default, Deserialize)]
struct Ended {
    #[serde(default)]
    ended: bool,
}

async fn show(
    State(state): State<AppState>,
    user: SignedIn,
    Query(query): Query<Ended>,
) -> Result<Response, PageError> {
    let now = state.clock.now_ms();
    let rows = state.store.sessions_of(user.person_id(), now).await?;
    render(&YourSessionsPage {
        page: Page::new("Your sessions", "your-sessions", &user),
        rows,
        own: user.session_id(),
        most: state.config.session.per_person_max,
        ended: query.ended,
    })
}

async fn end(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let row = state.store.session_by_id(&id).await?;
    // Another person's session looks like none.
    let row = row.filter(|row| row.person_id == user.person_id() && row.ended.is_none());
    let row = row.ok_or_else(|| PageError::not_found("This session has already ended."))?;
    user.audit(
        &state,
        "session.end",
        Decision::Allowed,
        "own-session",
        &row.id,
    )
    .await?;
    state.sessions.end(&row.id, "by-its-person").await?;
    Ok(Redirect::to("/your-sessions?ended=true").into_response())
}
