//! The data that a run was made of, as JSON and as CSV.

mod batch;
mod table;

use super::endpoint::{Asked, Call, File, Found, Media, Nothing, Operation, add};
use super::problem::Problem;
use super::shapes::at;
use crate::auth::scope::Scope;
use crate::render::KeptTable;
use crate::runs::{DataPart, RunState};
use crate::store::audit::Decision;
use crate::store::runs::RunRow;
use crate::web::downloads::disposition;
use crate::web::{Routes, pieces, runs};
use axum::http::{Method, header};
use axum::response::IntoResponse as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};

/// `/runs/{run}/data` and what is below it.
pub(super) fn routes(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, "/api/v1/runs/{run}/data"),
        Operation {
            id: "listData",
            summary: "List the data that a run was made of",
            details: "",
            scope: Scope::DataRead,
        },
        list,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/batches/{batch}/data"),
        Operation {
            id: "getBatchData",
            summary: "Fetch the data of a batch in one archive, with a folder for each customer",
            details: "It holds results.csv with a line for each dataset, too. Each file is as getData gives it.",
            scope: Scope::DataRead,
        },
        batch::fetch,
    );
    add(
        routes,
        (Method::GET, "/api/v1/runs/{run}/data/{tenant}/{part}"),
        Operation {
            id: "getData",
            summary: "Fetch one dataset of one customer, as it came",
            details: "As JSON, values are exactly those that came. As CSV, a text that a spreadsheet would take for a formula begins with an apostrophe, and lists and objects are written as JSON.",
            scope: Scope::DataRead,
        },
        fetch,
    )
}

/// The data of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DataList {
    /// Whether it is kept; without, nothing of it can be fetched.
    pub kept: bool,
    /// When it is no longer kept.
    pub kept_until: Option<String>,
    /// A dataset of a customer each.
    pub parts: Vec<PartShape>,
}

/// One dataset of one customer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Part")]
pub struct PartShape {
    /// The customer's id.
    pub tenant: String,
    /// Which dataset.
    pub dataset: String,
    /// Its name in the report.
    pub part: String,
    /// How many rows; 1 for a dataset that is one document.
    pub rows: u64,
    /// When it was captured; nothing came without.
    pub captured_at: Option<String>,
    /// SHA-256 in hexadecimal of what came.
    pub sha256: String,
    /// Where it is to be fetched.
    pub href: String,
}

/// As what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableForm {
    /// A JSON array of objects; a dataset that is one document is one object.
    #[default]
    Json,
    /// RFC 4180, UTF-8, with a line of names.
    Csv,
}

impl TableForm {
    /// The ending of a file of it.
    fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// Writes a dataset so.
    fn write(self, table: &KeptTable, to: impl Write) -> io::Result<()> {
        match self {
            Self::Json => table::json(table, to),
            Self::Csv => table::csv(table, to),
        }
    }
}

/// How it is fetched.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct As {
    /// `json` or `csv`.
    #[serde(rename = "as", default)]
    pub form: TableForm,
}

/// JSON or CSV.
pub struct Tables;

impl Media for Tables {
    const TYPES: &'static [&'static str] = &["application/json", "text/csv"];
}

/// A run whose data may be given out: what holds its document back holds back its data.
async fn own(call: &Call) -> Result<RunRow, Problem> {
    let (_, run) = runs::own(&call.state, &call.user, call.param("run")).await?;
    if run.state != RunState::Done {
        return Err(Problem::not_found("This run has no data: it is not done.")
            .allowed("runs whose state is done")
            .next("Wait for its end with GET /api/v1/runs/{run}?wait_ms=25000."));
    }
    if !run.review.is_out() {
        let detail = format!(
            "This document is not released: its review is {}.",
            run.review
        );
        return Err(Problem::not_found(detail)
            .allowed("runs whose review is none or released")
            .next("Ask somebody who may release it."));
    }
    Ok(run)
}

async fn list(call: Call, _: Nothing) -> Result<Found<DataList>, Problem> {
    let run = own(&call).await?;
    let shape = |part: &DataPart| PartShape {
        tenant: part.tenant.clone(),
        dataset: part.dataset.clone(),
        part: part.key.clone(),
        rows: part.rows,
        captured_at: at(part.captured_at_ms),
        sha256: part.sha256.clone(),
        href: format!(
            "{}/runs/{}/data/{}/{}",
            super::ROOT,
            run.id,
            part.tenant,
            part.key
        ),
    };
    let (until, _) = call.state.engine.kept_until(&run);
    Ok(Found(DataList {
        kept: run.data_kept,
        kept_until: at(until).filter(|_| run.data_kept),
        parts: run.data.iter().map(shape).collect(),
    }))
}

async fn fetch(call: Call, Asked(asked): Asked<As>) -> Result<File<Tables>, Problem> {
    let run = own(&call).await?;
    let (tenant, key) = (call.param("tenant"), call.param("part"));
    let part = run
        .data
        .iter()
        .find(|part| part.tenant == tenant && part.key == key && !part.sha256.is_empty());
    let part = part.ok_or_else(|| {
        Problem::not_found("This run has no such data.")
            .next("List it with GET /api/v1/runs/{run}/data.")
    })?;
    let gone = || {
        Problem::not_found("The data of this run is no longer kept.")
            .allowed("runs with data_kept")
            .next("Make the run again with fresh data: POST /api/v1/runs/{run}/again.")
    };
    let table = call.state.engine.data(&run, part).await.ok_or_else(gone)?;
    let media = match asked.form {
        TableForm::Json => "application/json",
        TableForm::Csv => "text/csv; charset=utf-8",
    };
    let ending = asked.form.ending();
    let subject = format!("{} {tenant}/{key}.{ending}", run.id);
    call.user
        .audit(
            &call.state,
            "data.download",
            Decision::Allowed,
            "own-run",
            &subject,
        )
        .await?;
    let name = format!("{tenant}-{key}-{}.{ending}", run.id);
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&name)),
    ];
    let write = move |to| asked.form.write(&table, to);
    let body = pieces::body(&call.state.tasks, "send data", write);
    Ok(File::of((headers, body).into_response()))
}
