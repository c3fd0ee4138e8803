//! Pages of a PDF as pictures, made by poppler's `pdftoppm` in the same confinement as LibreOffice: what reads a document
//! is a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;

use super::folder::Folder;
use super::{Pdf, PdfFailure, Running, Shared, TOLD_BYTES_MAX, panicked, reason, system};

/// Largest picture of a page.
const PICTURE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest time for all pages of a preview.
const LIMIT: Duration = Duration::from_secs(60);
/// Pages that a preview has at most.
pub(crate) const PAGES_MAX: u32 = 10;

impl Pdf {
    /// Whether pages can be made pictures of.
    #[must_use]
    pub fn offers_pictures(&self) -> bool {
        self.shared.config.pictures.is_file()
    }

    /// Makes pictures of the first pages, the last of them first, so that where the first one stands all do; `name` gives
    /// the file of each page, from 1. Returns how many there are.
    ///
    /// # Errors
    /// When there are none.
    pub async fn pictures(
        &self,
        pdf: &Path,
        name: impl Fn(u32) -> PathBuf,
    ) -> Result<u32, PdfFailure> {
        let shared = &self.shared;
        // The semaphore is never closed; were it, one more would run.
        let _turn = shared.turns.acquire().await.ok();
        let parent = pdf.parent().unwrap_or(Path::new(".")).to_owned();
        let given = pdf.to_owned();
        let prepare = move || Folder::prepare(&given, &parent);
        let folder = shared.tasks.blocking("prepare a preview", prepare).await;
        let folder = Arc::new(folder.unwrap_or_else(|| Err(panicked("prepare a folder")))?);
        let drawn = tokio::time::timeout(LIMIT, shared.draw(folder.path())).await;
        let taken = Arc::clone(&folder);
        let take = move || pages(&taken);
        let pages = shared.tasks.blocking("take pictures", take).await;
        let pages = pages.unwrap_or_else(|| Err(panicked("take the pictures")));
        let remove = move || drop(folder);
        shared
            .tasks
            .blocking("remove a preview's folder", remove)
            .await;
        drawn.map_err(|_| PdfFailure::Late(u32::try_from(LIMIT.as_secs()).unwrap_or(60)))??;
        let pages = pages?;
        let count = u32::try_from(pages.len()).unwrap_or(0);
        for (index, page) in pages.into_iter().enumerate().rev() {
            let output = name(u32::try_from(index).unwrap_or(0) + 1);
            page.persist(&output)
                .map_err(|error| system(&format!("write {}", output.display()))(error.error))?;
        }
        Ok(count)
    }
}

impl Shared {
    async fn draw(&self, folder: &Path) -> Result<(), PdfFailure> {
        let mut command = self.worker(&self.config.pictures, folder);
        let child = command
            .args(["--pages", &PAGES_MAX.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .map_err(system("start the process that makes pictures"))?;
        let mut running = Running::of(child);
        let mut told = String::new();
        if let Some(pipe) = running.child.stderr.take() {
            // What cannot be read says nothing.
            let _ = pipe.take(TOLD_BYTES_MAX).read_to_string(&mut told).await;
        }
        let status = running.child.wait().await;
        let status = status.map_err(system("wait for the process that makes pictures"))?;
        if status.success() {
            Ok(())
        } else {
            Err(PdfFailure::Undrawn(reason(status, &told)))
        }
    }
}

/// The pictures of a folder by their pages; each is looked at before it is taken.
fn pages(folder: &Folder) -> Result<Vec<NamedTempFile>, PdfFailure> {
    if folder.is_too_full() {
        return Err(PdfFailure::Full);
    }
    let mut pages = Vec::new();
    for number in 1..=PAGES_MAX {
        // The digits depend on how many pages the document has.
        let names = [1, 2, 3, 4, 5].map(|width: usize| format!("page-{number:0width$}.png"));
        match names
            .iter()
            .find_map(|name| folder.picture(name, PICTURE_BYTES_MAX))
        {
            Some(page) => pages.push(page?),
            None => break,
        }
    }
    if pages.is_empty() {
        return Err(PdfFailure::Undrawn("there was no picture".to_owned()));
    }
    Ok(pages)
}
