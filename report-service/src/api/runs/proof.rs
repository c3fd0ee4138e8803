//! What a document was made of, and whether it is what that makes.

use crate::api::endpoint::{Call, Found, Nothing, add};
use crate::api::problem::Problem;
use crate::api::shapes::{FileShape, at};
use crate::auth::scope::Scope;
use crate::runs::DataPart;
use crate::web::{Routes, runs};
use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;

/// `/runs/{run}/proof`.
pub(super) fn routes(routes: Routes) -> Routes {
    let path = "/api/v1/runs/{run}/proof";
    let routes = add(
        routes,
        (Method::GET, path),
        super::about(
            "getProof",
            "See what a document was made of: template, inputs, data and files with their digests",
            "Whoever has the same template and data gets the same Word document, to the byte.",
            Scope::RunsRead,
        ),
        show,
    );
    add(
        routes,
        (Method::POST, path),
        super::about(
            "verifyRun",
            "Make a document again of what is kept, and compare",
            "That it was asked for is in the audit trail.",
            Scope::RunsRead,
        ),
        verify,
    )
}

/// What a document was made of.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Proof {
    /// The run's id.
    pub run: String,
    /// SHA-256 of the template in hexadecimal; empty before its work begins.
    pub template_sha256: String,
    /// The template's version; 0 is the one in the report's folder.
    pub template_version: u64,
    /// SHA-256 over all data; the audit trail's line `report.end` has it, too.
    pub data_sha256: String,
    /// The inputs.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// A dataset of a customer each.
    pub data: Vec<ProofPart>,
    /// Its files.
    pub files: Vec<FileShape>,
    /// The run that it makes again.
    pub parent: Option<String>,
    /// Whether it makes it again with the same data.
    pub same_data: bool,
    /// Whether its data is kept; without, it cannot be made again.
    pub data_kept: bool,
    /// Until when its data is kept.
    pub data_kept_until: Option<String>,
    /// Until when the run is kept.
    pub kept_until: Option<String>,
}

/// One dataset of one customer in a proof.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProofPart {
    /// The customer's id.
    pub tenant: String,
    /// Which dataset.
    pub dataset: String,
    /// How many rows.
    pub rows: u64,
    /// When it was captured; nothing came without.
    pub captured_at: Option<String>,
    /// Whether older data stood in for it.
    pub older: bool,
    /// SHA-256 in hexadecimal of what came; empty when nothing came.
    pub sha256: String,
}

async fn show(call: Call, _: Nothing) -> Result<Found<Proof>, Problem> {
    let (id, run) = runs::own(&call.state, &call.user, call.param("run")).await?;
    let (data_until, run_until) = call.state.engine.kept_until(&run);
    let part = |part: &DataPart| ProofPart {
        tenant: part.tenant.clone(),
        dataset: part.dataset.clone(),
        rows: part.rows,
        captured_at: at(part.captured_at_ms).filter(|_| !part.sha256.is_empty()),
        older: part.older,
        sha256: part.sha256.clone(),
    };
    Ok(Found(Proof {
        run: id.to_string(),
        data: run.data.iter().map(part).collect(),
        files: FileShape::all(&run),
        parent: (!run.origin.parent.is_empty()).then(|| run.origin.parent.clone()),
        same_data: run.origin.same_data,
        data_kept: run.data_kept,
        data_kept_until: at(data_until).filter(|_| run.data_kept),
        kept_until: at(run_until),
        template_sha256: run.template_sha256,
        template_version: run.template_version,
        data_sha256: run.data_sha256,
        parameters: run.params,
    }))
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verdict {
    /// Whether everything holds.
    pub holds: bool,
    /// All that was looked at.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// Whether it is as it should be.
    pub holds: bool,
    /// What was found, in words.
    pub what: String,
}

async fn verify(call: Call, _: Nothing) -> Result<Found<Verdict>, Problem> {
    let (id, run) = runs::own(&call.state, &call.user, call.param("run")).await?;
    let verdict = runs::verified(&call.state, &call.user, &id, &run).await?;
    let holds = verdict.holds();
    let findings = verdict.lines.into_iter();
    let findings = findings.map(|(holds, what)| Finding { holds, what });
    Ok(Found(Verdict {
        holds,
        findings: findings.collect(),
    }))
}
