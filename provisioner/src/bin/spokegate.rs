//! The operator's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_provisioner::cli::operator()
}
