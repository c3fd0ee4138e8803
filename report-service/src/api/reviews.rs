//! Documents that are held for review, for those who may release them.

use super::endpoint::coming::Coming;
use super::endpoint::{Asked, Call, File, Found, Nothing, Operation, Sent, add};
use super::problem::Problem;
use super::runs::Documents;
use super::shapes::RunShape;
use super::templates::WordFile;
use crate::auth::scope::Scope;
use crate::runs::{DECIDED, Format, NotReplaced, Review};
use crate::store::runs::RunRow;
use crate::web::Routes;
use crate::web::multipart::UPLOAD_BYTES_MAX;
use crate::web::reviews::{self, REASON_CHARS_MAX, to_review, waiting};
use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `/reviews` and what is below it.
pub(super) fn routes(routes: Routes) -> Routes {
    let about = |id, summary| Operation {
        id,
        summary,
        details: "",
        scope: Scope::ReviewsRelease,
    };
    let routes = add(
        routes,
        (Method::GET, "/api/v1/reviews"),
        about("listReviews", "List the documents that wait for a review"),
        list,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/reviews/{run}/draft"),
        about("getDraft", "Fetch the draft of a document"),
        draft,
    );
    let routes = add(
        routes,
        (Method::PUT, "/api/v1/reviews/{run}/draft"),
        Operation {
            details: "It passes the checks that templates pass. Where the run makes a PDF, that is made of it. The answer has the new digests; nothing is released.",
            ..about(
                "replaceDraft",
                "Put an edited Word file in the place of a draft",
            )
        },
        replace,
    );
    add(
        routes,
        (Method::POST, "/api/v1/reviews/{run}/decide"),
        about("decideReview", "Release a document or reject it"),
        decide,
    )
}

/// Documents that wait.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReviewList {
    /// The runs that made them.
    pub runs: Vec<RunShape>,
}

/// A decision.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// `release` or `reject`.
    pub decision: DecisionWord,
    /// SHA-256 in hexadecimal of the draft that was looked at: of the first of the run's files.
    pub sha256: String,
    /// Why it is rejected.
    #[serde(default)]
    pub reason: String,
}

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Decision")]
pub enum DecisionWord {
    /// The document may go out.
    Release,
    /// It may not.
    Reject,
}

async fn list(call: Call, _: Nothing) -> Result<Found<ReviewList>, Problem> {
    let runs = waiting(&call.state, &call.user).await?;
    let runs = runs.into_iter().map(RunShape::stored).collect();
    Ok(Found(ReviewList { runs }))
}

async fn draft(call: Call, _: Nothing) -> Result<File<Documents>, Problem> {
    let found = to_review(&call.state, &call.user, call.param("run")).await?;
    let sent = reviews::send_draft(&call.state, &call.user, found).await?;
    Ok(File::of(sent))
}

/// Which draft was looked at.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// SHA-256 in hexadecimal of the draft that was looked at: of the first of the run's files.
    pub sha256: String,
}

async fn replace(
    call: Call,
    (Asked(seen), mut coming): (Asked<Seen>, Coming<WordFile>),
) -> Result<Found<RunShape>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let found = to_review(state, user, call.param("run")).await;
    let (id, run) = coming.unless(found.map_err(Problem::from)).await?;
    coming.unless(may_replace(&run, &seen.sha256)).await?;
    let taken = coming.take(&call, UPLOAD_BYTES_MAX).await?;
    match reviews::replace(state, user, &run, &taken.bytes).await? {
        Ok(()) => {}
        Err(NotReplaced::Late) => return Err(late()),
        Err(NotReplaced::Refused(words)) => return Err(Problem::refused("body", words)),
    }
    let (_, run) = to_review(state, user, id.as_str()).await?;
    Ok(Found(RunShape::stored(run)))
}

/// Whether an edited version of that draft is taken.
fn may_replace(run: &RunRow, seen: &str) -> Result<(), Problem> {
    if run.review != Review::Waiting || seen != reviews::digest(run) {
        return Err(late());
    }
    if !run.formats.has(Format::Word) {
        let detail = "This document is a PDF alone, of which no edited version is taken.";
        return Err(Problem::refused("run", detail).allowed("runs that make a Word document"));
    }
    Ok(())
}

/// Somebody was faster.
fn late() -> Problem {
    Problem::conflict(DECIDED)
        .at("run")
        .allowed("documents whose review is waiting")
        .next("List what waits with GET /api/v1/reviews.")
}

async fn decide(call: Call, Sent(sent): Sent<Decide>) -> Result<Found<RunShape>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let (id, run) = to_review(state, user, call.param("run")).await?;
    let (review, reason) = match sent.decision {
        DecisionWord::Release => (Review::Released, ""),
        DecisionWord::Reject => (Review::Rejected, sent.reason.trim()),
    };
    let length = reason.chars().count();
    if review == Review::Rejected && (length == 0 || length > REASON_CHARS_MAX) {
        return Err(Problem::refused("reason", "Say why it is rejected.")
            .allowed(format!("1 to {REASON_CHARS_MAX} characters")));
    }
    let seen = (&run, sent.sha256.as_str());
    if !reviews::settle(state, user, seen, (review, reason)).await? {
        return Err(late());
    }
    let (_, run) = to_review(state, user, id.as_str()).await?;
    Ok(Found(RunShape::stored(run)))
}
