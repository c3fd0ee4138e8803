//! `spokegate-demo`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    spokegate_demo::cli::run(spokegate_demo::cli::Arguments::parse())
}
