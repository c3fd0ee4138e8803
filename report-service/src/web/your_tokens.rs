//! A person's own tokens of the API: making one, which shows it once, and revoking it.

use super::confirm;
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::SignedIn;
use crate::auth::Site;
use crate::auth::break_glass::BreakGlass;
use crate::auth::scope::Scope;
use crate::auth::tokens::{Maker, NewToken};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::tokens::{TokenKind, TokenRow};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spokegate_daemon::Secret;

pub(super) use order::TokenForm;

mod order;

/// `/your-tokens` for whoever is signed in on this listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let rule = match routes.site() {
        Site::Forms => Rule::Forms,
        Site::Admin => Rule::Admin,
    };
    routes
        .get("/your-tokens", rule, show)
        .post("/your-tokens", rule, make)
        .post("/your-tokens/{id}/revoke", rule, revoke)
}

#[derive(Template)]
#[template(path = "your_tokens.html")]
struct YourTokensPage {
    page: Page,
    rows: Vec<TokenLine>,
    form: TokenForm,
    scopes: Vec<Scope>,
    most: usize,
    done: &'static str,
}

#[derive(Template)]
#[template(path = "token_made.html")]
struct MadePage<'a> {
    page: Page,
    name: &'a str,
    token: &'a Secret,
    until: String,
    back: &'a str,
}

/// A token as pages list it.
pub(super) struct TokenLine {
    pub(super) row: TokenRow,
    /// When it was used last, in words.
    pub(super) used: String,
    /// Whether its time is over.
    pub(super) expired: bool,
}

impl TokenLine {
    pub(super) fn all(rows: Vec<TokenRow>, now_ms: u64) -> Vec<Self> {
        let line = |row: TokenRow| Self {
            used: row
                .used_at
                .map_or_else(|| "never".to_owned(), crate::text::when),
            expired: now_ms >= row.expires_at,
            row,
        };
        rows.into_iter().map(line).collect()
    }
}

/// What the page before this one did.
#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    revoked: bool,
}

async fn show(
    State(state): State<AppState>,
    user: SignedIn,
    Query(told): Query<Told>,
) -> Result<Response, PageError> {
    let done = if told.revoked {
        "The token was revoked."
    } else {
        ""
    };
    draw(&state, &user, TokenForm::blank(), done).await
}

async fn draw(
    state: &AppState,
    user: &SignedIn,
    form: TokenForm,
    done: &'static str,
) -> Result<Response, PageError> {
    let rows = state.store.tokens(Some(user.person_id())).await?;
    render(&YourTokensPage {
        page: Page::new("Your API tokens", "your-tokens", user),
        rows: TokenLine::all(rows, state.clock.now_ms()),
        form,
        scopes: Scope::of_site(user.site()).collect(),
        most: state.tokens.limits().per_person_max,
        done,
    })
}

/// The emergency account ends when the directory is back; what it made would not.
pub(super) fn refuse_emergency(user: &SignedIn) -> Result<(), PageError> {
    if BreakGlass::account_of(user.person_id()).is_some() {
        return Err(PageError::forbidden(
            "The emergency account makes no tokens: no directory stands behind it.",
            "Sign in as yourself.",
        ));
    }
    Ok(())
}

async fn make(
    State(state): State<AppState>,
    user: SignedIn,
    body: String,
) -> Result<Response, PageError> {
    refuse_emergency(&user)?;
    confirm::required(&user, &state, "/your-tokens").await?;
    let mut form = TokenForm::read(&body);
    let limits = state.tokens.limits();
    let order = form.personal(user.site(), limits.days_max);
    let own = state.store.tokens(Some(user.person_id())).await?.len();
    if own >= limits.per_person_max {
        form.fault = format!("You have {own} tokens, and that is the most. Revoke one first.");
    }
    let order = match order {
        Some(order) if form.fault.is_empty() => order,
        _ => {
            let page = draw(&state, &user, form, "").await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    give_out(&state, &user, &order, "/your-tokens").await
}

/// Makes a token, records who did, and shows it: here and nowhere else.
pub(super) async fn give_out(
    state: &AppState,
    user: &SignedIn,
    order: &NewToken,
    back: &str,
) -> Result<Response, PageError> {
    let maker = Maker {
        person_id: user.person_id(),
        name: user.name(),
        title: user.title(),
        groups: user.groups(),
    };
    let (row, token) = state.tokens.make(maker, order).await?;
    let subject = format!("token {} {}", row.id, row.name);
    let reason = match row.kind {
        TokenKind::Personal => format!("personal: {}", row.scopes.join(" ")),
        TokenKind::Service => format!(
            "service: {} for {} of {}",
            row.scopes.join(" "),
            row.reports.join(" "),
            row.tenants.join(" ")
        ),
    };
    let recorded = user
        .audit(state, "token.make", Decision::Allowed, &reason, &subject)
        .await;
    if let Err(error) = recorded {
        let now_ms = state.clock.now_ms();
        state
            .store
            .token_end(&row.id, now_ms, "not-recorded")
            .await?;
        return Err(error);
    }
    render(&MadePage {
        page: Page::new("Your new token", "your-tokens", user),
        name: &row.name,
        token: &token,
        until: crate::text::when(row.expires_at),
        back,
    })
}

async fn revoke(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let row = state.store.token_by_id(&id).await?;
    // Another person's token looks like none.
    let row = row.filter(|row| {
        row.person_id == user.person_id() && row.kind == TokenKind::Personal && row.ended.is_none()
    });
    let row = row.ok_or_else(|| PageError::not_found("There is no such token."))?;
    end(&state, &user, &row, "by-its-person").await?;
    Ok(Redirect::to("/your-tokens?revoked=true").into_response())
}

/// Revokes a token, and records who did.
pub(super) async fn end(
    state: &AppState,
    user: &SignedIn,
    row: &TokenRow,
    reason: &str,
) -> Result<(), PageError> {
    user.audit(state, "token.revoke", Decision::Allowed, reason, &row.id)
        .await?;
    let now_ms = state.clock.now_ms();
    state.store.token_end(&row.id, now_ms, reason).await?;
    Ok(())
}
