//! An edited version takes the place of a draft.

use super::Engine;
use crate::artefacts::ArtefactPart;
use crate::runs::Format;
use crate::store::runs::RunRow;

impl Engine {
    /// Takes a Word document in a draft's place, after the checks that templates pass; a PDF is made of it where one is
    /// wanted.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn replace_draft(&self, run: &RunRow, document: Vec<u8>) -> Result<(), String> {
        let parts = &self.shared.parts;
        let looked = parts.renderer.inspect(document.clone()).await;
        looked.map_err(|failure| format!("This file cannot be taken: {failure}"))?;
        let word = ArtefactPart::Document(Format::Word);
        let place = self.shared.draft(run, word);
        let fresh = place.with_file_name(format!(".{}.edited.part", run.id));
        let failed = |error: std::io::Error| {
            tracing::error!(%error, "an edited document could not be written");
            "The file could not be kept. Tell your administrator.".to_owned()
        };
        tokio::fs::write(&fresh, document).await.map_err(failed)?;
        tokio::fs::rename(&fresh, &place).await.map_err(failed)?;
        self.forget_preview(&run.id).await;
        let mut files = self.shared.finish(run, &place).await?;
        for file in &mut files {
            let made = run
                .file(file.format)
                .map(|before| match before.made.as_str() {
                    "" => before.sha256.clone(),
                    made => made.to_owned(),
                });
            file.made = made.unwrap_or_default();
        }
        let stored = parts.store.run_edited(&run.id, &files).await;
        match stored {
            Ok(true) => Ok(()),
            Ok(false) => Err("Somebody has decided about this document meanwhile.".into()),
            Err(error) => {
                tracing::error!(%error, "an edited document could not be recorded");
                Err("The file could not be kept. Tell your administrator.".into())
            }
        }
    }
}
