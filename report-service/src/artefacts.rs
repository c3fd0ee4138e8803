//! Artefacts: finished documents, what they were made of, pictures of their pages, and uploaded templates. They are kept
//! in a folder, or in storage that speaks S3; everything else in the service knows their keys alone.

mod key;
mod s3;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use ring::digest::{Context, SHA256};
use spokegate_contract::hex;
use spokegate_daemon::Clock;
use tempfile::TempPath;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_util::io::ReaderStream;

use crate::config::{ArtefactsPlace, Config};
use crate::runs::RunId;
use crate::secrets::{SecretError, Secrets};
use s3::S3;

pub use key::{ArtefactKey, ArtefactPart};

/// Bytes read from the disk at a time.
const BUFFER_BYTES: usize = 65_536;

/// A handle to where artefacts are kept; cloning shares it.
#[derive(Clone)]
pub struct Artefacts {
    folder: PathBuf,
    s3: Option<Arc<S3>>,
}

/// Why an artefact cannot be had or kept, in words.
#[derive(Debug, thiserror::Error)]
pub enum ArtefactError {
    /// There is none.
    #[error("it is not kept (any more)")]
    Missing,
    /// What is kept is not what was recorded.
    #[error("what is kept has the digest {0}, which is not the one that was recorded")]
    Changed(String),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// The storage is not there, or broke off.
    #[error("the storage {place} {why}")]
    Unreachable {
        /// Its address.
        place: String,
        /// What happened.
        why: String,
    },
    /// The storage does not do it.
    #[error("the storage {place} refuses: {why}")]
    Refused {
        /// Its address.
        place: String,
        /// Why, with what to do.
        why: String,
        /// Its word for it; empty where it says none.
        code: String,
        /// Whether it may do it in a moment.
        passing: bool,
    },
    /// Its credentials are not to be had.
    #[error("the credentials of the storage: {0}")]
    Credentials(#[from] SecretError),
}

impl ArtefactError {
    fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { passing, .. } => *passing,
            Self::Missing | Self::Changed(_) | Self::Disk(_) | Self::Credentials(_) => false,
        }
    }
}

/// An artefact that is being read.
pub struct Opened {
    /// Its size.
    pub bytes: u64,
    /// What is in it; an error where it breaks off.
    pub body: BoxStream<'static, io::Result<Bytes>>,
}

/// An artefact as a file. Where it had to be copied for that, the copy goes with this.
pub struct LocalFile {
    path: PathBuf,
    _copy: Option<TempPath>,
}

impl LocalFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Artefacts {
    /// In a folder.
    #[must_use]
    pub fn on_disk(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            s3: None,
        }
    }

    /// Where the configuration says. The storage need not answer yet.
    ///
    /// # Errors
    /// When its address or its certificates cannot be used.
    pub fn configured(config: &Config, secrets: &Secrets, clock: &Clock) -> anyhow::Result<Self> {
        let s3 = match config.artefacts.place {
            ArtefactsPlace::Disk => None,
            ArtefactsPlace::S3 => {
                let s3 = S3::new(&config.artefacts.s3, secrets, clock);
                Some(Arc::new(s3.context("set up the storage of documents")?))
            }
        };
        Ok(Self {
            s3,
            ..Self::on_disk(&config.files)
        })
    }

    /// The storage's address and bucket; `None` for a folder.
    #[must_use]
    pub fn elsewhere(&self) -> Option<&str> {
        self.s3.as_ref().map(|s3| s3.place())
    }

    /// Where a new one is written before it is put.
    #[must_use]
    pub fn draft(&self, key: &ArtefactKey) -> PathBuf {
        match self.s3 {
            None => self.on_the_disk(key),
            Some(_) => self.folder.join(format!(".{}.part", key.file_name())),
        }
    }

    /// Keeps a file, in the place of what the key had before; the file is gone afterwards, or is the one that is kept.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn put(&self, key: &ArtefactKey, file: &Path) -> Result<(), ArtefactError> {
        let place = self.on_the_disk(key);
        let Some(s3) = &self.s3 else {
            if file != place {
                private_folder(place.parent().unwrap_or(&self.folder)).await?;
                tokio::fs::rename(file, &place).await?;
            }
            return Ok(());
        };
        s3.put(&key.object_name(), file).await?;
        // What an earlier configuration kept here would be taken for this one.
        for old in [file, &place] {
            removed(old).await?;
        }
        Ok(())
    }

    /// Begins to read one.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn open(&self, key: &ArtefactKey) -> Result<Opened, ArtefactError> {
        match tokio::fs::File::open(self.on_the_disk(key)).await {
            Ok(file) => {
                let bytes = file.metadata().await?.len();
                let body = ReaderStream::with_capacity(file, BUFFER_BYTES).boxed();
                Ok(Opened { bytes, body })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match &self.s3 {
                Some(s3) => s3.open(key.object_name()).await,
                None => Err(ArtefactError::Missing),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// One as a file, for what reads files.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn local(&self, key: &ArtefactKey) -> Result<LocalFile, ArtefactError> {
        let path = self.on_the_disk(key);
        let there = tokio::fs::try_exists(&path).await?;
        if there || self.s3.is_none() {
            let file = LocalFile { path, _copy: None };
            return there.then_some(file).ok_or(ArtefactError::Missing);
        }
        let Opened { mut body, .. } = self.open(key).await?;
        let path = self.fresh(key)?;
        let mut file = tokio::fs::File::create(&path).await?;
        while let Some(piece) = body.next().await {
            file.write_all(&piece?).await?;
        }
        file.flush().await?;
        Ok(LocalFile {
            path: path.to_path_buf(),
            _copy: Some(path),
        })
    }

    /// Begins to read one that has the digest that was recorded; where none was, as it is. All of it was looked at before
    /// the first byte is given out, through the handle that gives it out.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or it is not the one.
    pub async fn verified(&self, key: &ArtefactKey, sha256: &str) -> Result<Opened, ArtefactError> {
        if sha256.is_empty() {
            return self.open(key).await;
        }
        let local = self.local(key).await?;
        let mut file = tokio::fs::File::open(local.path()).await?;
        let (mut digest, mut bytes) = (Context::new(&SHA256), 0);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = file.read(&mut buffer).await?;
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
                break;
            };
            digest.update(read);
            bytes += count as u64;
        }
        let found = hex::encode(digest.finish().as_ref());
        if found != sha256 {
            return Err(ArtefactError::Changed(found));
        }
        file.rewind().await?;
        let body = ReaderStream::with_capacity(file, BUFFER_BYTES).boxed();
        Ok(Opened { bytes, body })
    }

    /// A name beside the artefacts that nobody else has; what is written there goes with it unless it is put.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn fresh(&self, key: &ArtefactKey) -> io::Result<TempPath> {
        fresh(&self.folder, &key.file_name())
    }

    /// One whole, where it is small.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub async fn read(&self, key: &ArtefactKey) -> Result<Vec<u8>, ArtefactError> {
        self.read_verified(key, "").await
    }

    /// The same, where it has the digest that was recorded.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or it is not the one.
    pub async fn read_verified(
        &self,
        key: &ArtefactKey,
        sha256: &str,
    ) -> Result<Vec<u8>, ArtefactError> {
        let Opened { mut body, .. } = self.verified(key, sha256).await?;
        let mut whole = Vec::new();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }

    /// Whether there is one.
    ///
    /// # Errors
    /// When that cannot be told.
    pub async fn exists(&self, key: &ArtefactKey) -> Result<bool, ArtefactError> {
        if tokio::fs::try_exists(self.on_the_disk(key)).await? {
            return Ok(true);
        }
        match &self.s3 {
            Some(s3) => s3.exists(&key.object_name()).await,
            None => Ok(false),
        }
    }

    /// The next artefacts in the storage, in the order of its names, after one of its names; and the last of the names
    /// that were looked at, `None` after all of them. A folder has none.
    ///
    /// # Errors
    /// When the storage does not list them.
    pub(crate) async fn in_storage(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<ArtefactKey>, Option<String>), ArtefactError> {
        let Some(s3) = &self.s3 else {
            return Ok((Vec::new(), None));
        };
        let names = s3.names(after).await?;
        let keys = names.iter().filter_map(|name| ArtefactKey::of_object(name));
        Ok((keys.collect(), names.last().cloned()))
    }

    /// Removes one; what is not there need not go.
    ///
    /// # Errors
    /// When it stays.
    pub async fn delete(&self, key: &ArtefactKey) -> Result<(), ArtefactError> {
        removed(&self.on_the_disk(key)).await?;
        match &self.s3 {
            Some(s3) => s3.delete(&key.object_name()).await,
            None => Ok(()),
        }
    }

    /// Removes everything of a run.
    ///
    /// # Errors
    /// When something stays.
    pub async fn forget(&self, run: &RunId) -> Result<(), ArtefactError> {
        for part in ArtefactPart::all() {
            removed(&self.on_the_disk(&ArtefactKey::new(run, part))).await?;
        }
        match &self.s3 {
            Some(s3) => s3.delete_all(&format!("{run}/")).await,
            None => Ok(()),
        }
    }

    /// Whether the storage answers, has the bucket and takes the credentials; a folder always does.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub async fn check(&self) -> Result<(), ArtefactError> {
        match &self.s3 {
            Some(s3) => s3.check().await,
            None => Ok(()),
        }
    }

    fn on_the_disk(&self, key: &ArtefactKey) -> PathBuf {
        self.folder.join(key.file_name())
    }
}

/// A name in a folder that nobody else has, of a file that goes with it; what an interrupted service leaves of it is
/// cleared away at the next start.
///
/// # Errors
/// When the folder cannot be written.
pub(crate) fn fresh(folder: &Path, name: &str) -> io::Result<TempPath> {
    let made = tempfile::Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".part")
        .tempfile_in(folder)?;
    Ok(made.into_temp_path())
}

/// Makes a folder that nobody else reads, where there is none.
async fn private_folder(folder: &Path) -> io::Result<()> {
    let mut make = tokio::fs::DirBuilder::new();
    make.recursive(true).mode(0o700).create(folder).await
}

async fn removed(path: &Path) -> io::Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
