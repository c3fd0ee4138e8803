//! The broker's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_daemon::cli::main::<spokegate_broker::BrokerService>()
}
