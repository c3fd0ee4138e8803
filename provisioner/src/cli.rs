//! The command line of `spokegate`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use spokegate_daemon::cli::wait_for;
use spokegate_daemon::{Clock, EXIT_FAILURE, cli};

use crate::broker_config;
use crate::office::Office;

mod audit;
mod authorities;
mod certificates;
mod contract;
mod flows;
mod git;
mod orders;
mod quarantine;
mod registry;
mod releases;
mod report;
mod satellites;
mod secrets;
mod updates;
mod waves;

pub use authorities::CaVerb;

/// Where the folder of the authorities is looked for when no option names it.
const DIRECTORY_VARIABLE: &str = "SPOKEGATE_AUTHORITIES";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "spokegate",
    version,
    about = "The operator's command line of Spokegate"
)]
struct Operator {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The certificate authorities
    #[command(subcommand)]
    Ca(CaVerb),
    /// The customers
    #[command(subcommand)]
    Tenant(registry::TenantVerb),
    /// The agents in the customers' segments
    #[command(subcommand)]
    Satellite(satellites::SatelliteVerb),
    /// Versions of the agent: makes the release key, signs, takes in
    #[command(subcommand)]
    Release(releases::ReleaseVerb),
    /// Versions of flows for Node-RED: imports, deploys to satellites, what changed there since
    #[command(subcommand)]
    Flows(flows::FlowsVerb),
    /// What flows read as ${NAME}, sealed to the satellites that need it
    #[command(subcommand)]
    Secret(secrets::SecretVerb),
    /// The services as clients: the sanitizer at the broker, report service and provisioner at the sanitizer
    #[command(subcommand)]
    Service(certificates::ServiceVerb),
    /// The listeners of broker and sanitizer
    #[command(subcommand)]
    Server(certificates::ServerVerb),
    /// The list of revoked certificates
    #[command(subcommand)]
    Crl(registry::CrlVerb),
    /// What was decided, when and why, and whether anybody changed it since
    #[command(subcommand)]
    Audit(audit::AuditVerb),
    /// What a sanitizer refused: makes the key pair, opens a file on the machine that keeps the private key
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineVerb),
    /// Dataset contracts: checks, compares and tries the files of a schema folder
    #[command(subcommand)]
    Contract(contract::ContractVerb),
    /// Reports, from the shell: orders, documents, data, schedules; exit 0 done, 1 failed, 3 token refused, 4 not there, 5 not now
    Report(Box<report::Command>),
    /// Writes the configuration of another broker, and says what that broker cannot enforce
    BrokerConfig(Box<broker_config::Command>),
}

/// Where the authorities are.
#[derive(Clone, Debug, clap::Args)]
pub struct Directory {
    /// The folder of the authorities [default: $SPOKEGATE_AUTHORITIES]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl Directory {
    fn path(&self) -> anyhow::Result<PathBuf> {
        let found = self
            .directory
            .clone()
            .or_else(|| variable(DIRECTORY_VARIABLE));
        found.with_context(|| {
            format!(
                "no folder of authorities is named, hint: give --directory or set {DIRECTORY_VARIABLE}"
            )
        })
    }

    async fn open(&self) -> anyhow::Result<Office> {
        let path = self.path()?;
        Office::open(&path)
            .await
            .with_context(|| format!("open the authorities in {}", path.display()))
    }
}

/// The `main` of `spokegate`.
pub fn operator() -> ExitCode {
    let now_ms = Clock::system().now_ms();
    conclude(match Operator::parse().verb {
        Verb::Ca(verb) => verb.run(now_ms),
        Verb::Tenant(verb) => verb.run(now_ms),
        Verb::Satellite(verb) => verb.run(now_ms),
        Verb::Release(verb) => verb.run(now_ms),
        Verb::Flows(verb) => verb.run(now_ms),
        Verb::Secret(verb) => verb.run(now_ms),
        Verb::Service(verb) => verb.run(now_ms),
        Verb::Server(verb) => verb.run(now_ms),
        Verb::Crl(verb) => verb.run(now_ms),
        Verb::Audit(verb) => verb.run(),
        Verb::Quarantine(verb) => verb.run(),
        Verb::Contract(verb) => return verb.run(),
        Verb::Report(command) => return command.run(),
        Verb::BrokerConfig(command) => command.run(),
    })
}

/// Prints what a verb came to.
pub(crate) fn conclude(result: anyhow::Result<String>) -> ExitCode {
    match result {
        Ok(text) => cli::print(&text),
        Err(error) => {
            cli::tell(&format!("{error:#}"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value: &OsString| !value.is_empty())
        .map(PathBuf::from)
}

/// A number of things, in words that fit it.
fn counted(number: u64, thing: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{end}")
}

/// A moment for people, UTC.
fn moment(ms: u64) -> String {
    use time::format_description::well_known::Rfc3339;
    i64::try_from(ms / 1_000)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| "the end of time".to_owned())
}

#[cfg(test)]
mod tests;
