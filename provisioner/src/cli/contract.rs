//! Dataset contracts: looking at a schema folder, comparing two, trying a file.

mod diff;
mod touched;
mod trial;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use spokegate_contract::folder::{Folder, INDEX};
use spokegate_contract::{Registry, examples, lint};
use spokegate_daemon::cli;

use super::counted;

/// The question could not be answered: a file is missing, or is not what belongs there.
const EXIT_UNUSABLE: u8 = 2;

#[derive(Debug, Subcommand)]
pub(super) enum ContractVerb {
    /// Looks for what is misspelt, open, unbounded, unnamed or missing; exit 0, or 1 with a line for each fault
    Lint {
        /// The schema folder
        #[arg(value_name = "DIR", default_value = "schemas")]
        folder: PathBuf,
    },
    /// Says whether those who send by the old contracts may go on; exit 0, or 1 when a change breaks them
    Diff(diff::Diff),
    /// Runs the examples: verdicts, the way over the wire and back, changes that must be refused; exit 0 or 1
    Test {
        /// The schema folder
        #[arg(value_name = "DIR", default_value = "schemas")]
        folder: PathBuf,
    },
    /// Gives the verdict of a sanitizer on a file; exit 0 when it is accepted, 1 when it is refused
    Try(trial::Trial),
    /// Rewrites registry.json after an intended change
    Index {
        /// The schema folder
        #[arg(value_name = "DIR", default_value = "schemas")]
        folder: PathBuf,
    },
}

/// An answer: what is printed, and whether it is the good one.
struct Answer {
    text: String,
    is_good: bool,
}

impl ContractVerb {
    pub(super) fn run(self) -> ExitCode {
        let answer = match self {
            Self::Lint { folder } => lint_folder(&folder),
            Self::Diff(diff) => diff.run(),
            Self::Test { folder } => test(&folder),
            Self::Try(trial) => trial.run(),
            Self::Index { folder } => index(&folder),
        };
        match answer {
            Ok(Answer { text, is_good }) => {
                let printed = cli::print(&text);
                if is_good { printed } else { ExitCode::FAILURE }
            }
            Err(error) => {
                cli::tell(&format!("{error:#}"));
                ExitCode::from(EXIT_UNUSABLE)
            }
        }
    }
}

fn read(folder: &Path) -> anyhow::Result<Folder> {
    let files = Folder::read(folder).with_context(|| {
        format!(
            "read the schema folder {}, hint: name the folder that holds {INDEX}",
            folder.display()
        )
    })?;
    anyhow::ensure!(
        !files.versions().is_empty(),
        "{} holds no dataset, hint: a schema folder has <dataset>/dataset.json and <dataset>/v1/",
        folder.display()
    );
    Ok(files)
}

/// The datasets of a folder that may be in the middle of an edit.
fn registry(files: &Folder, folder: &Path) -> anyhow::Result<Registry> {
    files.registry_as_it_stands().with_context(|| {
        let folder = folder.display();
        format!(
            "load the datasets of {folder}, hint: `spokegate contract lint {folder}` shows all faults"
        )
    })
}

fn lint_folder(folder: &Path) -> anyhow::Result<Answer> {
    let files = read(folder)?;
    let faults = lint::lint(&files);
    let mut text = String::new();
    for fault in &faults {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{fault}");
    }
    let versions = counted(files.versions().len() as u64, "version");
    let found = if faults.is_empty() {
        "no fault".to_owned()
    } else {
        counted(faults.len() as u64, "fault")
    };
    let _ = writeln!(text, "{versions} of datasets: {found}");
    Ok(Answer {
        text,
        is_good: faults.is_empty(),
    })
}

fn test(folder: &Path) -> anyhow::Result<Answer> {
    let files = read(folder)?;
    let mut text = String::new();
    let mut faults: u64 = 0;
    for dataset in registry(&files, folder)?.iter() {
        let tally = examples::run(&files, dataset);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} v{}: {} accepted, {} refused, {} refused",
            dataset.id,
            dataset.version,
            counted(tally.accepted as u64, "example"),
            tally.refused,
            counted(tally.mutations as u64, "change"),
        );
        for fault in &tally.faults {
            let _ = writeln!(text, "  {}: {}", fault.path, fault.what);
        }
        faults = faults.saturating_add(tally.faults.len() as u64);
    }
    let _ = match faults {
        0 => writeln!(text, "every example is what it says"),
        faults => writeln!(text, "{}", counted(faults, "fault")),
    };
    Ok(Answer {
        text,
        is_good: faults == 0,
    })
}

fn index(folder: &Path) -> anyhow::Result<Answer> {
    let files = read(folder)?;
    let path = folder.join(INDEX);
    let index = files.index();
    let was = files.get(INDEX) == Some(index.as_bytes());
    if !was {
        crate::files::replace(&path, index.as_bytes())?;
    }
    let state = if was {
        "was up to date"
    } else {
        "is rewritten"
    };
    Ok(Answer {
        text: format!("{} {state}\n", path.display()),
        is_good: true,
    })
}
