//! Everybody's runs: who made what for whom, how it went, and cancelling one. The documents stay with their owners.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::runs::history::{Asked, PAGE_RUNS, PAGES_MAX};
use super::runs::{again, stored, tenants};
use super::session::AdminUser;
use crate::mail::LetterRow;
use crate::runs::{Progress, RunId, RunState};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::runs::RunRow;

/// `/runs` and what is below it, on the admin listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/runs", Rule::Admin, list)
        .page("/runs/{run}", Rule::Admin, show)
        .post("/runs/{run}/cancel", Rule::Admin, cancel)
        .get("/runs/{run}/proof", Rule::Admin, proof)
        .post("/runs/{run}/proof", Rule::Admin, verify)
}

#[derive(Template)]
#[template(path = "admin_runs.html")]
struct RunsPage {
    page: Page,
    asked: Asked,
    people: Vec<(String, String)>,
    reports: Vec<(String, String)>,
    tenants: Vec<(String, String)>,
    states: [&'static str; 5],
    runs: Vec<Entry>,
    open: usize,
    earlier: String,
    later: String,
}

struct Entry {
    run: RunRow,
    tenants: String,
}

#[derive(Template)]
#[template(path = "admin_run.html")]
struct RunPage {
    page: Page,
    run: RunRow,
    tenants: String,
    progress: Progress,
    reasons: Vec<String>,
    letters: Vec<LetterRow>,
}

async fn list(
    State(state): State<AppState>,
    user: AdminUser,
    Query(mut asked): Query<Asked>,
) -> Result<Response, PageError> {
    asked.page = asked.page.min(PAGES_MAX);
    let filter = asked.filter(&state.config.runs.zone());
    let (offset, limit) = (asked.page * PAGE_RUNS, PAGE_RUNS + 1);
    let store = &state.store;
    let runs = store.runs_of_all(&asked.person, &filter, offset, limit);
    let mut runs = runs.await?;
    let more = runs.len() > PAGE_RUNS as usize;
    runs.truncate(PAGE_RUNS as usize);
    let entry = |run: RunRow| Entry {
        tenants: tenants(&state, &run),
        run,
    };
    let turned = |there: bool, page: u32| match there {
        true => asked.address(page),
        false => String::new(),
    };
    let known = state.engine.catalogue().iter();
    let customers = state.engine.tenants().iter();
    render(&RunsPage {
        page: Page::new("Runs", "runs", &user),
        people: store.run_owners().await?,
        reports: known
            .map(|report| (report.id.to_string(), report.title.clone()))
            .collect(),
        tenants: customers
            .map(|tenant| (tenant.id.to_string(), tenant.title.clone()))
            .collect(),
        states: RunState::ALL.map(RunState::as_str),
        open: store.runs_open().await?.len(),
        earlier: turned(more, asked.page.saturating_add(1)),
        later: turned(asked.page > 0, asked.page.saturating_sub(1)),
        runs: runs.into_iter().map(entry).collect(),
        asked,
    })
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (id, run) = known(&state, &id).await?;
    let watched = state.engine.watch(&run.owner_id, &id);
    let progress = match watched {
        Some(watched) if !run.state.is_final() => watched.borrow().clone(),
        _ => stored(&run),
    };
    render(&RunPage {
        page: Page::new(format!("Run: {}", run.title), "runs", &user),
        tenants: tenants(&state, &run),
        letters: state.store.letters_about(id.as_str()).await?,
        reasons: super::runs::reasons(&progress.reason),
        progress,
        run,
    })
}

async fn cancel(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (id, run) = known(&state, &id).await?;
    let subject = id.as_str();
    user.audit(&state, "run.cancel", Decision::Allowed, "admin", subject)
        .await?;
    state.engine.cancel(&run.owner_id, &id);
    Ok(Redirect::to(&format!("/runs/{id}")).into_response())
}

async fn proof(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (_, run) = known(&state, &id).await?;
    again::page(&state, &user, run, None)
}

async fn verify(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (id, run) = known(&state, &id).await?;
    let verdict = again::verified(&state, &user, &id, &run).await?;
    again::page(&state, &user, run, Some(verdict))
}

async fn known(state: &AppState, id: &str) -> Result<(RunId, RunRow), PageError> {
    let missing = || PageError::not_found("There is no such run.");
    let id: RunId = id.parse().map_err(|_| missing())?;
    let run = state.store.run(&id).await?.ok_or_else(missing)?;
    Ok((id, run))
}

#[cfg(test)]
mod tests;
