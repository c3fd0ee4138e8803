//! The first page of the admin listener.

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

/// Sessions counted at most; beyond that the page says as many.
const SESSIONS_MAX: u32 = 10_000;

/// `/`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.page("/", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_home.html")]
struct HomePage {
    page: Page,
    sessions: usize,
    directory: Option<&'static str>,
    records: i64,
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let sessions = state
        .store
        .sessions_live(state.clock.now_ms(), SESSIONS_MAX)
        .await?
        .len();
    let records = state
        .store
        .audit_page(None, 1)
        .await?
        .first()
        .map_or(0, |record| record.sequence);
    let directory = state.directory.check().await.err().map(|why| why.advice());
    render(&HomePage {
        page: Page::new("Overview", "home", &user),
        sessions,
        directory,
        records,
    })
}
