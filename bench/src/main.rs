//! `make bench`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use spokegate_bench::run::{Effort, run};
use spokegate_daemon::cli::{print, tell};

/// Measures Spokegate against the peer and writes the results.
#[derive(Parser)]
struct Arguments {
    /// A quick look: one short stretch of load.
    #[arg(long)]
    quick: bool,
    /// Where the results go.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let effort = if arguments.quick {
        Effort::quick()
    } else {
        Effort::full()
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match run(&repository, &effort)
        .await
        .and_then(|results| results.write(&arguments.results).map(|()| results))
    {
        Ok(results) => print(&results.page()),
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
