//! Who is signed in, and ending it.

use super::confirm;
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use super::your_tokens;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::sessions::SessionRow;
use askama::Template;
use axum::Form;
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
    done: &'static str,
}

#[derive(Default, Deserialize)]
struct SessionsQuery {
    #[serde(default)]
    ended: bool,
    #[serde(default)]
    revoked: bool,
}

/// What "End all" ends.
#[derive(Default, Deserialize)]
struct All {
    /// `revoke` when the person's API tokens end with the sessions.
    #[serde(default)]
    tokens: String,
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
        done: match (query.revoked, query.ended) {
            (true, _) => "The sessions were ended, and the person's API tokens revoked.",
            (false, true) => "The session was ended.",
            (false, false) => "",
        },
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
    Form(all): Form<All>,
) -> Result<Response, PageError> {
    let row = state.store.session_by_id(&id).await?;
    let row = row.ok_or_else(|| PageError::not_found("There is no such session."))?;
    let with_tokens = match all.tokens.as_str() {
        "" => false,
        "revoke" => true,
        _ => return Err(PageError::bad_request("There is no such button.")),
    };
    if with_tokens {
        confirm::required(&user, &state, "/sessions").await?;
    }
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
    if !with_tokens {
        return Ok(Redirect::to("/sessions?ended=true").into_response());
    }
    for token in state.store.tokens(Some(&row.person_id)).await? {
        your_tokens::end(&state, &user, &token, "with-all-sessions").await?;
    }
    Ok(Redirect::to("/sessions?revoked=true").into_response())
}

#[cfg(test)]
mod tests;
