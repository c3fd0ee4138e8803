//! What was refused, and why; and who is slowed or suspended for it.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::budgets::Standing;
use crate::store::quarantine::Refused;

/// Entries on the page, and in one answer of the API.
pub(crate) const ENTRIES_MAX: u32 = 500;
/// Entries of an export: all that there can be.
const EXPORT_MAX: u32 = 50_000;

/// `/quarantine`, `/quarantine/export`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/quarantine", Rule::Admin, show)
        .get("/quarantine/export", Rule::Admin, export)
}

#[derive(Template)]
#[template(path = "admin_quarantine.html")]
struct QuarantinePage {
    page: Page,
    entries: Vec<Refused>,
    tenants: Vec<String>,
    tenant: String,
    standings: Vec<Standing>,
}

#[derive(Default, Deserialize)]
struct QuarantineQuery {
    #[serde(default)]
    tenant: String,
}

impl QuarantineQuery {
    fn tenant(&self) -> Option<&str> {
        (!self.tenant.is_empty()).then_some(self.tenant.as_str())
    }
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<QuarantineQuery>,
) -> Result<Response, PageError> {
    let store = &state.store;
    let entries = store.quarantine_page(query.tenant(), ENTRIES_MAX).await?;
    render(&QuarantinePage {
        page: Page::new("Quarantine", "quarantine", &user),
        entries,
        tenants: store.quarantine_tenants().await?,
        standings: store.budgets_at(state.clock.now_ms()).await?,
        tenant: query.tenant,
    })
}

async fn export(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<QuarantineQuery>,
) -> Result<Response, PageError> {
    let entries = state
        .store
        .quarantine_page(query.tenant(), EXPORT_MAX)
        .await?;
    user.audit(
        &state,
        "quarantine.export",
        Decision::Allowed,
        "admin",
        query.tenant().unwrap_or("all"),
    )
    .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"quarantine.json\"",
        ),
    ];
    let text = serde_json::to_string(&entries).map_err(anyhow::Error::from)?;
    Ok((headers, text).into_response())
}
