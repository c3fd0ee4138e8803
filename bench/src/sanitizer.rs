//! The suite `sanitizer`: what one message costs, in process and through a confined worker, against what a Node-RED flow
//! would use.

mod ajv;
mod confined;
mod in_process;
mod load;
mod relay;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use spokegate_daemon::cli::tell;

use crate::figures::Samples;
use crate::rows::Row;
use load::{Load, Size};

/// The peer's name.
const AJV: &str = "ajv 8.20 on Node";
/// What the strict decoder stands in for.
const CIBORIUM: &str = "ciborium, serde_json, the same validator";

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    runs: usize,
    stretch: Duration,
}

impl Effort {
    /// What the results in the repository come from.
    pub fn full() -> Self {
        Self {
            runs: 5,
            stretch: Duration::from_secs(2),
        }
    }

    /// A quick look.
    pub fn quick() -> Self {
        Self {
            runs: 1,
            stretch: Duration::from_millis(500),
        }
    }
}

/// Measures all figures, or what `wanted` names: `message`, `relay`.
pub async fn run(
    repository: &Path,
    effort: &Effort,
    wanted: &[String],
) -> anyhow::Result<Vec<Row>> {
    let is_wanted = |figure: &str| wanted.is_empty() || wanted.iter().any(|name| name == figure);
    let (repository, effort) = (repository.to_owned(), *effort);
    let mut rows = Vec::new();
    if is_wanted("message") {
        let measured = tokio::task::spawn_blocking(move || measure(&repository, &effort));
        rows.extend(measured.await.context("the measuring thread broke off")??);
    }
    if is_wanted("relay") {
        rows.extend(relay::measure(&effort).await?);
    }
    Ok(rows)
}

fn measure(repository: &Path, effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let schemas = repository.join("schemas");
    let peer = ajv::Peer::new(&repository.join("bench/peer"), &schemas)?;
    let mut rows = Vec::new();
    for size in [Size::Small, Size::Middle, Size::Large] {
        let load = Load::new(size, &schemas)?;
        rows.extend(pipelines(&load, &peer, effort)?);
    }
    for size in [Size::Small, Size::Middle, Size::Message] {
        let load = Load::new(size, &schemas)?;
        rows.push(confinement(&load, &schemas, effort)?);
    }
    rows.push(cost_of_a_row(&Load::new(Size::Large, &schemas)?, effort)?);
    Ok(rows)
}

/// The whole way of one message, and the validation alone, in one process.
fn pipelines(load: &Load, peer: &ajv::Peer, effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let mut ours = [Samples::default(), Samples::default()];
    let mut theirs = [Samples::default(), Samples::default()];
    let mut naive = Samples::default();
    for _ in 0..effort.runs {
        let whole = in_process::whole(load);
        ours[0].add_number(per_second(effort, whole)?);
        ours[1].add_number(per_second(effort, in_process::validation(load)?)?);
        let naive_way = in_process::ciborium(load);
        naive.add_number(per_second(effort, naive_way)?);
        let told = peer.measure(load, effort.stretch)?;
        theirs[0].add_number(1_000_000.0 / told.whole_us);
        theirs[1].add_number(1_000_000.0 / told.alone_us);
    }
    let megabytes = load.json.len() as f64 / 1_000_000.0;
    let scaled = |samples: &Samples| {
        let mut scaled = Samples::default();
        scaled.add_number(samples.median() * megabytes);
        scaled
    };
    let unit = "messages per second, more is better";
    let size = load.size;
    let mut rows = vec![
        Row::pair(
            format!("read, validate and write, {size}"),
            (&ours[0], &theirs[0]),
            AJV,
            unit,
        ),
        Row::pair(
            format!("read, validate and write, {size}, as JSON"),
            (&scaled(&ours[0]), &scaled(&theirs[0])),
            AJV,
            "MB per second, more is better",
        ),
        Row::pair(
            format!("validate alone, {size}"),
            (&ours[1], &theirs[1]),
            AJV,
            unit,
        ),
        Row::pair(
            format!("read, validate and write, {size}"),
            (&ours[0], &naive),
            CIBORIUM,
            unit,
        ),
    ];
    // One median of medians says no more than what it comes from.
    rows[1].runs = effort.runs;
    rows.iter().for_each(say);
    Ok(rows)
}

/// A lane's worker behind its pipes and its sandbox, against the same work on the same frames in this process.
fn confinement(load: &Load, schemas: &Path, effort: &Effort) -> anyhow::Result<Row> {
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    let mut worker = confined::Worker::start(schemas)?;
    let mut desk = confined::unconfined(schemas)?;
    for _ in 0..effort.runs {
        bare.add_number(desk.rate(load, effort.stretch)?);
        ours.add_number(worker.rate(load, effort.stretch)?);
    }
    let row = Row::pair(
        format!("a confined worker, {}", load.size),
        (&ours, &bare),
        "the same frames in process",
        "messages per second, more is better",
    );
    say(&row);
    Ok(row)
}

fn cost_of_a_row(load: &Load, effort: &Effort) -> anyhow::Result<Row> {
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    for _ in 0..effort.runs {
        let of_a_row = |rate: f64| 1_000_000.0 / rate / load.rows as f64;
        ours.add_number(of_a_row(per_second(effort, in_process::whole(load))?));
        bare.add_number(of_a_row(per_second(effort, in_process::parse(load))?));
    }
    let row = Row::pair(
        "read, validate and write, of one row",
        (&ours, &bare),
        "serde_json parses it into values",
        "µs, less is better",
    );
    say(&row);
    Ok(row)
}

fn say(row: &Row) {
    tell(&format!(
        "{}: {:.3} against {:.3} {}",
        row.name,
        row.ours,
        row.peer.unwrap_or(f64::NAN),
        row.unit
    ));
}

/// How often per second something can be done, after a warm-up of a fifth of the time.
fn per_second(
    effort: &Effort,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut run = |length: Duration| -> anyhow::Result<f64> {
        let (begin, mut count) = (Instant::now(), 0_u64);
        loop {
            for _ in 0..8 {
                work()?;
            }
            count += 8;
            let spent = begin.elapsed();
            if spent >= length {
                return Ok(count as f64 / spent.as_secs_f64());
            }
        }
    };
    run(effort.stretch / 5)?;
    run(effort.stretch)
}
