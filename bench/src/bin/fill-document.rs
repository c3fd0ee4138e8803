//! `fill-document TASK FOLDER OUT`: our side of the suite `documents`, in a process of its own as the peers are.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use spokegate_bench::documents::ours;
use spokegate_daemon::cli::{print, tell};

fn main() -> ExitCode {
    match run() {
        Ok(spent) => print(&spent),
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [task, folder, out] = arguments.as_slice() else {
        anyhow::bail!("fill-document TASK FOLDER OUT");
    };
    let spent = ours::run(task, Path::new(folder), Path::new(out))?;
    serde_json::to_string(&spent).context("write what it spent")
}
