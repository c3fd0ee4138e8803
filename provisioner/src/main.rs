//! The binary `spokegate-provisioner`.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_daemon::cli::main::<spokegate_provisioner::Service>()
}
