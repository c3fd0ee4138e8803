//! Ordering runs and batches, watching them, cancelling them, making them again, and fetching their documents.

pub mod order;
pub mod preview;
pub mod proof;

use super::endpoint::{Asked, Call, Done, File, Found, Made, Media, Nothing, Operation, add};
use super::problem::Problem;
use super::shapes::{FileWord, RunShape, TallyShape, at};
use crate::auth::scope::Scope;
use crate::store::audit::Decision;
use crate::store::batches::BatchRow;
use crate::store::runs::RunRow;
use crate::web::{Routes, batches, downloads, runs};
use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait for a run's end in one request.
const WAIT_MS_MAX: u64 = 25_000;

/// `/runs/{run}`, `/batches/{batch}` and what is below them, and the order for either.
pub(super) fn routes(routes: Routes) -> Routes {
    let routes = batch_routes(run_routes(routes));
    preview::routes(proof::routes(routes))
}

fn about(
    id: &'static str,
    summary: &'static str,
    details: &'static str,
    scope: Scope,
) -> Operation {
    Operation {
        id,
        summary,
        details,
        scope,
    }
}

fn run_routes(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::POST, "/api/v1/reports/{report}/runs"),
        about(
            "orderRun",
            "Order a report for one, several or all customers",
            "One document about all of them is a run; a document for each of several is a batch.",
            Scope::RunsOrder,
        ),
        order::order,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/runs/{run}"),
        about("getRun", "See where a run stands", "", Scope::RunsRead),
        show,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/runs/{run}/cancel"),
        about(
            "cancelRun",
            "Cancel a run",
            "A run that has ended stays as it is.",
            Scope::RunsOrder,
        ),
        cancel,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/runs/{run}/again"),
        about(
            "repeatRun",
            "Make a run again, with the same data or with fresh data",
            "",
            Scope::RunsOrder,
        ),
        order::again,
    );
    add(
        routes,
        (Method::GET, "/api/v1/runs/{run}/document"),
        about("getDocument", "Fetch a run's document", "", Scope::RunsRead),
        document,
    )
}

fn batch_routes(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, "/api/v1/batches/{batch}"),
        about(
            "getBatch",
            "See where a batch stands, with a result for each customer",
            "",
            Scope::RunsRead,
        ),
        batch,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/batches/{batch}/cancel"),
        about(
            "cancelBatch",
            "Cancel what has not ended of a batch",
            "",
            Scope::RunsOrder,
        ),
        cancel_batch,
    );
    add(
        routes,
        (Method::GET, "/api/v1/batches/{batch}/documents"),
        about(
            "getDocuments",
            "Fetch all documents of a batch in one archive",
            "It holds results.csv with a line for each customer, too.",
            Scope::RunsRead,
        ),
        documents,
    )
}

/// How a run is looked at.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Wait so many milliseconds for the run's end before answering, at most 25000.
    #[serde(default)]
    pub wait_ms: u64,
}

async fn show(call: Call, Asked(wait): Asked<Wait>) -> Result<Found<RunShape>, Problem> {
    let (state, user, id) = (&call.state, &call.user, call.param("run"));
    let watch = |id: &str| {
        let id = id.parse().ok()?;
        state.engine.watch(user.person_id(), &id)
    };
    // Watch before reading, so that an end in between is not missed.
    if let (Some(mut watched), true) = (watch(id), wait.wait_ms > 0) {
        let ended = watched.wait_for(|progress| progress.state.is_final());
        let most = Duration::from_millis(wait.wait_ms.min(WAIT_MS_MAX));
        // When the time is over, the run is shown as it stands.
        let _ = tokio::time::timeout(most, ended).await;
    }
    let (_, run) = runs::own(state, user, id).await?;
    Ok(Found(standing(&call, run)))
}

/// A run with what is known of its progress.
fn standing(call: &Call, run: RunRow) -> RunShape {
    let watched = call.state.engine.watch(call.user.person_id(), &run.id);
    match watched {
        Some(watched) if !run.state.is_final() => {
            let progress = watched.borrow().clone();
            RunShape::new(run, progress)
        }
        _ => RunShape::stored(run),
    }
}

async fn cancel(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (state, user) = (&call.state, &call.user);
    let (id, run) = runs::own(state, user, call.param("run")).await?;
    if run.state.is_final() {
        let detail = format!("This run has ended already: it is {}.", run.state);
        return Err(Problem::conflict(detail).next("Nothing: there is nothing to cancel."));
    }
    runs::call_off(state, user, &id).await?;
    Ok(Done)
}

/// Which file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// `docx` or `pdf`; without, the first that the run made.
    #[serde(rename = "as", default)]
    pub format: Option<FileWord>,
}

/// Documents.
pub struct Documents;

impl Media for Documents {
    const TYPES: &'static [&'static str] = &[
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/pdf",
    ];
}

async fn document(call: Call, Asked(which): Asked<Which>) -> Result<File<Documents>, Problem> {
    let (id, run) = runs::own(&call.state, &call.user, call.param("run")).await?;
    let format = which.format.map(Into::into);
    let sent = downloads::document(&call.state, &call.user, (&id, &run), format).await?;
    Ok(File::of(sent))
}

/// A batch with its runs.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Batch")]
pub struct BatchShape {
    /// Its id.
    pub id: String,
    /// The report's id.
    pub report: String,
    /// The report's title at that time.
    pub title: String,
    /// When it was ordered.
    pub created_at: Option<String>,
    /// The schedule that ordered it.
    pub schedule: Option<String>,
    /// How many runs stand where.
    pub tally: TallyShape,
    /// A run for each customer.
    pub runs: Vec<RunShape>,
}

impl BatchShape {
    /// From what is stored.
    pub(super) fn new(batch: BatchRow, tally: TallyShape, runs: Vec<RunShape>) -> Self {
        Self {
            id: batch.id.to_string(),
            created_at: at(batch.created_at_ms),
            schedule: (!batch.schedule.is_empty()).then_some(batch.schedule),
            report: batch.report,
            title: batch.title,
            tally,
            runs,
        }
    }
}

async fn batch(call: Call, _: Nothing) -> Result<Found<BatchShape>, Problem> {
    let (batch, runs) = batches::own(&call.state, &call.user, call.param("batch")).await?;
    let tally = batches::tally(&runs).into();
    let runs = runs.into_iter().map(|run| standing(&call, run)).collect();
    Ok(Found(BatchShape::new(batch, tally, runs)))
}

async fn cancel_batch(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (state, user) = (&call.state, &call.user);
    let (batch, _) = batches::own(state, user, call.param("batch")).await?;
    let id = batch.id;
    user.audit(
        state,
        "batch.cancel",
        Decision::Allowed,
        "own-batch",
        id.as_str(),
    )
    .await?;
    state.engine.cancel_batch(user.person_id(), &id).await?;
    Ok(Done)
}

/// An archive.
pub struct Archive;

impl Media for Archive {
    const TYPES: &'static [&'static str] = &["application/zip"];
}

async fn documents(call: Call, _: Nothing) -> Result<File<Archive>, Problem> {
    let found = batches::own(&call.state, &call.user, call.param("batch")).await?;
    let sent = batches::archive(&call.state, &call.user, found).await?;
    Ok(File::of(sent))
}

/// What was ordered.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ordered {
    /// `run` or `batch`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Where it is to be watched.
    pub href: String,
}

impl Ordered {
    pub(super) fn run(id: &impl std::fmt::Display) -> Made<Self> {
        Self::made("run", "runs", id)
    }

    pub(super) fn batch(id: &impl std::fmt::Display) -> Made<Self> {
        Self::made("batch", "batches", id)
    }

    fn made(kind: &str, folder: &str, id: &impl std::fmt::Display) -> Made<Self> {
        let href = format!("{}/{folder}/{id}", super::ROOT);
        let ordered = Self {
            kind: kind.to_owned(),
            id: id.to_string(),
            href: href.clone(),
        };
        Made(href, ordered)
    }
}
