//! `spokegate-reports verify-audit` and `export-audit`.

use crate::Service;
use crate::artefacts::Artefacts;
use crate::config::StoreConfig;
use crate::render::Renderer;
use crate::runs::{RunId, proof};
use crate::secrets::Secrets;
use crate::store::audit::ChainState;
use crate::store::sanitizer_audit::{SanitizerEntry, SanitizerRoot};
use anyhow::Context as _;
use serde_json::{Value, json};
use spokegate_contract::hex;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use spokegate_daemon::{Clock, Tasks};
use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

/// Of which sanitizer.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Its address, as in the configuration; may be left out when there is one
    #[arg(long, value_name = "URL")]
    sanitizer: Option<String>,
}

/// Walks the audit trail of the configured store and says what it found.
pub(crate) fn audit(files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    match walk(&config.store) {
        Ok(ChainState::Intact { records }) => {
            print(&format!("the audit trail is intact: {records} records\n"))
        }
        Ok(ChainState::BrokenAt { sequence }) => {
            tell(&format!(
                "the audit trail is broken at record {sequence}: that record was changed, or one before it removed\n  \
                 hint: compare with the last backup that verifies"
            ));
            ExitCode::FAILURE
        }
        Err(error) => {
            tell(&format!("cannot verify the audit trail: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Makes a run's document again and says what it found.
pub(crate) fn run(id: &RunId, files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let verdict = wait_for(async {
        let store = config.store.open().await?;
        let row = store.run(id).await?;
        let row = row.with_context(|| format!("there is no run {id} (any more)"))?;
        let clock = Clock::system();
        let secrets = Secrets::open(&config.secrets, &config.store.url, &store, &clock)?;
        let artefacts = Artefacts::configured(&config, &secrets, &clock)?;
        let renderer = Renderer::new(&config.render, &config.files, &Tasks::new())?;
        let kept_in = (config.files.as_path(), &artefacts);
        let verdict = proof::verify(&row, &store, kept_in, &renderer).await;
        store.close().await;
        anyhow::Ok(verdict)
    });
    match verdict {
        Ok(verdict) => {
            let line = |(holds, words): &(bool, String)| {
                format!("{} {words}\n", if *holds { "ok  " } else { "FAIL" })
            };
            let listing: String = verdict.lines.iter().map(line).collect();
            let shown = print(&listing);
            if verdict.holds() {
                shown
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            tell(&format!("cannot verify the run: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a sanitizer's audit to standard output.
pub(crate) fn export(export: &Export, files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let known: Vec<&str> = config.sanitizers.iter().map(|it| it.url.as_str()).collect();
    let sanitizer = match (&export.sanitizer, known.as_slice()) {
        (Some(url), known) if known.contains(&url.as_str()) => url,
        (None, [only]) => *only,
        (_, known) => {
            tell(&format!(
                "which sanitizer? allowed: {}, hint: --sanitizer {}",
                known.join(", "),
                known.first().unwrap_or(&"https://host:port")
            ));
            return ExitCode::FAILURE;
        }
    };
    match write_all(&config.store, sanitizer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!(
                "cannot export the audit of {sanitizer}: {error:#}"
            ));
            ExitCode::FAILURE
        }
    }
}

fn write_all(store: &StoreConfig, sanitizer: &str) -> anyhow::Result<()> {
    let mut output = BufWriter::new(std::io::stdout().lock());
    wait_for(async {
        let store = store.open().await?;
        let each = |entry: SanitizerEntry, root: Option<SanitizerRoot>| {
            writeln!(output, "{}", line(&entry, root.as_ref())).context("write")
        };
        store.sanitizer_audit_all(sanitizer, each).await
    })?;
    output.flush().context("write")
}

fn line(entry: &SanitizerEntry, root: Option<&SanitizerRoot>) -> Value {
    let mut line = json!({
        "chain": entry.chain, "sequence": entry.sequence, "at": entry.at_ms, "action": entry.action,
        "reason": entry.reason, "subject": entry.subject, "count": entry.count,
        "previous": hex::encode(&entry.previous), "hash": hex::encode(&entry.hash),
    });
    if let (Some(root), Some(members)) = (root, line.as_object_mut()) {
        members.insert("signed_at".into(), json!(root.at_ms));
        members.insert("signature".into(), json!(hex::encode(&root.signature)));
    }
    line
}

fn walk(store: &StoreConfig) -> anyhow::Result<ChainState> {
    wait_for(async {
        let store = store.open().await?;
        store.verify_audit().await.context("read the audit trail")
    })
}
