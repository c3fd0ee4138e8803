//! Buttons of a schedule: run now, pause, go on, switch a customer, remove.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use spokegate_contract::TenantId;

use super::{keep, own, to};
use crate::mail::TestError;
use crate::schedule::{Fired, Refused, Schedule, fire};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::web::errors::PageError;
use crate::web::reports::picker::one;
use crate::web::reports::tenants_for;
use crate::web::session::{FormsUser, SignedIn};

/// `POST /schedules/{schedule}/act` with `act`, and `tenant` for a switch.
pub(super) async fn act(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let (schedule, report) = own(&state, &user, &id).await?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    match one(&pairs, "act").unwrap_or_default() {
        "run" => {
            let fired = run(&state, &user, &schedule).await?;
            return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, fired.place())]).into_response());
        }
        "test" => {
            test(&state, &user, &schedule).await?;
            let place = format!("/schedules/{}?tested=yes", schedule.id);
            return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response());
        }
        "pause" => keep::pause(&state, &user, &schedule).await?,
        "resume" => keep::resume(&state, &user, &schedule).await?,
        "delete" => {
            keep::remove(&state, &user, &schedule).await?;
            return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, "/schedules")]).into_response());
        }
        "switch" => {
            let known = tenants_for(&state, &user, &report);
            let id = one(&pairs, "tenant").unwrap_or_default();
            let tenant = known.iter().find(|tenant| tenant.id.as_str() == id);
            let tenant =
                tenant.ok_or_else(|| PageError::not_found("There is no such customer."))?;
            let is_off = schedule.plan.off.contains(&tenant.id);
            switch(&state, &user, schedule.clone(), (&tenant.id, is_off)).await?;
        }
        _ => return Err(PageError::bad_request("There is no such button.")),
    }
    Ok(to(&schedule.id))
}

/// Switches one customer of a schedule on or off.
///
/// # Errors
/// When it cannot be recorded.
pub(crate) async fn switch(
    state: &AppState,
    user: &SignedIn,
    mut schedule: Schedule,
    (tenant, on): (&TenantId, bool),
) -> Result<Schedule, PageError> {
    audit(state, user, &schedule, ("schedule.switch", tenant.as_str())).await?;
    let off = &mut schedule.plan.off;
    off.retain(|id| id != tenant);
    if !on {
        off.push(tenant.clone());
    }
    state.store.schedule_put(&schedule).await?;
    Ok(schedule)
}

/// Sends a letter of a schedule without a document, so that its receivers can be tried.
///
/// # Errors
/// When nobody receives it or may any more, there were too many, or the mail server does not take it.
pub(crate) async fn test(
    state: &AppState,
    user: &SignedIn,
    schedule: &Schedule,
) -> Result<(), PageError> {
    audit(state, user, schedule, ("mail.test", "by hand")).await?;
    let letter = schedule
        .plan
        .mail
        .as_ref()
        .filter(|_| state.config.mail.is_offered());
    let letter =
        letter.ok_or_else(|| PageError::bad_request("Nobody receives this schedule by mail."))?;
    let sent = crate::mail::test(state, user.person_id(), (&schedule.title, letter)).await;
    sent.map_err(|error| match &error {
        TestError::Elsewhere(_) => PageError::bad_request(error.to_string()),
        TestError::TooMany { seconds } => PageError::too_often(error.to_string(), *seconds),
        TestError::Post(_) => PageError::unavailable(error.to_string()),
    })
}

/// Orders now what a schedule orders when it is due.
///
/// # Errors
/// When too many wait, or it cannot be ordered any more.
pub(crate) async fn run(
    state: &AppState,
    user: &SignedIn,
    schedule: &Schedule,
) -> Result<Fired, PageError> {
    keep::free(schedule)?;
    audit(state, user, schedule, ("schedule.now", "by hand")).await?;
    let fired: Result<Fired, Refused> = fire(state, schedule, user.groups()).await;
    fired.map_err(|refused| match refused {
        Refused::Full => PageError::full(),
        Refused::Never(why) => PageError::bad_request(why),
        Refused::Failed(error) => PageError::internal(&error),
    })
}

async fn audit(
    state: &AppState,
    user: &SignedIn,
    schedule: &Schedule,
    (act, reason): (&str, &str),
) -> Result<(), PageError> {
    let subject = schedule.id.as_str();
    user.audit(state, act, Decision::Allowed, reason, subject)
        .await
}
