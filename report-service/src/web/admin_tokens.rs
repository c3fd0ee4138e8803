//! Every token of the API: who made it, for what, and revoking it; and service tokens.

use super::confirm;
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use super::your_tokens::{TokenForm, TokenLine, end, give_out, refuse_emergency};
use crate::auth::scope::Scope;
use crate::state::AppState;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// Where it is.
const PLACE: &str = "/tokens";

/// `/tokens` and the acts on them.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .get(PLACE, Rule::Admin, show)
        .post(PLACE, Rule::Admin, make)
        .post("/tokens/{id}/revoke", Rule::Admin, revoke)
}

#[derive(Template)]
#[template(path = "admin_tokens.html")]
struct TokensPage {
    page: Page,
    rows: Vec<TokenLine>,
    form: TokenForm,
    scopes: Vec<Scope>,
    done: &'static str,
}

/// What the page before this one did.
#[derive(Default, Deserialize)]
struct Told {
    #[serde(default)]
    revoked: bool,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
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
    user: &AdminUser,
    form: TokenForm,
    done: &'static str,
) -> Result<Response, PageError> {
    let rows = state.store.tokens(None).await?;
    let scopes = Scope::ALL.into_iter();
    render(&TokensPage {
        page: Page::new("API tokens", "tokens", user),
        rows: TokenLine::all(rows, state.clock.now_ms()),
        form,
        scopes: scopes.filter(|scope| scope.is_for_services()).collect(),
        done,
    })
}

async fn make(
    State(state): State<AppState>,
    user: AdminUser,
    body: String,
) -> Result<Response, PageError> {
    refuse_emergency(&user)?;
    confirm::required(&user, &state, PLACE).await?;
    let mut form = TokenForm::read(&body);
    let engine = &state.engine;
    let reports = engine.catalogue().iter();
    let reports: Vec<String> = reports.map(|report| report.id.to_string()).collect();
    let tenants = engine.tenants().iter();
    let tenants: Vec<String> = tenants.map(|tenant| tenant.id.to_string()).collect();
    let order = form.service(state.tokens.limits().days_max);
    match order.filter(|order| form.all_known(order, (&reports, &tenants))) {
        Some(order) => give_out(&state, &user, &order, PLACE).await,
        None => {
            let page = draw(&state, &user, form, "").await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn revoke(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let row = state.store.token_by_id(&id).await?;
    let row = row.filter(|row| row.ended.is_none());
    let row = row.ok_or_else(|| PageError::not_found("There is no such token."))?;
    confirm::required(&user, &state, PLACE).await?;
    end(&state, &user, &row, "by-an-administrator").await?;
    Ok(Redirect::to("/tokens?revoked=true").into_response())
}
