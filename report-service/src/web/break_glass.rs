//! Setting up the local administrator through a one-time link, and acknowledging its use.

use super::errors::PageError;
use super::layout::{Page, render};
use super::login::fresh_form;
use super::routes::{Routes, Rule};
use super::session::{AdminUser, Visitor};
use crate::auth::Site;
use crate::auth::break_glass::{
    BreakGlass, DIRECTORY, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, SetUpRefused,
};
use crate::state::AppState;
use crate::store::audit::{AuditEvent, Decision};
use anyhow::Context as _;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spokegate_daemon::Secret;

/// The link's page for whoever has the link; the acknowledgement for administrators.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/break-glass/{token}", Rule::Anyone, show)
        .post("/break-glass/{token}", Rule::Anyone, set_up)
        .post("/break-glass-seen", Rule::Admin, seen)
}

#[derive(Template)]
#[template(path = "break_glass.html")]
struct SetUpPage<'a> {
    page: Page,
    token: &'a str,
    name: &'a str,
    problem: Option<String>,
    characters: usize,
    bytes: usize,
}

#[derive(Deserialize)]
struct SetUp {
    password: Secret,
    again: Secret,
}

async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(token): Path<String>,
) -> Result<Response, PageError> {
    page(&state, &visitor, &token, None).await
}

async fn set_up(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(token): Path<String>,
    Form(form): Form<SetUp>,
) -> Result<Response, PageError> {
    let name = state.break_glass.linked(&token).await?;
    let name = name.ok_or_else(not_good)?;
    let refused = |problem: String| async {
        let page = page(&state, &visitor, &token, Some(problem)).await?;
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
    };
    if form.password.expose() != form.again.expose() {
        return refused("The two passwords are not the same.".to_owned()).await;
    }
    let address = visitor.address().to_string();
    let event = AuditEvent {
        at_ms: state.clock.now_ms(),
        actor: &format!("{DIRECTORY}:{name}"),
        name: &name,
        action: "break-glass.set-up",
        decision: Decision::Allowed,
        reason: "one-time-link",
        subject: Site::Admin.as_str(),
        address: &address,
    };
    let characters = form.password.expose().chars().count();
    if characters >= PASSWORD_CHARS_MIN {
        state.store.audit(event).await.context("record a set-up")?;
    }
    match state.break_glass.set_up(&token, form.password.expose()).await? {
        Ok(()) => Ok(Redirect::to("/sign-in?why=set-up").into_response()),
        Err(SetUpRefused::Link) => Err(not_good()),
        Err(SetUpRefused::TooShort) => {
            refused(format!("The password has {characters} characters. It needs at least {PASSWORD_CHARS_MIN}; a sentence is fine.")).await
        }
        Err(SetUpRefused::TooLong) => {
            refused(format!("The password is longer than {PASSWORD_BYTES_MAX} bytes.")).await
        }
    }
}

async fn seen(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    if BreakGlass::account_of(user.person_id()).is_some() {
        return Err(PageError::forbidden(
            "The emergency account does not acknowledge its own use.",
            "Somebody else does that once the directory is back.",
        ));
    }
    user.audit(
        &state,
        "break-glass.seen",
        Decision::Allowed,
        "acknowledged",
        "",
    )
    .await?;
    state.store.break_glass_seen().await?;
    Ok(Redirect::to("/").into_response())
}

async fn page(
    state: &AppState,
    visitor: &Visitor,
    token: &str,
    problem: Option<String>,
) -> Result<Response, PageError> {
    let name = state.break_glass.linked(token).await?;
    let name = name.ok_or_else(not_good)?;
    let (csrf, cookie) = fresh_form(visitor)?;
    let mut response = render(&SetUpPage {
        page: Page::visitor(state, "Set up the emergency account", visitor.site(), csrf).await,
        token,
        name: &name,
        problem,
        characters: PASSWORD_CHARS_MIN,
        bytes: PASSWORD_BYTES_MAX,
    })?;
    super::login::add_cookie(&mut response, &cookie)?;
    Ok(response)
}

fn not_good() -> PageError {
    PageError::not_found(
        "This link is not good: it was used, it is older than 30 minutes, or a newer one was made.",
    )
}
