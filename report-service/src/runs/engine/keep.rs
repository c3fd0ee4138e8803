//! How long runs and their documents stay.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::Shared;
use crate::pdf::FOLDER_PREFIX;
use crate::runs::Format;

/// How often old runs are looked for.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Makes the folder of documents, readable by nobody else, and removes what an interrupted run left half-written.
pub(in crate::runs) fn prepare(files: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let context = || format!("use the folder of documents {}", files.display());
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(files)
        .with_context(context)?;
    for entry in std::fs::read_dir(files).with_context(context)? {
        let entry = entry.with_context(context)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".part") {
            std::fs::remove_file(entry.path()).with_context(context)?;
        }
        if name.starts_with(FOLDER_PREFIX) {
            std::fs::remove_dir_all(entry.path()).with_context(context)?;
        }
    }
    Ok(())
}

/// Removes runs that are too old, at start and then every hour, until the service stops.
pub(super) async fn watch(shared: Arc<Shared>) {
    let stop = shared.parts.tasks.soft();
    loop {
        if let Err(error) = clear(&shared).await {
            tracing::warn!(
                error = format!("{error:#}"),
                "old runs could not be removed"
            );
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(INTERVAL))
            .await
            .is_none()
        {
            return;
        }
    }
}

async fn clear(shared: &Shared) -> anyhow::Result<()> {
    let before_ms = shared
        .parts
        .clock
        .now_ms()
        .saturating_sub(shared.parts.keep_ms);
    for id in shared
        .parts
        .store
        .runs_forget(before_ms)
        .await
        .context("forget old runs")?
    {
        for format in [Format::Word, Format::Pdf] {
            match tokio::fs::remove_file(shared.file(&id, format)).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).context("remove a document");
                }
                _ => {}
            }
        }
    }
    Ok(())
}
