//! Logs go to standard error, as text for people or JSON for machines.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use crate::config::{Faults, Section};

/// The `[log]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// What is logged, as a `tracing` filter: `info`, or `info,spokegate_broker=debug`.
    pub filter: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
        }
    }
}

impl Section for LogConfig {
    fn validate(&self, faults: &mut Faults) {
        if let Err(error) = EnvFilter::builder().parse(&self.filter) {
            faults
                .add("filter", format!("is no log filter: {error}"))
                .allowed(
                    "error, warn, info, debug, trace, each also as target=level, joined by commas",
                )
                .hint("write \"info\"");
        }
    }
}

/// Installs the logger, once per process; later calls change nothing. A filter that
/// [`Section::validate`] would refuse reads as `info`.
pub fn init(config: &LogConfig) {
    let filter = EnvFilter::builder()
        .parse(&config.filter)
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that a logger is there already, which is what is wanted.
    let _already = match config.format {
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
