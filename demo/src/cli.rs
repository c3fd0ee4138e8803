//! The command line of `spokegate-demo`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use spokegate_daemon::cli::print;
use spokegate_daemon::logging::{self, LogConfig};
use spokegate_daemon::{Context, run_until_signal};

use crate::{Fabric, Options, SourceChoice, banner, once};

/// Runs all of Spokegate on this machine, for looking around: broker, sanitizer, report service, a directory with sample
/// users, and two customers with an agent and a Node-RED each. Everything is on loopback, and thrown away at the end unless
/// a folder is chosen for it.
#[derive(Debug, Parser)]
#[command(name = "spokegate-demo", version)]
pub struct Arguments {
    /// Does the whole job through the real form, writes the report there, and exits
    #[arg(long, value_name = "FILE.docx")]
    once: Option<PathBuf>,
    /// Keeps state in this folder, where it stays, instead of a temporary one
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Port of the forms; a free one when it is taken
    #[arg(long, default_value_t = 8443)]
    forms_port: u16,
    /// Port of the administration; a free one when it is taken
    #[arg(long, default_value_t = 8444)]
    admin_port: u16,
    /// Where the customers' data come from
    #[arg(long, value_enum, default_value_t = Source::Auto)]
    source: Source,
    /// What is logged on standard error: `info`, or `warn,spokegate_agent=debug`
    #[arg(long, default_value = "warn,rumqttd=off,spokegate_demo=info")]
    log: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Source {
    /// Node-RED; without Node.js a built-in source
    Auto,
    /// Node-RED, or no start
    NodeRed,
    /// The built-in source
    BuiltIn,
}

/// Runs until a signal, or until the report is written.
#[must_use]
pub fn run(arguments: Arguments) -> ExitCode {
    logging::init(&LogConfig {
        filter: arguments.log.clone(),
        ..LogConfig::default()
    });
    run_until_signal("demo", |context| body(arguments, context))
}

async fn body(arguments: Arguments, context: Context) -> anyhow::Result<()> {
    let once = arguments.once.clone();
    let stop = context.tasks.soft();
    // A signal while everything starts ends what has been started, too.
    let Some(started) = stop
        .run_until_cancelled(Fabric::start(arguments.options()?))
        .await
    else {
        return Ok(());
    };
    let fabric = started?;
    let result = match once {
        Some(file) => {
            let work = stop.run_until_cancelled(once::run(&fabric, &file)).await;
            work.context("stopped before the report was finished")
                .flatten()
        }
        None => {
            print(&banner::text(&fabric));
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                error = fabric.failed() => Err(error),
            }
        }
    };
    fabric.shutdown().await;
    result
}

impl Arguments {
    fn options(&self) -> anyhow::Result<Options> {
        let ports = if self.once.is_some() {
            (0, 0)
        } else {
            (self.forms_port, self.admin_port)
        };
        Ok(Options {
            directory: self.directory.clone(),
            forms_port: ports.0,
            admin_port: ports.1,
            source: match self.source {
                Source::Auto => SourceChoice::Auto,
                Source::NodeRed => SourceChoice::NodeRed,
                Source::BuiltIn => SourceChoice::BuiltIn,
            },
            ..Options::sample()?
        })
    }
}
