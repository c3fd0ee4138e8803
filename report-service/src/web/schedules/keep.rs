//! Acts on a person's own schedules, each with its record.

use crate::reports::Report;
use crate::schedule::{Plan, Schedule, ScheduleId, milliseconds, moment};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::web::errors::PageError;
use crate::web::schedules::form;
use crate::web::session::SignedIn;

/// Schedules of one person.
pub(crate) const SCHEDULES_MAX: usize = 200;

/// A new schedule of a report, not yet stored.
///
/// # Errors
/// When the person has as many as one may.
pub(crate) async fn blank(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
) -> Result<Schedule, PageError> {
    let count = state.store.schedules_of(user.person_id()).await?.len();
    if count >= SCHEDULES_MAX {
        return Err(PageError::bad_request(format!(
            "You have {count} schedules, and {SCHEDULES_MAX} is the most. Remove one first."
        )));
    }
    Ok(Schedule {
        id: ScheduleId::random().map_err(|error| PageError::internal(&error))?,
        title: String::new(),
        report: report.id.to_string(),
        owner_id: user.person_id().into(),
        owner_title: user.title().into(),
        plan: form::blank(),
        paused: false,
        note: String::new(),
        next_at_ms: None,
        last_at_ms: 0,
        last_place: String::new(),
        claimed_at_ms: 0,
        created_at_ms: state.clock.now_ms(),
    })
}

/// Stores a schedule with a new plan; customers that were switched off stay so.
///
/// # Errors
/// When it cannot be recorded: then it stays as it was.
pub(crate) async fn set(
    state: &AppState,
    user: &SignedIn,
    schedule: Schedule,
    (title, plan): (String, Plan),
) -> Result<Schedule, PageError> {
    let next = plan.timing.next_after(moment(state.clock.now_ms()));
    let schedule = Schedule {
        title,
        next_at_ms: next.map(milliseconds),
        note: if schedule.is_held() {
            schedule.note
        } else {
            String::new()
        },
        plan: Plan {
            off: schedule.plan.off,
            ..plan
        },
        ..schedule
    };
    let subject = format!("{} {}", schedule.id, schedule.report);
    let words = schedule.plan.timing.words();
    user.audit(state, "schedule.set", Decision::Allowed, &words, &subject)
        .await?;
    state.store.schedule_put(&schedule).await?;
    Ok(schedule)
}

/// Lets a schedule stand still.
///
/// # Errors
/// When it cannot be recorded.
pub(crate) async fn pause(
    state: &AppState,
    user: &SignedIn,
    schedule: &Schedule,
) -> Result<(), PageError> {
    free(schedule)?;
    audit(state, user, "schedule.pause", schedule).await?;
    state.store.schedule_pause(&schedule.id, true, "").await?;
    Ok(())
}

/// Lets a schedule go on. What was missed meanwhile is not made up for.
///
/// # Errors
/// When it cannot be recorded.
pub(crate) async fn resume(
    state: &AppState,
    user: &SignedIn,
    schedule: &Schedule,
) -> Result<(), PageError> {
    free(schedule)?;
    audit(state, user, "schedule.resume", schedule).await?;
    let now = moment(state.clock.now_ms());
    let schedule = Schedule {
        paused: false,
        note: String::new(),
        next_at_ms: schedule.plan.timing.next_after(now).map(milliseconds),
        ..schedule.clone()
    };
    state.store.schedule_put(&schedule).await?;
    Ok(())
}

/// Refuses what would undo that an administrator let it stand still.
///
/// # Errors
/// When that is so.
pub(crate) fn free(schedule: &Schedule) -> Result<(), PageError> {
    if schedule.is_held() {
        return Err(PageError::forbidden(
            "An administrator paused this schedule.",
            "Ask your administrator to let it go on.",
        ));
    }
    Ok(())
}

/// Removes a schedule.
///
/// # Errors
/// When it cannot be recorded.
pub(crate) async fn remove(
    state: &AppState,
    user: &SignedIn,
    schedule: &Schedule,
) -> Result<(), PageError> {
    audit(state, user, "schedule.remove", schedule).await?;
    let owner_id = user.person_id();
    state.store.schedule_delete(owner_id, &schedule.id).await?;
    Ok(())
}

async fn audit(
    state: &AppState,
    user: &SignedIn,
    act: &str,
    schedule: &Schedule,
) -> Result<(), PageError> {
    let subject = schedule.id.as_str();
    user.audit(state, act, Decision::Allowed, "by hand", subject)
        .await
}
