//! `spokegate-agent`: see the crate's documentation.

use std::process::ExitCode;

use spokegate_agent::AgentService;

fn main() -> ExitCode {
    spokegate_daemon::cli::main::<AgentService>()
}
