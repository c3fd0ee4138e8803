//! The three files of the satellite's identity, and their replacement.
//!
//! Two files cannot be replaced in one step, so the new ones are first written together into a
//! journal, `<certificate>.next`: key, certificate and roots in one file, synced, read back and
//! proven, then renamed to its name. From that moment they are in force; a process that ends before
//! all files are replaced is made up for at the next start, by [`Store::recover`].

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use spokegate_identity::{KeyError, PublicKey, SigningKey, TlsFiles};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;
/// How often the lock is tried, and the pause between: a replacement takes far less.
const LOCK_TRIES: usize = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The satellite's identity on disk.
#[derive(Debug)]
pub(crate) struct Store {
    files: TlsFiles,
    /// Held while the files are read as a pair or replaced.
    turn: Mutex<()>,
}

/// Key, certificate and roots, in PEM. Wiped on drop.
#[derive(Clone, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub(crate) struct Material {
    pub(crate) key: String,
    pub(crate) certificate: String,
    pub(crate) roots: String,
}

/// Why the files cannot be read or replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is written by another process now, hint: try again", .0.display())]
    Busy(PathBuf),
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("the key in {} cannot be used: {source}", path.display())]
    Key { path: PathBuf, source: KeyError },
    #[error("key and certificate do not belong together")]
    Pair,
}

/// A step of the replacement after which a process may end; tests stop there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Written,
    Proven,
    Committed,
    Key,
    Certificate,
    Roots,
    Done,
}

impl Store {
    /// The files of a configuration or a directory.
    pub(crate) fn new(files: TlsFiles) -> Self {
        Self {
            files,
            turn: Mutex::new(()),
        }
    }

    /// Where they are.
    pub(crate) fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// Reads while nobody replaces.
    pub(crate) fn read<T>(&self, act: impl FnOnce(&TlsFiles) -> T) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        act(&self.files)
    }

    /// The present certificate.
    pub(crate) fn certificate(&self) -> Result<CertificateDer<'static>, StoreError> {
        let path = &self.files.certificate;
        CertificateDer::from_pem_file(path).map_err(|_| StoreError::NoCertificate(path.clone()))
    }

    /// The present key.
    pub(crate) fn key(&self) -> Result<SigningKey, StoreError> {
        SigningKey::from_pem(&self.key_pem()?).map_err(|source| StoreError::Key {
            path: self.files.key.clone(),
            source,
        })
    }

    /// The present key as it stands in its file.
    pub(crate) fn key_pem(&self) -> Result<Zeroizing<String>, StoreError> {
        let path = &self.files.key;
        let pem = std::fs::read_to_string(path).map(Zeroizing::new);
        pem.map_err(|source| io_error("read", path, source))
    }

    /// The present roots.
    pub(crate) fn roots(&self) -> Result<Vec<CertificateDer<'static>>, StoreError> {
        let path = &self.files.ca;
        let roots = CertificateDer::pem_file_iter(path)
            .and_then(|roots| roots.collect::<Result<Vec<_>, _>>());
        roots.map_err(|_| StoreError::NoCertificate(path.clone()))
    }

    /// Whether the files can be replaced, found by taking the lock for it.
    pub(crate) fn check_writable(&self) -> Result<(), StoreError> {
        self.lock_file().map(drop)
    }

    /// Replaces all three files. When it returns, and whenever the process ends before, a pair that
    /// belongs together is or will be in force: the old one or the new one.
    pub(crate) fn replace(&self, material: &Material) -> Result<(), StoreError> {
        self.replace_by_steps(material, |_| {})
    }

    /// Finishes what a process that ended had begun. True when there was something.
    pub(crate) fn recover(&self) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.journal().exists() && !self.draft().exists() {
            return Ok(false);
        }
        let _lock = self.lock_file()?;
        remove(&self.draft())?;
        if !self.journal().exists() {
            return Ok(false);
        }
        match self.prove(&self.journal()) {
            Ok(material) => self.apply(&material, &|_| {}).map(|()| true),
            Err(error) => {
                // It was good when it got this name: the disk is at fault, and the old pair is what there is.
                tracing::error!(%error, "a new certificate that was to replace the old one is unusable, and dropped");
                remove(&self.journal()).map(|()| false)
            }
        }
    }

    fn replace_by_steps(
        &self,
        material: &Material,
        after: impl Fn(Step),
    ) -> Result<(), StoreError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = self.lock_file()?;
        let (draft, journal) = (self.draft(), self.journal());
        let text = serde_json::to_string(material).map(Zeroizing::new);
        let text = text.map_err(|error| io_error("write", &draft, error.into()))?;
        write(&draft, text.as_bytes(), PRIVATE)?;
        after(Step::Written);
        if let Err(error) = self.prove(&draft) {
            remove(&draft)?;
            return Err(error);
        }
        after(Step::Proven);
        rename(&draft, &journal)?;
        after(Step::Committed);
        self.apply(material, &after)
    }

    /// Copies what the journal holds to its places; may be done again and again.
    fn apply(&self, material: &Material, after: &impl Fn(Step)) -> Result<(), StoreError> {
        let TlsFiles {
            certificate,
            key,
            ca,
        } = &self.files;
        put(key, material.key.as_bytes(), PRIVATE)?;
        after(Step::Key);
        put(certificate, material.certificate.as_bytes(), PUBLIC)?;
        after(Step::Certificate);
        put(ca, material.roots.as_bytes(), PUBLIC)?;
        after(Step::Roots);
        remove(&self.journal())?;
        after(Step::Done);
        Ok(())
    }

    /// Reads a journal back from disk and tries what it holds as a TLS identity.
    fn prove(&self, path: &Path) -> Result<Material, StoreError> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|source| io_error("read", path, source))?;
        let material: Material = serde_json::from_str(&text)
            .map_err(|error| io_error("read", path, io::Error::from(error)))?;
        material.prove()?;
        Ok(material)
    }

    fn journal(&self) -> PathBuf {
        beside(&self.files.certificate, ".next")
    }

    fn draft(&self) -> PathBuf {
        beside(&self.files.certificate, ".next.new")
    }

    /// Keeps other processes from replacing the files at the same time.
    fn lock_file(&self) -> Result<File, StoreError> {
        let path = beside(&self.files.certificate, ".lock");
        let file = options(PRIVATE)
            .truncate(false)
            .open(&path)
            .map_err(|source| io_error("open the lock", &path, source))?;
        for _ in 0..LOCK_TRIES {
            if file.try_lock().is_ok() {
                return Ok(file);
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        Err(StoreError::Busy(path))
    }
}

impl Material {
    /// Key and certificate belong together, and there is a root.
    fn prove(&self) -> Result<(), StoreError> {
        let none = |what: &str| StoreError::NoCertificate(PathBuf::from(what));
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .map_err(|_| none("the new certificate"))?;
        CertificateDer::from_pem_slice(self.roots.as_bytes()).map_err(|_| none("the new roots"))?;
        let key = SigningKey::from_pem(&self.key).map_err(|_| StoreError::Pair)?;
        if PublicKey::of_certificate(&certificate) == Ok(key.public_key()) {
            Ok(())
        } else {
            Err(StoreError::Pair)
        }
    }
}

/// Writes a file of its own name through another one, so that it is whole or as before.
pub(crate) fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let new = beside(path, ".new");
    write(&new, bytes, mode)?;
    rename(&new, path)
}

/// Writes a private file, whole or not at all.
pub(crate) fn put_private(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    put(path, bytes, PRIVATE)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    // What a process that ended left there may have another mode.
    remove(path)?;
    let mut file = options(mode)
        .create_new(true)
        .open(path)
        .map_err(|source| io_error("create", path, source))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|source| io_error("write", path, source))
}

fn options(mode: u32) -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(mode);
    options
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|source| io_error("replace", to, source))?;
    sync_folder(to)
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error("remove", path, source)),
        Ok(()) => sync_folder(path),
    }
}

/// A rename or removal lasts once the folder is on disk.
fn sync_folder(path: &Path) -> Result<(), StoreError> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or_else(|| Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| io_error("sync", folder, source))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
