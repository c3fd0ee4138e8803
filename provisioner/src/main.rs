//! The provisioner as a program.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_provisioner::cli::provisioner()
}
