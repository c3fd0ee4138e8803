//! The log of a satellite's Node-RED, for programs: the last lines, and by a cursor those that come.

use std::time::Duration;

use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::endpoint::{Asked, Call, Found, Operation, add};
use super::problem::Problem;
use super::shapes::at;
use crate::auth::scope::Scope;
use crate::satellite_log::{DATASET, Fresh};
use crate::store::audit::Decision;
use crate::store::satellite_log::{LogFilter, LogLine};
use crate::web::Routes;
use crate::web::admin_satellite_log::find;

/// Lines of an answer unless it is told otherwise, and at most.
const TAIL: u32 = 200;
const TAIL_MAX: u32 = 5_000;
/// Bytes of what is searched.
const SEARCH_BYTES_MAX: usize = 200;
/// How long an answer waits for the satellite's.
const WAIT: Duration = Duration::from_secs(5);

/// `/satellites/{tenant}/{satellite}/log`.
pub(super) fn routes(routes: Routes) -> Routes {
    let about = Operation {
        id: "readSatelliteLog",
        summary: "Read the log of a satellite's Node-RED",
        details: "The satellite is asked for its newest lines, at most every two seconds however many look; the answer waits five seconds for \
                  it, and then has what is kept here. Give `next` as `after` to read on. A service token sees the satellites of its customers.",
        scope: Scope::AdminRead,
    };
    let place = (Method::GET, "/api/v1/satellites/{tenant}/{satellite}/log");
    add(routes, place, about, read)
}

/// Which lines.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogQuery {
    /// At most so many: the last ones, or with `after` the first ones behind it; 200 without, 5,000 at most.
    pub tail: Option<u32>,
    /// Only lines with a larger number: `next` of the answer before.
    pub after: Option<u64>,
    /// Only lines that hold this, in whichever case.
    pub search: String,
}

/// Lines of a satellite's Node-RED.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SatelliteLog {
    /// In order.
    pub lines: Vec<LogLineShape>,
    /// What `after` is for the lines to come; nothing before the first.
    pub next: Option<u64>,
    /// When the satellite last answered; nothing when it was not asked of late.
    pub answered_at: Option<String>,
    /// Why its newest lines may be missing; empty when they are not.
    pub missing: String,
}

/// A line.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LogLine")]
pub struct LogLineShape {
    /// Its number at the satellite.
    pub number: u64,
    /// When it was written, by the satellite's clock.
    pub at: Option<String>,
    /// `out`, `err` or `keeper`.
    pub stream: String,
    /// What it says.
    pub line: String,
    /// Lines before it that went before they could be sent.
    pub lost: u64,
}

async fn read(call: Call, Asked(asked): Asked<LogQuery>) -> Result<Found<SatelliteLog>, Problem> {
    let lines_max = asked.tail.unwrap_or(TAIL);
    if !(1..=TAIL_MAX).contains(&lines_max) {
        let detail = format!("{lines_max} lines cannot be asked for.");
        return Err(Problem::refused("tail", detail).allowed(format!("1 to {TAIL_MAX}")));
    }
    if asked.search.len() > SEARCH_BYTES_MAX {
        return Err(Problem::refused("search", "That is too long to search.").allowed("200 bytes"));
    }
    let none = || Problem::not_found("There is no such satellite.");
    let found = find(&call.state, call.param("tenant"), call.param("satellite")).await?;
    let rights = call.user.rights(&call.state);
    let satellite = found
        .filter(|satellite| rights.sees(&satellite.address.tenant))
        .ok_or_else(none)?;
    let address = satellite.address;
    if asked.after.is_none() {
        let about = address.to_string();
        call.user
            .audit(
                &call.state,
                "satellite.log",
                Decision::Allowed,
                "admin",
                &about,
            )
            .await?;
    }
    let supplied = satellite
        .datasets
        .iter()
        .any(|(dataset, _)| dataset.as_str() == DATASET);
    let (fresh, missing) = match (supplied, satellite.online) {
        (false, _) => (
            Fresh::default(),
            "the satellite does not supply its log".to_owned(),
        ),
        (_, false) => (Fresh::default(), "the satellite is offline".to_owned()),
        (true, true) => {
            let mut heard = call.state.satellite_logs.look(&call.state, &address);
            let waited = tokio::time::timeout(WAIT, heard.wait_for(|fresh| !fresh.asking)).await;
            let fresh = waited.ok().and_then(Result::ok).map(|fresh| fresh.clone());
            let late = "the satellite has not answered yet".to_owned();
            let missing = fresh
                .as_ref()
                .map_or(late, |fresh| fresh.failure.clone().unwrap_or_default());
            (fresh.unwrap_or_default(), missing)
        }
    };
    let filter = LogFilter {
        after: asked.after,
        text: asked.search,
        lines_max,
    };
    let lines = call.state.store.satellite_log(&address, &filter).await?;
    Ok(Found(SatelliteLog {
        next: lines.last().map(|line| line.number).or(asked.after),
        lines: lines.into_iter().map(shape).collect(),
        answered_at: fresh.answered_ms.and_then(at),
        missing,
    }))
}

fn shape(line: LogLine) -> LogLineShape {
    LogLineShape {
        number: line.number,
        at: at(line.at_ms),
        stream: line.stream,
        line: line.line,
        lost: line.lost,
    }
}
