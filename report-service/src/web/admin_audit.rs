//! The audit trail, newest first, and whether its chain holds.

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

/// Records on one page.
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
    records: Vec<AuditRecord>,
    older: Option<i64>,
    broken_at: Option<i64>,
}

#[derive(Default, Deserialize)]
struct AuditQuery {
    before: Option<i64>,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<AuditQuery>,
) -> Result<Response, PageError> {
    let records = state.store.audit_page(query.before, SHOWN).await?;
    let older = records
        .last()
        .map(|record| record.sequence)
        .filter(|sequence| *sequence > 1);
    let broken_at = match state.store.verify_audit().await? {
        ChainState::Intact { .. } => None,
        ChainState::BrokenAt { sequence } => Some(sequence),
    };
    render(&AuditPage {
        page: Page::new("Audit trail", "audit", &user),
        records,
        older,
        broken_at,
    })
}
