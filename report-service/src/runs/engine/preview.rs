//! Pages of a finished document as pictures, made once and kept beside it.

use super::Engine;
use crate::artefacts::{ArtefactError, ArtefactKey, ArtefactPart, LocalFile};
use crate::pdf::PAGES_MAX;
use crate::runs::{Format, RunId};
use crate::store::runs::RunRow;

/// What is said when there is none.
const NO_PREVIEW: &str = "There is no preview of this document. Download it instead.";

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
        self.draw(run).await
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
        let failed = |failure: crate::pdf::PdfFailure| {
            tracing::warn!(message.id = %run.id, error = %failure, "a preview could not be made");
            NO_PREVIEW.to_owned()
        };
        let name = |number| artefacts.draft(&page(&run.id, number));
        if run.formats.has(Format::Pdf) {
            let document = self.document(run, Format::Pdf).await?;
            let drawn = pdf.pictures(document.path(), name).await;
            return self.put_pages(run, drawn.map_err(failed)?).await;
        }
        let passing = self
            .shared
            .parts
            .files
            .join(format!(".{}.preview.part", run.id));
        let document = self.document(run, Format::Word).await?;
        let made = pdf.make(document.path(), &passing).await;
        let drawn = match made {
            Ok(_) => pdf.pictures(&passing, name).await,
            Err(failure) => Err(failure),
        };
        // Whoever clears away old runs finds it otherwise.
        let _ = tokio::fs::remove_file(&passing).await;
        self.put_pages(run, drawn.map_err(failed)?).await
    }

    async fn document(&self, run: &RunRow, format: Format) -> Result<LocalFile, String> {
        let key = ArtefactKey::new(&run.id, ArtefactPart::Document(format));
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
