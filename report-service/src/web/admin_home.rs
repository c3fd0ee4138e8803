//! The first page of the admin listener: what wants somebody, and how the day goes.

mod wants;

use super::admin_satellites;
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::everybody::RunCounts;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use wants::{Facts, Want};

/// Sessions counted at most; beyond that the page says as many.
const SESSIONS_MAX: u32 = 10_000;
/// What is counted happened in this time: a day.
const RECENT_MS: u64 = 86_400_000;
/// Drafts counted at most.
const DRAFTS_MAX: u32 = 1_000;

/// `/`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.page("/", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_home.html")]
struct HomePage {
    page: Page,
    wants: Vec<Want>,
    online: usize,
    satellites: usize,
    runs: RunCounts,
    open: usize,
    drafts: usize,
    schedules: usize,
    /// When the next of them is due.
    next: String,
    sessions: usize,
    records: i64,
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let (store, now_ms) = (&state.store, state.clock.now_ms());
    let since_ms = now_ms.saturating_sub(RECENT_MS);
    let seen = admin_satellites::seen(&state).await?;
    let runs = store.runs_counted(since_ms).await?;
    let schedules = store.schedules().await?;
    let active = || schedules.iter().filter(|schedule| !schedule.paused);
    let late = active().filter(|schedule| !schedule.note.is_empty());
    let late = late.map(|schedule| {
        let name = format!("{} of {}", schedule.title, schedule.owner_title);
        (name, schedule.note.clone())
    });
    let late: Vec<_> = late.collect();
    let next_ms = active().filter_map(|schedule| schedule.next_at_ms).min();
    let parts = state.health.all();
    let facts = Facts {
        parts: &parts,
        satellites: &seen.warnings,
        silent: &seen.silent,
        failed_runs: runs.failed,
        refused: store.quarantined_since(since_ms).await?,
        schedules: &late,
    };
    let records = store.audit_page(None, 1).await?;
    render(&HomePage {
        page: Page::new("Overview", "home", &user),
        wants: wants::of(&facts),
        online: seen.online,
        satellites: seen.satellites,
        runs,
        open: store.runs_open().await?.len(),
        drafts: store.runs_in_review(DRAFTS_MAX).await?.len(),
        schedules: active().count(),
        next: next_ms.map_or_else(String::new, crate::text::when),
        sessions: store.sessions_live(now_ms, SESSIONS_MAX).await?.len(),
        records: records.first().map_or(0, |record| record.sequence),
    })
}
