//! Buttons of a schedule: run now, pause, go on, switch a customer, remove.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::{keep, own, to};
use crate::schedule::{Fired, Refused, Schedule, fire};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::web::errors::PageError;
use crate::web::reports::picker::one;
use crate::web::reports::tenants_for;
use crate::web::session::FormsUser;

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
    let audit = async |act: &str, reason: &str| {
        let subject = schedule.id.as_str();
        user.audit(&state, act, Decision::Allowed, reason, subject)
            .await
    };
    match one(&pairs, "act").unwrap_or_default() {
        "run" => {
            audit("schedule.now", "by hand").await?;
            return run(&state, &user, &schedule).await;
        }
        "test" => {
            audit("mail.test", "by hand").await?;
            return test(&state, &schedule).await;
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
            audit("schedule.switch", id).await?;
            let mut changed = schedule.clone();
            let off = &mut changed.plan.off;
            match off.iter().position(|id| *id == tenant.id) {
                Some(at) => drop(off.remove(at)),
                None => off.push(tenant.id.clone()),
            }
            state.store.schedule_put(&changed).await?;
        }
        _ => return Err(PageError::bad_request("There is no such button.")),
    }
    Ok(to(&schedule.id))
}

async fn test(state: &AppState, schedule: &Schedule) -> Result<Response, PageError> {
    let letter = schedule
        .plan
        .mail
        .as_ref()
        .filter(|_| state.config.mail.is_offered());
    let letter =
        letter.ok_or_else(|| PageError::bad_request("Nobody receives this schedule by mail."))?;
    match crate::mail::test(state, &schedule.title, letter).await {
        Ok(()) => {
            let place = format!("/schedules/{}?tested=yes", schedule.id);
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response())
        }
        Err(error) => Err(PageError::unavailable(error.to_string())),
    }
}

async fn run(
    state: &AppState,
    user: &FormsUser,
    schedule: &Schedule,
) -> Result<Response, PageError> {
    let fired: Result<Fired, Refused> = fire(state, schedule, user.groups()).await;
    match fired {
        Ok(fired) => {
            Ok((StatusCode::SEE_OTHER, [(header::LOCATION, fired.place())]).into_response())
        }
        Err(Refused::Full) => Err(PageError::unavailable(
            "Too many reports are waiting already.",
        )),
        Err(Refused::Never(why)) => Err(PageError::bad_request(why)),
        Err(Refused::Failed(error)) => Err(PageError::internal(&error)),
    }
}
