//! The data of a batch in one archive, a folder for each customer, written while it is sent.

use super::{As, TableForm};
use crate::api::endpoint::{Asked, Call, File};
use crate::api::problem::Problem;
use crate::api::runs::Archive;
use crate::api::shapes::at;
use crate::csv;
use crate::render::KeptTable;
use crate::runs::{DataPart, Engine, RunState};
use crate::store::audit::Decision;
use crate::store::runs::RunRow;
use crate::web::batches;
use crate::web::batches::bundle::{RESULTS, free_name, options};
use crate::web::downloads::disposition;
use crate::web::pieces::{self, Pieces};
use axum::http::header;
use axum::response::IntoResponse as _;
use std::collections::BTreeSet;
use std::io::{self, Write};
use tokio::runtime::Handle;
use zip::write::ZipWriter;

/// Why there is no data of a run that is done and released.
const GONE: &str = "The data of this run is no longer kept.";
/// The same of one dataset.
const CHANGED: &str = "The data that is kept is not what came.";
const NEVER_CAME: &str = "No data came.";

pub(super) async fn fetch(call: Call, Asked(asked): Asked<As>) -> Result<File<Archive>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let (batch, runs) = batches::own(state, user, call.param("batch")).await?;
    if !batches::tally(&runs).is_over() {
        return Err(Problem::not_found("This batch is still under way.")
            .allowed("batches of which nothing waits or runs")
            .next("Look at its tally with GET /api/v1/batches/{batch}."));
    }
    let form = asked.form;
    let subject = format!("{} data as {}", batch.id, form.ending());
    user.audit(
        state,
        "data.download",
        Decision::Allowed,
        "own-batch",
        &subject,
    )
    .await?;
    let writer = Writer {
        engine: state.engine.clone(),
        runtime: Handle::current(),
        form,
        taken: BTreeSet::from([RESULTS.to_owned()]),
        results: line(&[
            "customer",
            "dataset",
            "rows",
            "captured_at",
            "file",
            "sha256",
            "reason",
            "run",
        ]),
    };
    let name = format!("{}-{}-data.zip", batch.report, batch.id);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&name)),
    ];
    let write = move |pieces| writer.write(pieces, &runs);
    let body = pieces::body(&state.tasks, "send the data of a batch", write);
    Ok(File::of((headers, body).into_response()))
}

/// Writes the archive where nothing else can go on meanwhile.
struct Writer {
    engine: Engine,
    runtime: Handle,
    form: TableForm,
    /// Names of files that are in the archive.
    taken: BTreeSet<String>,
    results: String,
}

impl Writer {
    fn write(mut self, pieces: Pieces, runs: &[RunRow]) -> io::Result<()> {
        let mut archive = ZipWriter::new_stream(pieces);
        for run in runs {
            let data = match withheld(run) {
                None => self.runtime.block_on(self.engine.all_data(run)),
                Some(reason) => {
                    self.without(run, &reason);
                    continue;
                }
            };
            match data {
                Some(parts) => {
                    for (part, table) in parts {
                        self.part(&mut archive, run, (&part, table))?;
                    }
                }
                None => self.without(run, GONE),
            }
        }
        archive.start_file(RESULTS, options())?;
        archive.write_all(self.results.as_bytes())?;
        archive.finish()?.into_inner().flush()
    }

    /// One dataset of one customer, and its line.
    fn part<W: Write + io::Seek>(
        &mut self,
        archive: &mut ZipWriter<W>,
        run: &RunRow,
        (part, table): (&DataPart, Option<KeptTable>),
    ) -> io::Result<()> {
        let name = match &table {
            Some(table) => {
                let ending = self.form.ending();
                let name = format!("{}/{}.{ending}", plain(&part.tenant), plain(&part.key));
                let name = free_name(&name, &mut self.taken);
                archive.start_file(name.as_str(), options())?;
                self.form.write(table, &mut *archive)?;
                name
            }
            None => String::new(),
        };
        let reason = match (&table, part.sha256.as_str()) {
            (Some(_), _) => "",
            (None, "") => NEVER_CAME,
            (None, _) => CHANGED,
        };
        self.results += &line(&[
            &part.tenant,
            &part.dataset,
            &part.rows.to_string(),
            &at(part.captured_at_ms).unwrap_or_default(),
            &name,
            &part.sha256,
            reason,
            run.id.as_str(),
        ]);
        Ok(())
    }

    /// The line of a run without data.
    fn without(&mut self, run: &RunRow, reason: &str) {
        let ids: Vec<&str> = run.tenants.iter().map(|tenant| tenant.as_str()).collect();
        let cells = [&ids.join(" "), "", "", "", "", "", reason, run.id.as_str()];
        self.results += &line(&cells);
    }
}

/// Why the data of a run is not given out: what holds its document back holds back its data.
fn withheld(run: &RunRow) -> Option<String> {
    match (run.state, run.review.is_out()) {
        (RunState::Done, true) => None,
        (RunState::Done, false) => Some(format!("The review is {}.", run.review)),
        _ if run.reason.is_empty() => Some(format!("The run is {}.", run.state)),
        _ => Some(run.reason.clone()),
    }
}

/// A part of a file's name that leads nowhere else.
fn plain(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.chars().filter(plain).collect()
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| csv::cell(cell)).collect();
    cells.join(",") + "\r\n"
}
