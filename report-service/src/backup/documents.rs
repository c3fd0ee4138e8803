//! Where the documents of a backup go: into a folder, or through it into storage.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::sound::is_document;
use crate::artefacts::{ArtefactKey, Artefacts};

/// One after the other, piece by piece.
pub(super) struct Documents<'a> {
    folder: PathBuf,
    storage: Option<&'a Artefacts>,
    open: Option<Open>,
    /// What was written here.
    made: Vec<PathBuf>,
}

struct Open {
    file: File,
    left: u64,
    /// What goes on to the storage, and the file in which it waits.
    put: Option<(ArtefactKey, tempfile::TempPath)>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(folder: &Path, storage: Option<&'a Artefacts>) -> Self {
        Self {
            folder: folder.to_owned(),
            storage,
            open: None,
            made: Vec::new(),
        }
    }

    pub(super) async fn begin(&mut self, name: &str, bytes: u64) -> anyhow::Result<()> {
        self.end().await?;
        let within = Path::new(name);
        if !is_document(name) {
            bail!("{name:?} is no document's name");
        }
        let key = self.storage.and_then(|_| ArtefactKey::of_file(name));
        let (file, put) = match key {
            Some(key) => {
                let (file, path) = self.waiting()?;
                (file, Some((key, path)))
            }
            None => (self.kept(within)?, None),
        };
        self.open = Some(Open {
            file,
            left: bytes,
            put,
        });
        Ok(())
    }

    pub(super) fn piece(&mut self, piece: &str) -> anyhow::Result<()> {
        let open = self.open.as_mut().context("a piece without a file")?;
        let bytes = STANDARD.decode(piece).context("a piece is no base64")?;
        open.left = open
            .left
            .checked_sub(bytes.len() as u64)
            .context("a file is longer than it says")?;
        open.file.write_all(&bytes).context("write a document")
    }

    pub(super) async fn end(&mut self) -> anyhow::Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if open.left > 0 {
            bail!("a file is shorter than it says");
        }
        match (open.put, self.storage) {
            (Some((key, path)), Some(storage)) => {
                drop(open.file);
                let put = storage.put(&key, &path).await;
                put.with_context(|| format!("put {} into the storage", key.file_name()))
            }
            _ => open.file.sync_all().context("write a document"),
        }
    }

    /// Takes away what was written here.
    pub(super) fn undo(&mut self) {
        self.open = None;
        for path in self.made.drain(..) {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::error!(%error, file = %path.display(), "a document of a failed restore is left");
            }
        }
    }

    /// A file that stays; none is overwritten.
    fn kept(&mut self, within: &Path) -> anyhow::Result<File> {
        let path = self.folder.join(within);
        private_folder(path.parent().unwrap_or(&self.folder))?;
        let made = File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("write the document {}", path.display()))?;
        self.made.push(path);
        Ok(made)
    }

    /// A file that goes when its document is put, or could not be.
    fn waiting(&self) -> anyhow::Result<(File, tempfile::TempPath)> {
        private_folder(&self.folder)?;
        let made = tempfile::Builder::new()
            .prefix(".restored.")
            .suffix(".part")
            .tempfile_in(&self.folder);
        let made =
            made.with_context(|| format!("write a document below {}", self.folder.display()))?;
        Ok(made.into_parts())
    }
}

fn private_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("make the folder {}", folder.display()))
}
