//! The audit trail, newest first, searched and exported; on request whether its chain holds: that walks the whole of it.

mod export;
mod question;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::audit::{AuditRecord, ChainState};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
pub(crate) use question::Question;

/// Entries on one page.
const SHOWN: u32 = 100;

/// `/audit`, `/audit/export`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/audit", Rule::Admin, show)
        .get("/audit/export", Rule::Admin, export::export)
}

#[derive(Template)]
#[template(path = "admin_audit.html")]
struct AuditPage {
    page: Page,
    entries: Vec<AuditRecord>,
    asked: Question,
    filtered: bool,
    /// The query of the next page.
    older: Option<String>,
    chain: Option<ChainState>,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(asked): Query<Question>,
) -> Result<Response, PageError> {
    let filter = asked.filter().map_err(PageError::bad_request)?;
    let entries = state
        .store
        .audit_search(&filter, asked.before, SHOWN)
        .await?;
    let more = entries.len() == SHOWN as usize;
    let older = entries.last().filter(|_| more);
    let older = older.map(|entry| asked.older_than(entry.sequence));
    let chain = if asked.check {
        Some(state.store.verify_audit().await?)
    } else {
        None
    };
    let page = Page::new("Audit trail", "audit", &user);
    // The walk is for whoever asked for it, not for every look.
    let page = if asked.check { page.still() } else { page };
    render(&AuditPage {
        page,
        entries,
        filtered: !filter.is_empty(),
        asked,
        older,
        chain,
    })
}
