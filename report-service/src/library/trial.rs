//! A template tried out: a document of the datasets' good examples, made as a run's is.

use std::io;
use std::path::Path;

use tempfile::TempPath;

use super::lint::refused;
use super::upload::Refused;
use super::{Library, Shared};
use crate::render::Template;
use crate::reports::Report;
use crate::runs::Format;

impl Library {
    /// The document that a template makes of sample data.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn try_out(
        &self,
        report: &Report,
        template: Template,
        format: Format,
    ) -> Result<Vec<u8>, Refused> {
        let shared = &self.shared;
        let word = shared.passing()?;
        shared.sample_document(report, template, &word).await?;
        match format {
            Format::Word => shared.whole(word).await,
            Format::Pdf => {
                let output = shared.passing()?;
                shared.pdf(&word, &output).await?;
                shared.whole(output).await
            }
        }
    }
}

impl Shared {
    async fn sample_document(
        &self,
        report: &Report,
        template: Template,
        output: &Path,
    ) -> Result<(), Refused> {
        let _look = self.looks.acquire().await.ok();
        let renderer = &self.parts.renderer;
        let values = self.sample(report, &template).await?;
        let tray = renderer.tray().map_err(refused)?;
        let made = renderer.to_file(tray, template, values, output).await;
        made.map(drop).map_err(refused)
    }

    async fn pdf(&self, word: &Path, output: &Path) -> Result<(), Refused> {
        let Some(pdf) = &self.parts.pdf else {
            return Err(Refused::File("PDF is not offered here".into()));
        };
        let made = pdf.make(word, output).await;
        made.map(drop)
            .map_err(|failure| Refused::File(failure.to_string()))
    }

    /// The bytes of a passing file.
    pub(super) async fn whole(&self, file: TempPath) -> Result<Vec<u8>, Refused> {
        let work = move || std::fs::read(&file);
        let read = self.parts.tasks.blocking("read what was made", work).await;
        Ok(read.unwrap_or_else(|| Err(io::ErrorKind::Other.into()))?)
    }

    /// A file that goes when it is let go of; what an interrupted try-out leaves goes at the next start.
    pub(super) fn passing(&self) -> io::Result<TempPath> {
        let file = tempfile::Builder::new()
            .prefix(".try-")
            .suffix(".part")
            .tempfile_in(&self.parts.files)?;
        Ok(file.into_temp_path())
    }
}
