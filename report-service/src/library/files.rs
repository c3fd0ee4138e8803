//! The bytes of uploaded templates: one file each, whose SHA-256 is in the store.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::{FOLDER, Shared};
use crate::store::library::TemplateRow;

/// Why a file is not given out.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// It is not there, or the disk does not give it.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
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
        let (path, expected) = (self.path(&row.file_key), row.sha256.clone());
        self.blocking("read a template", move || checked(&path, expected))
            .await
    }

    /// Keeps a file under this name.
    pub(super) async fn write(&self, key: &str, file: Arc<[u8]>) -> io::Result<()> {
        let path = self.path(key);
        self.blocking("keep a template", move || written(&path, &file))
            .await
    }

    /// Removes a file; one that is not there is removed already.
    pub(super) async fn forget(&self, key: &str) {
        if let Err(error) = tokio::fs::remove_file(self.path(key)).await
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the file of a removed template could not be removed");
        }
    }

    async fn blocking<T: Send + 'static, E: From<io::Error> + Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let done = self.parts.tasks.blocking(name, work).await;
        done.unwrap_or_else(|| Err(io::Error::from(io::ErrorKind::Other).into()))
    }

    fn path(&self, key: &str) -> PathBuf {
        self.parts.files.join(FOLDER).join(key)
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

fn checked(path: &Path, expected: String) -> Result<Arc<[u8]>, FileFault> {
    let file = std::fs::read(path)?;
    let found = sha256(&file);
    if found == expected {
        Ok(file.into())
    } else {
        Err(FileFault::Changed { found, expected })
    }
}

fn written(path: &Path, file: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let folder = path.parent().unwrap_or(path);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = folder.join(format!(".{name}.part"));
    let mut options = std::fs::OpenOptions::new();
    let mut output = options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&part)?;
    output.write_all(file)?;
    output.sync_all()?;
    std::fs::rename(&part, path)
}
