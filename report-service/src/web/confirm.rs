//! The password once more, before an act that could do harm.

use super::errors::PageError;
use super::layout::{Page, render};
use super::login::{local_path, sentence, status};
use super::routes::{Routes, Rule};
use super::session::SignedIn;
use crate::auth::Site;
use crate::auth::confirm::{COUNTS_MS, Confirmation};
use crate::state::AppState;
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spokegate_daemon::Secret;

/// Where it is entered.
const CONFIRM: &str = "/confirm-password";

/// `/confirm-password` for whoever is signed in on this listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let rule = match routes.site() {
        Site::Forms => Rule::Forms,
        Site::Admin => Rule::Admin,
    };
    routes.get(CONFIRM, rule, show).post(CONFIRM, rule, submit)
}

/// Lets an act go on when its person entered the password within the last five minutes; `back` is where the person
/// comes back to after entering it.
///
/// # Errors
/// The way to the page that asks for it; or the store failed.
pub async fn required(user: &SignedIn, state: &AppState, back: &str) -> Result<(), PageError> {
    if user.reentered_password(state).await? {
        return Ok(());
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("back", local_path(back))
        .finish();
    Err(PageError::first(format!("{CONFIRM}?{query}")))
}

impl SignedIn {
    /// True when the person entered the password within the last five minutes, at sign-in or since.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn reentered_password(&self, state: &AppState) -> Result<bool, PageError> {
        let entered = state.store.password_entered_at(self.session_id()).await?;
        let last = entered.unwrap_or(0).max(self.since());
        Ok(state.clock.now_ms() < last.saturating_add(COUNTS_MS))
    }
}

#[derive(Template)]
#[template(path = "confirm_password.html")]
struct ConfirmPage<'a> {
    page: Page,
    name: &'a str,
    back: &'a str,
    problem: Option<String>,
}

#[derive(Default, Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

#[derive(Deserialize)]
struct ConfirmForm {
    password: Secret,
    #[serde(default)]
    back: String,
}

async fn show(user: SignedIn, Query(query): Query<Back>) -> Result<Response, PageError> {
    page(&user, local_path(&query.back), None)
}

async fn submit(
    State(state): State<AppState>,
    user: SignedIn,
    Form(form): Form<ConfirmForm>,
) -> Result<Response, PageError> {
    let asked = Confirmation {
        person_id: user.person_id(),
        name: user.name(),
        session_id: user.session_id(),
        password: &form.password,
        address: user.address(),
    };
    let back = local_path(&form.back);
    match state.sign_in.confirm(&asked).await? {
        Ok(()) => Ok(Redirect::to(back).into_response()),
        Err(refusal) => {
            let code: StatusCode = status(&refusal);
            let body = page(&user, back, Some(sentence(&refusal)))?;
            Ok((code, body).into_response())
        }
    }
}

fn page(user: &SignedIn, back: &str, problem: Option<String>) -> Result<Response, PageError> {
    render(&ConfirmPage {
        page: Page::new("Enter your password", "", user),
        name: user.name(),
        back,
        problem,
    })
}
