//! The audit trail, newest first, and on request whether its chain holds: that walks the whole of it.

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::audit::{AuditRecord, ChainState};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

/// Entries on one page.
const SHOWN: u32 = 100;

/// `/audit`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.get("/audit", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_audit.html")]
struct AuditPage {
    page: Page,
    entries: Vec<AuditRecord>,
    older: Option<i64>,
    chain: Option<ChainState>,
}

#[derive(Default, Deserialize)]
struct AuditQuery {
    before: Option<i64>,
    #[serde(default)]
    check: bool,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<AuditQuery>,
) -> Result<Response, PageError> {
    let entries = state.store.audit_page(query.before, SHOWN).await?;
    let older = entries
        .last()
        .map(|record| record.sequence)
        .filter(|sequence| *sequence > 1);
    let chain = if query.check {
        Some(state.store.verify_audit().await?)
    } else {
        None
    };
    render(&AuditPage {
        page: Page::new("Audit trail", "audit", &user),
        entries,
        older,
        chain,
    })
}
