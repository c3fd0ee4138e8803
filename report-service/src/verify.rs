//! `spokegate-reports verify-audit`.

use crate::Service;
use crate::store::Store;
use crate::store::audit::ChainState;
use anyhow::Context as _;
use spokegate_daemon::cli::{ConfigArgs, print, tell};
use std::process::ExitCode;

/// Walks the audit trail of the configured store and says what it found.
pub(crate) fn audit(files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    match walk(&config.store.url) {
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

fn walk(url: &str) -> anyhow::Result<ChainState> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?;
    runtime.block_on(async {
        let store = Store::open(url).await?;
        store.verify_audit().await.context("read the audit trail")
    })
}
