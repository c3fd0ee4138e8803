//! Every part that the service needs: how it is, since when, and what to do.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::health::Found;
use crate::state::AppState;

/// `/health`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/health", Rule::Admin, show)
        .post("/health/look", Rule::Admin, look)
}

#[derive(Template)]
#[template(path = "admin_health.html")]
struct HealthPage {
    page: Page,
    parts: Vec<Found>,
    failing: usize,
    /// Parts that work and want a look.
    wanting: usize,
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let parts = state.health.all();
    let failing = parts.iter().filter(|part| part.verdict.is_failing());
    let wanting = parts.iter().filter(|part| part.verdict.wants_a_look());
    render(&HealthPage {
        page: Page::new("Health", "health", &user),
        failing: failing.count(),
        wanting: wanting.count(),
        parts,
    })
}

/// Looks at everything again; what is found arrives on the open page.
async fn look(State(state): State<AppState>, _user: AdminUser) -> Result<Response, PageError> {
    state.health.want();
    Ok(Redirect::to("/health").into_response())
}
