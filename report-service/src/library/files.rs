//! The bytes of uploaded templates: an artefact each, whose SHA-256 is in the store.

use std::io::{self, Write as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::Shared;
use crate::artefacts::{ArtefactError, ArtefactKey};
use crate::store::library::TemplateRow;

/// Why a file is not given out.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// It is not there, or cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ArtefactError),
    /// It is not what was uploaded.
    #[error("its SHA-256 is {found}, and what was uploaded had {expected}")]
    Changed {
        /// What it is.
        found: String,
        /// What it was.
        expected: String,
    },
}

impl Shared {
    /// The file of a version, checked against its digest.
    pub(super) async fn read(&self, row: &TemplateRow) -> Result<Arc<[u8]>, FileFault> {
        let key = ArtefactKey::template(&row.file_key);
        let file = self.parts.artefacts.read(&key).await?;
        let found = sha256(&file);
        if found == row.sha256 {
            return Ok(file.into());
        }
        let expected = row.sha256.clone();
        Err(FileFault::Changed { found, expected })
    }

    /// Keeps a file under this name.
    pub(super) async fn write(&self, key: &str, file: Arc<[u8]>) -> Result<(), ArtefactError> {
        let passing = self.passing()?;
        let path = passing.to_path_buf();
        let work = move || {
            let mut output = std::fs::File::create(path)?;
            output.write_all(&file)?;
            output.sync_all()
        };
        let written = self.parts.tasks.blocking("keep a template", work).await;
        written.unwrap_or_else(|| Err(io::ErrorKind::Other.into()))?;
        let key = ArtefactKey::template(key);
        self.parts.artefacts.put(&key, &passing).await
    }

    /// Removes a file; one that is not there is removed already.
    pub(super) async fn forget(&self, key: &str) {
        let key = ArtefactKey::template(key);
        if let Err(error) = self.parts.artefacts.delete(&key).await {
            tracing::warn!(%error, "the file of a removed template could not be removed");
        }
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}
