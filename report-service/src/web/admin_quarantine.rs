//! What was refused, and why.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::quarantine::Refused;

/// Entries on the page.
const ENTRIES_MAX: u32 = 500;

/// `/quarantine`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.get("/quarantine", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_quarantine.html")]
struct QuarantinePage {
    page: Page,
    entries: Vec<Refused>,
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let entries = state.store.quarantine_page(ENTRIES_MAX).await?;
    render(&QuarantinePage {
        page: Page::new("Quarantine", "quarantine", &user),
        entries,
    })
}
