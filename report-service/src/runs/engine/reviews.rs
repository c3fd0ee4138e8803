//! An edited version takes the place of a draft.

use std::path::Path;

use futures_util::StreamExt as _;
use tempfile::TempPath;

use super::{Engine, Shared};
use crate::artefacts::{ArtefactError, ArtefactKey, ArtefactPart};
use crate::runs::{Format, RunFile};
use crate::store::runs::RunRow;

/// What is said where the disk or the store failed.
const NOT_KEPT: &str = "The file could not be kept. Tell your administrator.";

/// What is said where a decision or an edited version comes too late.
pub const DECIDED: &str =
    "Somebody has decided about this document or replaced it meanwhile. Look at it again.";

/// Why an edited version does not take a draft's place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReplaced {
    /// It is another draft by now, or none any more.
    #[error("{DECIDED}")]
    Late,
    /// Not with this file: in words.
    #[error("{0}")]
    Refused(String),
}

impl From<String> for NotReplaced {
    fn from(words: String) -> Self {
        Self::Refused(words)
    }
}

/// A file of an edited version, before it is put in place.
struct Fresh {
    file: RunFile,
    path: TempPath,
}

impl Engine {
    /// Takes a Word document in a draft's place, after the checks that templates pass; a PDF is made of it where one is
    /// wanted. All of it is ready before anything is replaced, and it is replaced only where the run still waits with
    /// the files that were seen.
    ///
    /// # Errors
    /// Why not.
    pub async fn replace_draft(&self, seen: &RunRow, document: Vec<u8>) -> Result<(), NotReplaced> {
        let parts = &self.shared.parts;
        let looked = parts.renderer.inspect(document.clone()).await;
        looked.map_err(|failure| format!("This file cannot be taken: {failure}"))?;
        let fresh = self.shared.edited(seen, document).await?;
        let files: Vec<RunFile> = fresh.iter().map(|fresh| fresh.file.clone()).collect();
        // Whoever comes second finds other files than it saw; the first one's are in place by then.
        let _turn = self.shared.edits.lock().await;
        match parts.store.run_edited(seen, &files).await {
            Ok(true) => {}
            Ok(false) => return Err(NotReplaced::Late),
            Err(error) => {
                tracing::error!(%error, "an edited document could not be recorded");
                return Err(NOT_KEPT.to_owned().into());
            }
        }
        for Fresh { file, path } in fresh {
            let key = ArtefactKey::new(&seen.id, ArtefactPart::Document(file.format));
            let put = self.artefacts().put(&key, &path).await;
            put.map_err(|error| {
                tracing::error!(message.id = %seen.id, %error, "an edited document could not be put in place");
                let words = "The file could not be put in the draft's place. Upload it again, or tell your administrator.";
                NotReplaced::Refused(words.into())
            })?;
        }
        self.forget_preview(&seen.id).await;
        Ok(())
    }

    /// Whether every file of a run is the one that was recorded; why not.
    ///
    /// # Errors
    /// When one is missing, cannot be read, or is another one.
    pub async fn in_place(&self, run: &RunRow) -> Result<(), ArtefactError> {
        for file in &run.files {
            let key = ArtefactKey::new(&run.id, ArtefactPart::Document(file.format));
            let mut opened = self.artefacts().verified(&key, &file.sha256).await?;
            if file.sha256.is_empty() {
                opened.body.next().await.transpose()?;
            }
        }
        Ok(())
    }
}

impl Shared {
    /// The files of an edited version, under names that nobody reads.
    async fn edited(&self, run: &RunRow, document: Vec<u8>) -> Result<Vec<Fresh>, String> {
        let word = self.fresh(run, Format::Word)?;
        let written = tokio::fs::write(&word, document).await;
        written.map_err(|error| unwritten(&error))?;
        let mut fresh = Vec::new();
        if run.formats.has(Format::Pdf) {
            let pdf = self.fresh(run, Format::Pdf)?;
            self.pdf(&word, &pdf).await?;
            fresh.push(self.measured(run, Format::Pdf, pdf).await?);
        }
        if run.formats.has(Format::Word) {
            fresh.insert(0, self.measured(run, Format::Word, word).await?);
        }
        Ok(fresh)
    }

    fn fresh(&self, run: &RunRow, format: Format) -> Result<TempPath, String> {
        let key = ArtefactKey::new(&run.id, ArtefactPart::Document(format));
        let fresh = self.parts.artefacts.fresh(&key);
        fresh.map_err(|error| unwritten(&error))
    }

    async fn measured(
        &self,
        run: &RunRow,
        format: Format,
        path: TempPath,
    ) -> Result<Fresh, String> {
        let before = run.file(format);
        let made = before.map(|before| match before.made.as_str() {
            "" => before.sha256.clone(),
            made => made.to_owned(),
        });
        let place: &Path = &path;
        let file = RunFile {
            made: made.unwrap_or_default(),
            ..self.kept(format, place).await?
        };
        Ok(Fresh { file, path })
    }
}

fn unwritten(error: &std::io::Error) -> String {
    tracing::error!(%error, "an edited document could not be written");
    NOT_KEPT.to_owned()
}
