//! How long runs and their documents stay.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::Shared;
use crate::artefacts::{ArtefactKey, ArtefactPart};
use crate::pdf::{self, FOLDER_PREFIX};
use crate::reports::OLDER_S_MAX;
use crate::store::StoreKind;

/// How often old runs are looked for.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// Half-written files of other workers are left alone for so long.
const OTHERS_AGE: Duration = Duration::from_secs(6 * 3_600);

/// Makes the folder of documents, readable by nobody else, and removes what an interrupted run left half-written. Where
/// other workers may write to it as well, only what is so old that nobody does any more.
pub(in crate::runs) fn prepare(files: &Path, kind: StoreKind) -> anyhow::Result<()> {
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
        let path = entry.path();
        if kind == StoreKind::Postgres && !is_old(&entry) {
            continue;
        }
        if name.starts_with('.') && name.ends_with(".part") {
            std::fs::remove_file(&path).with_context(context)?;
        } else if name.starts_with(FOLDER_PREFIX)
            && let Err(error) = pdf::remove(&path)
        {
            // A document may have made it so; the service does without the room.
            let path = path.display();
            tracing::warn!(%path, %error, "what an interrupted run left behind could not be removed");
        }
    }
    Ok(())
}

/// True for what has not been written to for long; no run takes that long.
fn is_old(entry: &std::fs::DirEntry) -> bool {
    let written = entry.metadata().and_then(|found| found.modified());
    let age = written.ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age > OTHERS_AGE)
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

pub(super) async fn clear(shared: &Shared) -> anyhow::Result<()> {
    let now_ms = shared.parts.clock.now_ms();
    let before_ms = now_ms.saturating_sub(shared.parts.keep_ms);
    let (store, artefacts) = (&shared.parts.store, &shared.parts.artefacts);
    store
        .batches_forget(before_ms)
        .await
        .context("forget old batches")?;
    store
        .letters_forget(before_ms)
        .await
        .context("forget old letters")?;
    // What cannot be removed now is found again the next time.
    let over = store.runs_over(before_ms, now_ms).await;
    for id in over.context("look for old runs")? {
        artefacts.forget(&id).await.context("remove a document")?;
        store.run_forget(&id).await.context("forget old runs")?;
    }
    let log_before_ms = now_ms.saturating_sub(shared.parts.logs_keep_ms);
    let lines = store.satellite_log_forget(log_before_ms).await;
    lines.context("forget old lines of satellites")?;
    let older_before_ms = now_ms.saturating_sub(OLDER_S_MAX * 1_000);
    let older = store.older_forget(older_before_ms).await;
    older.context("forget older data")?;
    let data_before_ms = now_ms.saturating_sub(shared.parts.data_keep_ms);
    let over = store.runs_with_data(data_before_ms).await;
    for id in over.context("look for old data")? {
        let data = ArtefactKey::new(&id, ArtefactPart::Data);
        artefacts.delete(&data).await.context("remove old data")?;
        let forgotten = store.run_forget_data(&id).await;
        forgotten.context("forget old data")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_interrupted_runs_left_goes_and_what_cannot_go_stops_nothing() {
        let files = tempfile::tempdir().unwrap();
        let path = |name: &str| files.path().join(name);
        std::fs::create_dir_all(path(".pdf-left/profile/user")).unwrap();
        std::fs::write(path(".pdf-left/profile/user/x"), "x").unwrap();
        // No folder, so it is not removed as one.
        std::fs::write(path(".pdf-odd"), "x").unwrap();
        std::fs::write(path(".pdf-copy.part"), "x").unwrap();
        std::fs::write(path("kept.pdf"), "x").unwrap();
        prepare(files.path(), StoreKind::Postgres).unwrap();
        assert!(path(".pdf-copy.part").exists(), "perhaps another worker's");
        prepare(files.path(), StoreKind::Sqlite).unwrap();
        let there =
            [".pdf-left", ".pdf-copy.part", ".pdf-odd", "kept.pdf"].map(|name| path(name).exists());
        assert_eq!(there, [false, false, true, true]);
    }
}
