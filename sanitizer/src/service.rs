//! The command line: the service, the verbs of its other processes, and `check`.

mod files;

use crate::check::{self, CheckArgs};
use crate::config::{DEFAULTS, SanitizerConfig};
use crate::derive::{self, DeriveArgs};
use crate::sandbox::{self, Users};
use crate::self_test::{self, AttackArgs, SelfTestArgs};
use crate::supervisor::Sanitizer;
use crate::{egress, ingest, worker};
use anyhow::Context as _;
use clap::Subcommand;
use spokegate_daemon::Context;
use spokegate_daemon::cli::{ConfigArgs, Service};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// The service, for `spokegate_daemon::cli::main`.
#[derive(Debug)]
pub struct SanitizerService;

/// Verbs beside those of every service.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Judges files against a contract; one JSON verdict line each; exit 0, 1 or 2
    Check(CheckArgs),
    /// Started by `run`: the sessions with the broker.
    #[command(hide = true)]
    Ingest,
    /// Started by `run`: judges one tenant's messages, confined.
    #[command(hide = true)]
    Worker,
    /// Started by `run`: writes one tenant's seal key into its worker's pipe.
    #[command(hide = true)]
    Derive(DeriveArgs),
    /// Tries to break each confinement on this host from inside, and lists its layers; exit 0 when all held
    SelfTest(SelfTestArgs),
    /// Started by `self-test`: one attack.
    #[command(hide = true)]
    Attack(AttackArgs),
    /// Started by `run`: the second hop.
    #[command(hide = true)]
    Egress,
}

impl Service for SanitizerService {
    const NAME: &'static str = "sanitizer";
    const ABOUT: &'static str =
        "Takes every message from the fabric apart and hands on only what its contract allows";
    const DEFAULTS: &'static str = DEFAULTS;
    type Config = SanitizerConfig;
    type Extra = Verb;

    fn log(config: &SanitizerConfig) -> &LogConfig {
        &config.log
    }

    fn ops(config: &SanitizerConfig) -> &OpsConfig {
        &config.ops
    }

    fn check(config: &SanitizerConfig) -> Vec<String> {
        let users = Users::resolve(&config.users).map(drop);
        let users = users.err().map(|error| error.to_string());
        users.into_iter().chain(files::check(config)).collect()
    }

    fn before_threads(config: &SanitizerConfig) -> anyhow::Result<()> {
        sandbox::become_supervisor(&config.users)
    }

    async fn run(config: SanitizerConfig, context: Context) -> anyhow::Result<()> {
        #[cfg(feature = "backdoor")]
        tracing::warn!(
            "this build lets a message run hostile code in a worker: it is for tests and nothing else"
        );
        let sanitizer = Sanitizer::bind(config, &context).await?;
        tracing::info!(address = %sanitizer.addr(), "the second hop listens");
        let mut hang_up = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        loop {
            tokio::select! {
                () = sanitizer.join() => return Ok(()),
                Some(()) = hang_up.recv() => sanitizer.reload().await,
            }
        }
    }

    fn extra(verb: Verb, files: &ConfigArgs) -> ExitCode {
        match verb {
            Verb::Check(args) => check::main(&args),
            Verb::Ingest => ingest::main(),
            Verb::Worker => worker::main(),
            Verb::Derive(args) => derive::main(&args),
            Verb::SelfTest(args) => self_test::main(&args, files),
            Verb::Attack(args) => self_test::attack(&args),
            Verb::Egress => egress::main(),
        }
    }
}
