//! Pages of a finished document as pictures, made once and kept beside it.

use std::path::PathBuf;

use super::Engine;
use crate::pdf::PAGES_MAX;
use crate::runs::{Format, RunId};
use crate::store::runs::RunRow;

impl Engine {
    /// Whether there are previews.
    pub fn offers_preview(&self) -> bool {
        let pdf = self.shared.parts.pdf.as_ref();
        pdf.is_some_and(crate::pdf::Pdf::offers_pictures)
    }

    /// Where the picture of a page is, from 1.
    pub fn picture(&self, id: &RunId, page: u32) -> PathBuf {
        self.shared.parts.files.join(format!("{id}.p{page}.png"))
    }

    /// Makes the pictures where there are none yet; how many there are.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub async fn preview(&self, run: &RunRow) -> Result<u32, String> {
        let there = |page: u32| self.picture(&run.id, page).is_file();
        if !there(1) {
            self.draw(run).await?;
        }
        let count = (1..=PAGES_MAX).take_while(|page| there(*page)).count();
        Ok(u32::try_from(count).unwrap_or(0))
    }

    async fn draw(&self, run: &RunRow) -> Result<(), String> {
        let told = "There is no preview of this document. Download it instead.";
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
            told.to_owned()
        };
        let name = |page| self.picture(&run.id, page);
        if run.formats.has(Format::Pdf) {
            let drawn = pdf.pictures(&self.file(&run.id, Format::Pdf), name).await;
            return drawn.map(drop).map_err(failed);
        }
        let passing = self
            .shared
            .parts
            .files
            .join(format!(".{}.preview.part", run.id));
        let made = pdf.make(&self.file(&run.id, Format::Word), &passing).await;
        let drawn = match made {
            Ok(_) => pdf.pictures(&passing, name).await.map(drop),
            Err(failure) => Err(failure),
        };
        // Whoever clears away old runs finds it otherwise.
        let _ = tokio::fs::remove_file(&passing).await;
        drawn.map_err(failed)
    }

    /// Forgets the pictures of a document that is not the same any more.
    pub(super) async fn forget_preview(&self, id: &RunId) {
        for page in 1..=PAGES_MAX {
            // What is not there need not go.
            let _ = tokio::fs::remove_file(self.picture(id, page)).await;
        }
    }
}
