//! The binary `spokegate-reports`.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_daemon::cli::main::<spokegate_reports::Service>()
}
