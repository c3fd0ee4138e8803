//! Everybody's schedules, and letting one stand still.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::schedules::{due, resumed};
use super::session::AdminUser;
use crate::schedule::{HELD, Schedule, ScheduleId};
use crate::state::AppState;
use crate::store::audit::Decision;

/// `/schedules` on the admin listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/schedules", Rule::Admin, list)
        .post("/schedules/{schedule}/pause", Rule::Admin, pause)
        .post("/schedules/{schedule}/resume", Rule::Admin, resume)
}

#[derive(Template)]
#[template(path = "admin_schedules.html")]
struct SchedulesPage {
    page: Page,
    rows: Vec<Row>,
}

struct Row {
    schedule: Schedule,
    /// The report's title; its id when there is no such report any more.
    report: String,
    customers: String,
    next: String,
}

async fn list(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let schedules = state.store.schedules().await?;
    render(&SchedulesPage {
        page: Page::new("Schedules", "schedules", &user),
        rows: schedules
            .into_iter()
            .map(|schedule| row(&state, schedule))
            .collect(),
    })
}

fn row(state: &AppState, schedule: Schedule) -> Row {
    let id = schedule.report.parse().ok();
    let report = id.and_then(|id| state.engine.catalogue().get(&id));
    let report = report.map_or_else(|| schedule.report.clone(), |report| report.title.clone());
    let meant = schedule.plan.tenants(state.engine.tenants().iter());
    let customers = match meant.as_slice() {
        _ if schedule.plan.all && schedule.plan.off.is_empty() => "all".to_owned(),
        [] => "none".to_owned(),
        [one] => one.to_string(),
        many => format!("{} of them", many.len()),
    };
    Row {
        report,
        customers,
        next: due(&schedule),
        schedule,
    }
}

async fn pause(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let schedule = known(&state, &id).await?;
    let subject = schedule.id.as_str();
    user.audit(
        &state,
        "schedule.pause",
        Decision::Allowed,
        "admin",
        subject,
    )
    .await?;
    let store = &state.store;
    store.schedule_pause(&schedule.id, true, HELD).await?;
    Ok(Redirect::to("/schedules").into_response())
}

async fn resume(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let schedule = known(&state, &id).await?;
    let subject = schedule.id.as_str();
    user.audit(
        &state,
        "schedule.resume",
        Decision::Allowed,
        "admin",
        subject,
    )
    .await?;
    state.store.schedule_put(&resumed(&state, schedule)).await?;
    Ok(Redirect::to("/schedules").into_response())
}

async fn known(state: &AppState, id: &str) -> Result<Schedule, PageError> {
    let missing = || PageError::not_found("There is no such schedule.");
    let id: ScheduleId = id.parse().map_err(|_| missing())?;
    state.store.schedule(&id).await?.ok_or_else(missing)
}

#[cfg(test)]
mod tests;
