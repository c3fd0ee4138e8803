//! `make bench`.

use std::process::ExitCode;

use clap::Parser as _;
use spokegate_bench::{Arguments, run};
use spokegate_daemon::cli::{print, tell};

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(table) => print(&table),
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
