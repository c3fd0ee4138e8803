//! `spokegate-agent`: see the crate's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    spokegate_agent::main(env!("CARGO_PKG_VERSION"))
}
