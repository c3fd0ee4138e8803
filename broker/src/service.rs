//! The service as its executable runs it.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use spokegate_daemon::Context;
use spokegate_daemon::cli::{ConfigArgs, Service};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{BrokerConfig, DEFAULTS};
use crate::explain::Explain;
use crate::revocation::check_files;
use crate::{Broker, admin};

/// `spokegate-broker`.
#[derive(Debug)]
pub struct BrokerService;

/// Subcommands beyond those of every service.
#[derive(Debug, Subcommand)]
pub enum Extra {
    /// Prints what the broker says to a certificate, and by which rule; exit 0 (allow), 1 (deny) or 2 (cannot tell)
    Explain(Explain),
    /// Lists who is connected, from the running broker; exit 0 or 1
    Sessions(admin::Sessions),
    /// Ends the sessions of a tenant or of one satellite, which may come back; exit 0 or 1
    Disconnect(admin::Disconnect),
    /// Stops the running broker: nobody new is let in, sessions end in slices; exit 0, 1 or 75 (cut short)
    Drain(admin::Drain),
}

impl Service for BrokerService {
    const NAME: &'static str = "broker";
    const ABOUT: &'static str = "The MQTT broker between satellites and sanitizer";
    const DEFAULTS: &'static str = DEFAULTS;
    type Config = BrokerConfig;
    type Extra = Extra;

    fn log(config: &BrokerConfig) -> &LogConfig {
        &config.log
    }

    fn ops(config: &BrokerConfig) -> &OpsConfig {
        &config.ops
    }

    async fn run(config: BrokerConfig, context: Context) -> anyhow::Result<()> {
        let broker = Broker::bind(config, &context).await?;
        let stopping = broker.stopping();
        let mut hang_up = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        while let Some(Some(())) = stopping.run_until_cancelled(hang_up.recv()).await {
            broker.reload().await;
        }
        // What is left of the drain is waited for, and cut short, with all other tasks; the exit code tells which.
        Ok(())
    }

    fn extra(extra: Extra, files: &ConfigArgs) -> ExitCode {
        match extra {
            Extra::Explain(arguments) => arguments.run(files),
            Extra::Sessions(arguments) => arguments.run(files),
            Extra::Disconnect(arguments) => arguments.run(files),
            Extra::Drain(arguments) => arguments.run(files),
        }
    }

    fn check(config: &BrokerConfig) -> Vec<String> {
        match config.tls.files() {
            Some(files) => {
                let lists = config.revocation.crl_file.as_deref();
                check_files(&config.trust_domain, &files, lists)
            }
            None => Vec::new(),
        }
    }
}
