//! What one ran: runs and batches, with filters.

use super::endpoint::{Asked, Call, Found, Nothing, Operation, add};
use super::problem::Problem;
use super::runs::BatchShape;
use super::shapes::{RunShape, StateWord};
use crate::auth::scope::Scope;
use crate::schedule::milliseconds;
use crate::store::runs::RunFilter;
use crate::web::Routes;
use crate::web::runs::{PAGE_RUNS, PAGES_MAX, may_see, own_batches};
use axum::http::Method;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `/runs` and `/batches`.
pub(super) fn routes(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, "/api/v1/runs"),
        Operation {
            id: "listRuns",
            summary: "List one's own runs that are part of no batch, the newest first",
            details: "Pages have at most 50 runs; `next_page` is there while there are more.",
            scope: Scope::RunsRead,
        },
        list,
    );
    add(
        routes,
        (Method::GET, "/api/v1/batches"),
        Operation {
            id: "listBatches",
            summary: "List one's own latest batches, the newest first",
            details: "Without their runs: see `getBatch`.",
            scope: Scope::RunsRead,
        },
        batches,
    )
}

/// Which runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Of this report.
    pub report: Option<String>,
    /// For this customer, perhaps among others.
    pub tenant: Option<String>,
    /// In this state.
    pub state: Option<StateWord>,
    /// Ordered on this day or later.
    pub from: Option<String>,
    /// Ordered on this day or earlier.
    pub to: Option<String>,
    /// Which page, from 0.
    pub page: u32,
}

/// A page of runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunList {
    /// The runs of this page.
    pub runs: Vec<RunShape>,
    /// The page with earlier ones.
    pub next_page: Option<u32>,
}

/// Batches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BatchList {
    /// All of them, without their runs.
    pub batches: Vec<BatchShape>,
}

impl Filter {
    fn read(&self, zone: &TimeZone) -> Result<RunFilter, Problem> {
        Ok(RunFilter {
            report: id(self.report.as_deref(), "report")?,
            tenant: id(self.tenant.as_deref(), "tenant")?,
            state: self.state.map(Into::into),
            from_ms: midnight(self.from.as_deref(), "from", 0, zone)?.unwrap_or(0),
            before_ms: midnight(self.to.as_deref(), "to", 1, zone)?.unwrap_or(u64::MAX),
        })
    }
}

fn id<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: Option<&str>,
    place: &str,
) -> Result<Option<T>, Problem> {
    let read = text.map(str::parse).transpose();
    read.map_err(|error| Problem::refused(place, format!("That is no id: {error}.")))
}

/// When a day begins, or the day so many after it.
fn midnight(
    text: Option<&str>,
    place: &str,
    after: i8,
    zone: &TimeZone,
) -> Result<Option<u64>, Problem> {
    let Some(text) = text else {
        return Ok(None);
    };
    let begins = text.parse::<Date>().and_then(|day| {
        let day = day.checked_add(jiff::Span::new().days(after))?;
        day.to_zoned(zone.clone())
    });
    let begins = begins.map_err(|_| {
        Problem::refused(place, format!("{text:?} is no day.")).allowed("a day such as 2026-11-22")
    })?;
    Ok(Some(milliseconds(begins.timestamp())))
}

async fn list(call: Call, Asked(asked): Asked<Filter>) -> Result<Found<RunList>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let filter = asked.read(&state.config.runs.zone())?;
    let page = asked.page.min(PAGES_MAX);
    let found = state
        .store
        .runs_of(user.person_id(), &filter, page * PAGE_RUNS, PAGE_RUNS + 1);
    let mut found = found.await?;
    let more = found.len() > PAGE_RUNS as usize;
    found.truncate(PAGE_RUNS as usize);
    let rights = user.rights(state);
    let seen = found
        .into_iter()
        .filter(|run| may_see((state, user), &rights, run));
    Ok(Found(RunList {
        runs: seen.map(RunShape::stored).collect(),
        next_page: more.then_some(page + 1),
    }))
}

async fn batches(call: Call, _: Nothing) -> Result<Found<BatchList>, Problem> {
    let found = own_batches(&call.state, &call.user).await?;
    let shape =
        |(batch, tally): (_, crate::runs::Tally)| BatchShape::new(batch, tally.into(), Vec::new());
    Ok(Found(BatchList {
        batches: found.into_iter().map(shape).collect(),
    }))
}
