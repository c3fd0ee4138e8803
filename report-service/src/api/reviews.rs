//! Documents that are held for review, for those who may release them.

use super::endpoint::{Call, File, Found, Nothing, Operation, Sent, add};
use super::problem::Problem;
use super::runs::Documents;
use super::shapes::RunShape;
use crate::auth::scope::Scope;
use crate::runs::Review;
use crate::web::Routes;
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
        return Err(Problem::conflict(reviews::DECIDED)
            .at("run")
            .allowed("documents whose review is waiting")
            .next("List what waits with GET /api/v1/reviews."));
    }
    let (_, run) = to_review(state, user, id.as_str()).await?;
    Ok(Found(RunShape::stored(run)))
}
