//! What is done with a schedule by hand: run it now, try its mail, switch one customer.

use super::shapes::ScheduleShape;
use crate::api::endpoint::{Call, Done, Found, Made, Nothing, Operation, Sent, add};
use crate::api::problem::Problem;
use crate::api::runs::Ordered;
use crate::auth::scope::Scope;
use crate::schedule::Fired;
use crate::web::Routes;
use crate::web::reports::tenants_for;
use crate::web::schedules::{act, own};
use axum::http::Method;
use schemars::JsonSchema;
use serde::Deserialize;

/// `/schedules/{schedule}/run`, `/test-mail` and `/tenants/{tenant}`.
pub(super) fn routes(routes: Routes) -> Routes {
    let about = |id, summary, details| Operation {
        id,
        summary,
        details,
        scope: Scope::SchedulesWrite,
    };
    let routes = add(
        routes,
        (Method::POST, "/api/v1/schedules/{schedule}/run"),
        about(
            "runSchedule",
            "Order now what a schedule orders when it is due",
            "When it is due next stays as it is.",
        ),
        run,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/schedules/{schedule}/test-mail"),
        about(
            "testMail",
            "Send the receivers of a schedule a letter without a document",
            "",
        ),
        test_mail,
    );
    add(
        routes,
        (Method::PUT, "/api/v1/schedules/{schedule}/tenants/{tenant}"),
        about(
            "switchTenant",
            "Switch one customer of a schedule on or off",
            "",
        ),
        switch,
    )
}

async fn run(call: Call, _: Nothing) -> Result<Made<Ordered>, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    let fired = act::run(&call.state, &call.user, &schedule).await;
    let fired = fired.map_err(|page| {
        let allowed = "a schedule whose report, customers and inputs are still there";
        let next = "Change it with PUT /api/v1/schedules/{schedule}.";
        Problem::of_page(page, ("schedule", allowed, next))
    })?;
    Ok(match fired {
        Fired::Run(id) => Ordered::run(&id),
        Fired::Batch(id) => Ordered::batch(&id),
    })
}

async fn test_mail(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    let sent = act::test(&call.state, &call.user, &schedule).await;
    sent.map_err(|page| {
        let allowed = "a schedule with mail, where the service sends mail";
        let next = "Set mail with PUT /api/v1/schedules/{schedule}.";
        Problem::of_page(page, ("mail", allowed, next))
    })?;
    Ok(Done)
}

/// Whether a schedule counts one customer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// `false` leaves the customer out until it is `true` again.
    pub on: bool,
}

async fn switch(call: Call, Sent(sent): Sent<Switch>) -> Result<Found<ScheduleShape>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let (schedule, report) = own(state, user, call.param("schedule")).await?;
    let known = tenants_for(state, user, &report);
    let plan = &schedule.plan;
    let tenant = known.into_iter().find(|tenant| {
        tenant.id.as_str() == call.param("tenant")
            && (plan.all || plan.tenants.contains(&tenant.id))
    });
    let tenant = tenant.ok_or_else(|| {
        Problem::not_found("This schedule has no such customer.")
            .at("tenant")
            .next("See its customers with GET /api/v1/schedules/{schedule}.")
    })?;
    let schedule = act::switch(state, user, schedule, (&tenant.id, sent.on)).await?;
    Ok(Found(ScheduleShape::new(schedule)))
}
