//! One's own schedules: list, make, change, pause, go on, remove.

pub mod acts;
mod read;
pub mod shapes;

use super::endpoint::{Call, Done, Found, Made, Nothing, Operation, Sent, add};
use super::problem::Problem;
use crate::auth::scope::Scope;
use crate::schedule::Schedule;
use crate::web::Routes;
use crate::web::reports::find;
use crate::web::schedules::{keep, own};
use axum::http::Method;
use read::read;
use shapes::{NewSchedule, ScheduleList, ScheduleShape};

/// `/schedules` and what is below it.
pub(super) fn routes(routes: Routes) -> Routes {
    let about = |id, summary, details| Operation {
        id,
        summary,
        details,
        scope: Scope::SchedulesWrite,
    };
    let routes = add(
        routes,
        (Method::GET, "/api/v1/schedules"),
        about("listSchedules", "List one's own schedules", ""),
        list,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/schedules"),
        about(
            "makeSchedule",
            "Make a schedule",
            "It runs with the rights that its owner has at that time.",
        ),
        make,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/schedules/{schedule}"),
        about("getSchedule", "See a schedule", ""),
        show,
    );
    let routes = add(
        routes,
        (Method::PUT, "/api/v1/schedules/{schedule}"),
        about(
            "setSchedule",
            "Change a schedule",
            "The body is the whole of it; its report stays.",
        ),
        change,
    );
    let routes = add(
        routes,
        (Method::DELETE, "/api/v1/schedules/{schedule}"),
        about("removeSchedule", "Remove a schedule", ""),
        remove,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/schedules/{schedule}/pause"),
        about("pauseSchedule", "Let a schedule stand still", ""),
        pause,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/schedules/{schedule}/resume"),
        about(
            "resumeSchedule",
            "Let a schedule go on",
            "What was missed meanwhile is not made up for.",
        ),
        resume,
    );
    acts::routes(routes)
}

async fn list(call: Call, _: Nothing) -> Result<Found<ScheduleList>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let schedules = state.store.schedules_of(user.person_id()).await?;
    let may = |schedule: &Schedule| find(state, user, &schedule.report).is_ok();
    let schedules = schedules.into_iter().filter(may).map(ScheduleShape::new);
    Ok(Found(ScheduleList {
        schedules: schedules.collect(),
    }))
}

async fn show(call: Call, _: Nothing) -> Result<Found<ScheduleShape>, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    Ok(Found(ScheduleShape::new(schedule)))
}

async fn make(call: Call, Sent(sent): Sent<NewSchedule>) -> Result<Made<ScheduleShape>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let report =
        find(state, user, &sent.report).map_err(|page| Problem::from(page).at("report"))?;
    let read = read(&call, &report, sent).await?;
    let blank = keep::blank(state, user, &report).await.map_err(|page| {
        let allowed = format!("at most {} schedules of a person", keep::SCHEDULES_MAX);
        let next = "Remove one with DELETE /api/v1/schedules/{schedule}.";
        Problem::of_page(page, ("body", allowed, next))
    })?;
    let schedule = keep::set(state, user, blank, read).await?;
    let place = format!("{}/schedules/{}", super::ROOT, schedule.id);
    Ok(Made(place, ScheduleShape::new(schedule)))
}

async fn change(
    call: Call,
    Sent(sent): Sent<NewSchedule>,
) -> Result<Found<ScheduleShape>, Problem> {
    let (schedule, report) = own(&call.state, &call.user, call.param("schedule")).await?;
    if sent.report != schedule.report {
        return Err(
            Problem::refused("report", "The report of a schedule stays as it is.")
                .allowed(schedule.report)
                .next("Make another schedule."),
        );
    }
    let read = read(&call, &report, sent).await?;
    let schedule = keep::set(&call.state, &call.user, schedule, read).await?;
    Ok(Found(ScheduleShape::new(schedule)))
}

async fn remove(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    keep::remove(&call.state, &call.user, &schedule).await?;
    Ok(Done)
}

async fn pause(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    keep::pause(&call.state, &call.user, &schedule).await?;
    Ok(Done)
}

async fn resume(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    keep::resume(&call.state, &call.user, &schedule).await?;
    Ok(Done)
}
