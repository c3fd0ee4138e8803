//! The verbs `backup`, `restore` and `migrate`: the whole store and its documents in one file that either database reads.
//!
//! A backup is lines of JSON: a head, tables with their rows, files in pieces, and an end with the SHA-256 of all lines
//! before it. Secrets are in it as they are in the store: sealed.

mod documents;
mod read;
mod sound;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use spokegate_daemon::Clock;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};

use crate::Service;
use crate::artefacts::Artefacts;
use crate::config::{ArtefactsPlace, Config};
use crate::secrets::Secrets;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::{Store, migrations};

/// The form of these files.
const FORMAT: u64 = 1;

/// What is there when the storage fails while a backup is read back.
const NOT_PUT: &str = "the store is filled and its documents are not all in the storage; hint: mend what follows, empty \
                       the store with `migrate --to 0`, and restore again";

/// Where to.
#[derive(Debug, clap::Args)]
pub struct BackupTo {
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Where from.
#[derive(Debug, clap::Args)]
pub struct RestoreFrom {
    /// A file that `backup` wrote
    file: PathBuf,
}

/// To which step.
#[derive(Debug, clap::Args)]
pub struct MigrateTo {
    /// The number of a step; 0 takes back everything. Without it the steps are listed
    #[arg(long, value_name = "STEP")]
    to: Option<i64>,
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Head {
    spokegate_backup: u64,
    made_at: u64,
    store: String,
    steps: Vec<i64>,
}

/// How much there was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    rows: u64,
    files: u64,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct End {
    #[serde(flatten)]
    sum: Sum,
    sha256: String,
}

/// Every line but rows, which are arrays, and pieces of files, which are texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Head(Head),
    Table { name: String, columns: Vec<String> },
    File { name: String, bytes: u64 },
    End(End),
}

/// Writes the configured store and its documents to a file.
pub(crate) fn backup(to: &BackupTo, files: &ConfigArgs) -> ExitCode {
    told(files, "cannot make a backup", async |config| {
        // As it is: a service of another release may be using it.
        let store = Store::connect(&config.store.url()?).await?;
        let clock = Clock::system();
        let artefacts = artefacts(&config, &store, &clock)?;
        let now_ms = clock.now_ms();
        let sum = write::whole(&store, &config.files, &artefacts, &to.output, now_ms).await?;
        note(&store, "store.backup", &to.output).await?;
        store.close().await;
        let (rows, files, output) = (sum.rows, sum.files, to.output.display());
        Ok(format!("{output}: {rows} rows, {files} files\n"))
    })
}

/// Where documents are, with the secrets that the store has for it.
fn artefacts(config: &Config, store: &Store, clock: &Clock) -> anyhow::Result<Artefacts> {
    let secrets = Secrets::open(&config.secrets, &config.store.url, store, clock)?;
    Artefacts::configured(config, &secrets, clock)
}

/// Fills the configured store, which must be empty, and the folder of documents from a file.
pub(crate) fn restore(from: &RestoreFrom, files: &ConfigArgs) -> ExitCode {
    told(files, "cannot restore", async |config| {
        let _held = Store::hold(&config.store.url()?)?;
        let url = config.store.url()?;
        let in_folder = config.artefacts.place == ArtefactsPlace::Disk;
        let folder = in_folder.then_some(config.files.as_path());
        let (store, sum) = read::whole(&url, folder, &from.file).await?;
        if !in_folder {
            let artefacts = artefacts(&config, &store, &Clock::system())?;
            let put = read::into_storage(&artefacts, &config.files, &from.file).await;
            put.context(NOT_PUT)?;
        }
        let records = match store.verify_audit().await.context("read the audit trail")? {
            crate::store::audit::ChainState::Intact { records } => records,
            crate::store::audit::ChainState::BrokenAt { sequence } => anyhow::bail!(
                "everything was restored, but its audit trail is broken at record {sequence}, hint: take an older backup"
            ),
        };
        note(&store, "store.restore", &from.file).await?;
        store.close().await;
        let Sum { rows, files } = sum;
        Ok(format!(
            "restored {rows} rows and {files} files; the audit trail is intact: {records} records\n"
        ))
    })
}

/// Takes the schema of the configured store to a step.
pub(crate) fn migrate(to: &MigrateTo, files: &ConfigArgs) -> ExitCode {
    told(files, "cannot migrate", async |config| {
        let Some(step) = to.to else {
            let steps: Vec<String> = migrations::steps().iter().map(i64::to_string).collect();
            return Ok(format!("this release's steps: {}\n", steps.join(" ")));
        };
        let url = config.store.url()?;
        let _held = Store::hold(&url)?;
        let store = Store::connect(&url).await?;
        migrations::to(&store, step).await?;
        store.close().await;
        Ok(format!("the store {url} is at step {step}\n"))
    })
}

fn told(
    files: &ConfigArgs,
    cannot: &str,
    work: impl AsyncFnOnce(Config) -> anyhow::Result<String>,
) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    match wait_for(work(config)) {
        Ok(said) => print(&said),
        Err(error) => {
            tell(&format!("{cannot}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whoever may run the verb may read everything: that it ran is recorded.
async fn note(store: &Store, action: &str, file: &std::path::Path) -> anyhow::Result<()> {
    let event = AuditEvent {
        at_ms: Clock::system().now_ms(),
        actor: "operator",
        name: "",
        action,
        decision: Decision::Allowed,
        reason: "command",
        subject: &file.display().to_string(),
        address: "",
    };
    store
        .audit(event)
        .await
        .context("write to the audit trail")?;
    Ok(())
}

#[cfg(test)]
mod tests;
