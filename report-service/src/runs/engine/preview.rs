//! Pages of a finished document as pictures, made once and kept beside it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Engine;
use crate::artefacts::{ArtefactError, ArtefactKey, ArtefactPart, LocalFile, fresh};
use crate::pdf::PAGES_MAX;
use crate::runs::{Format, RunId};
use crate::store::runs::RunRow;

/// What is said when there is none.
const NO_PREVIEW: &str = "There is no preview of this document. Download it instead.";

/// A document of which no pictures could be made is not tried again for so long.
const FAILURE_KEEP_MS: u64 = 300_000;
/// Such documents that are remembered; beyond, the oldest goes.
const FAILURES_MAX: usize = 256;

/// Documents of which no pictures could be made, each with its files' digests and until when it is not tried again.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<RunId, (Vec<String>, u64)>>);

impl Failures {
    fn has(&self, run: &RunRow, now_ms: u64) -> bool {
        let known = self.known();
        let found = known.get(&run.id);
        found.is_some_and(|(files, until_ms)| *files == digests(run) && now_ms < *until_ms)
    }

    fn note(&self, run: &RunRow, now_ms: u64) {
        let mut known = self.known();
        known.retain(|_, (_, until_ms)| now_ms < *until_ms);
        if known.len() >= FAILURES_MAX {
            let oldest = known.iter().min_by_key(|(_, (_, until_ms))| *until_ms);
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.map(|id| known.remove(&id));
        }
        let until_ms = now_ms.saturating_add(FAILURE_KEEP_MS);
        known.insert(run.id.clone(), (digests(run), until_ms));
    }

    fn known(&self) -> MutexGuard<'_, HashMap<RunId, (Vec<String>, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digests(run: &RunRow) -> Vec<String> {
    run.files.iter().map(|file| file.sha256.clone()).collect()
}

impl Engine {
    /// Whether there are previews.
    pub fn offers_preview(&self) -> bool {
        let pdf = self.shared.parts.pdf.as_ref();
        pdf.is_some_and(crate::pdf::Pdf::offers_pictures)
    }

    /// Makes the pictures where there are none yet; how many there are.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub async fn preview(&self, run: &RunRow) -> Result<u32, String> {
        let artefacts = self.artefacts();
        let mut count = 0;
        while count < PAGES_MAX {
            let next = page(&run.id, count + 1);
            let there = artefacts.exists(&next).await;
            if !there.map_err(|error| unread(run, &error))? {
                break;
            }
            count += 1;
        }
        if count > 0 {
            return Ok(count);
        }
        let count = self.draw(run).await?;
        // Somebody may have edited the draft meanwhile: then these are pictures of what is no more.
        let now = self.shared.parts.store.run(&run.id).await;
        let now = now.ok().flatten().map(|now| now.files);
        if now.as_ref() != Some(&run.files) {
            self.forget_preview(&run.id).await;
            return Err("This document was edited meanwhile. Look at it again.".into());
        }
        Ok(count)
    }

    async fn draw(&self, run: &RunRow) -> Result<u32, String> {
        let artefacts = self.artefacts();
        let Some(pdf) = self
            .shared
            .parts
            .pdf
            .as_ref()
            .filter(|pdf| pdf.offers_pictures())
        else {
            return Err("Previews are not offered here. Download the document instead.".into());
        };
        let now_ms = self.shared.parts.clock.now_ms();
        if self.shared.failures.has(run, now_ms) {
            return Err(NO_PREVIEW.into());
        }
        let failed = |failure: crate::pdf::PdfFailure| {
            tracing::warn!(message.id = %run.id, error = %failure, "a preview could not be made");
            let now_ms = self.shared.parts.clock.now_ms();
            self.shared.failures.note(run, now_ms);
            NO_PREVIEW.to_owned()
        };
        let name = |number| artefacts.draft(&page(&run.id, number));
        if run.formats.has(Format::Pdf) {
            let document = self.document(run, Format::Pdf).await?;
            let drawn = pdf.pictures(document.path(), name).await;
            return self.put_pages(run, drawn.map_err(failed)?).await;
        }
        let passing = fresh(&self.shared.parts.files, &format!("{}.preview", run.id));
        let passing = passing.map_err(|error| unread(run, &error.into()))?;
        let document = self.document(run, Format::Word).await?;
        let made = pdf.make(document.path(), &passing).await;
        let drawn = match made {
            Ok(_) => pdf.pictures(&passing, name).await,
            Err(failure) => Err(failure),
        };
        self.put_pages(run, drawn.map_err(failed)?).await
    }

    async fn document(&self, run: &RunRow, format: Format) -> Result<LocalFile, String> {
        let key = ArtefactKey::new(&run.id, ArtefactPart::Document(format));
        let recorded = run.file(format).map(|file| file.sha256.as_str());
        let is_it = self
            .artefacts()
            .verified(&key, recorded.unwrap_or_default());
        is_it.await.map_err(|error| unread(run, &error))?;
        let file = self.artefacts().local(&key).await;
        file.map_err(|error| unread(run, &error))
    }

    /// Puts the pictures, the first one last, so that where it is all are.
    async fn put_pages(&self, run: &RunRow, count: u32) -> Result<u32, String> {
        let artefacts = self.artefacts();
        for number in (1..=count).rev() {
            let key = page(&run.id, number);
            let put = artefacts.put(&key, &artefacts.draft(&key)).await;
            put.map_err(|error| unread(run, &error))?;
        }
        Ok(count)
    }

    /// Forgets the pictures of a document that is not the same any more.
    pub(super) async fn forget_preview(&self, id: &RunId) {
        for number in 1..=PAGES_MAX {
            let gone = self.artefacts().delete(&page(id, number)).await;
            if let Err(error) = gone {
                tracing::warn!(message.id = %id, %error, "a picture of an earlier draft may be left");
            }
        }
    }
}

fn page(id: &RunId, number: u32) -> ArtefactKey {
    ArtefactKey::new(id, ArtefactPart::Page(number))
}

fn unread(run: &RunRow, error: &ArtefactError) -> String {
    tracing::warn!(message.id = %run.id, %error, "a preview's document or picture cannot be had");
    NO_PREVIEW.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::RunFile;

    #[test]
    fn a_preview_that_failed_is_not_tried_again_at_once_unless_the_document_is_another() {
        let failures = Failures::default();
        let file = |sha256: &str| RunFile {
            format: Format::Word,
            bytes: 1,
            sha256: sha256.into(),
            made: String::new(),
        };
        let run = RunRow {
            files: vec![file("one")],
            ..RunRow::queued(RunId::random().unwrap(), 1)
        };
        assert!(!failures.has(&run, 5));
        failures.note(&run, 5);
        assert!(failures.has(&run, 5) && failures.has(&run, FAILURE_KEEP_MS));
        assert!(!failures.has(&run, 5 + FAILURE_KEEP_MS), "for a while");
        let edited = RunRow {
            files: vec![file("two")],
            ..run.clone()
        };
        assert!(!failures.has(&edited, 6), "another document");
        for _ in 0..2 * FAILURES_MAX {
            failures.note(&RunRow::queued(RunId::random().unwrap(), 1), 7);
        }
        assert_eq!(failures.known().len(), FAILURES_MAX);
    }
}
