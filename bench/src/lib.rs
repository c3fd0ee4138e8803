#![doc = include_str!("../README.md")]

pub mod agent;
pub mod broker;
pub mod documents;
pub mod figures;
pub mod memory;
pub mod report;
pub mod rows;
pub mod sanitizer;
pub mod service;

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

/// Where the repository keeps its results.
const RESULTS: &str = "bench/results";

/// Measures Spokegate against its peers, writes the results and prints all of them as one table.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// A quick look: one short stretch of load.
    #[arg(long)]
    quick: bool,
    /// Only these suites; the table shows what the others left last time.
    #[arg(long, value_enum)]
    suite: Vec<Suite>,
    /// Of the suites `broker`, `sanitizer` and `service` only these figures; nothing is written then.
    #[arg(
        long,
        value_name = "fan-in|round-trip|admission|idle|noise|whole|message|relay|standing|pages|batch|sign-in"
    )]
    figure: Vec<String>,
    /// Where the results go.
    #[arg(long, default_value = RESULTS)]
    results: PathBuf,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// The satellite's agent: memory, pushes on disk, start.
    Agent,
    /// The first hop alone, against Mosquitto.
    Broker,
    /// Whole reports, against two Node-REDs with docxtemplater.
    Report,
    /// What a message costs in the sanitizer, against ajv on Node.
    Sanitizer,
    /// What a document costs, against docxtpl, docxtemplater, docx-templates and carbone.
    Documents,
    /// The report service as people meet it, against Node-RED and a directory's bare binds.
    Service,
}

/// Measures what was asked for and returns the table.
pub async fn run(arguments: &Arguments) -> anyhow::Result<String> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wanted = |suite: Suite| arguments.suite.is_empty() || arguments.suite.contains(&suite);
    if wanted(Suite::Agent) {
        let effort = pick(arguments.quick, agent::Effort::quick, agent::Effort::full);
        let rows = agent::run(&effort).await?;
        rows::write(&arguments.results, "agent", &rows)?;
    }
    if wanted(Suite::Broker) {
        let effort = pick(arguments.quick, broker::Effort::quick, broker::Effort::full);
        let rows = broker::run(&effort, &arguments.figure).await?;
        if !arguments.figure.is_empty() {
            return Ok(rows::table_of(&rows));
        }
        rows::write(&arguments.results, "broker", &rows)?;
    }
    if wanted(Suite::Report) {
        let effort = pick(arguments.quick, report::Effort::quick, report::Effort::full);
        let rows = report::run(&repository, &effort).await?;
        rows::write(&arguments.results, "report", &rows)?;
    }
    if wanted(Suite::Sanitizer) {
        let effort = pick(
            arguments.quick,
            sanitizer::Effort::quick,
            sanitizer::Effort::full,
        );
        let rows = sanitizer::run(&repository, &effort, &arguments.figure).await?;
        if !arguments.figure.is_empty() {
            return Ok(rows::table_of(&rows));
        }
        rows::write(&arguments.results, "sanitizer", &rows)?;
    }
    if wanted(Suite::Documents) {
        let effort = pick(
            arguments.quick,
            documents::Effort::quick,
            documents::Effort::full,
        );
        let rows = documents::run(&repository, &effort)?;
        rows::write(&arguments.results, "documents", &rows)?;
    }
    if wanted(Suite::Service) {
        let effort = pick(
            arguments.quick,
            service::Effort::quick,
            service::Effort::full,
        );
        let rows = service::run(&repository, &effort, &arguments.figure).await?;
        if !arguments.figure.is_empty() {
            return Ok(rows::table_of(&rows));
        }
        rows::write(&arguments.results, "service", &rows)?;
    }
    let table = rows::table(&arguments.results)?;
    // Results that went elsewhere are not the repository's.
    if arguments.results == Path::new(RESULTS) {
        rows::publish(&table, &repository.join("bench/README.md"))?;
    }
    Ok(table)
}

fn pick<T>(quick: bool, short: fn() -> T, full: fn() -> T) -> T {
    if quick { short() } else { full() }
}
