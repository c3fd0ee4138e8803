//! The folder that holds everything, and the secrets in it.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use spokegate_contract::hex;
use spokegate_daemon::Secret;

/// The demonstration's folder, which nobody else uses while it is open.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    // Removes the folder; none when it was chosen by the user.
    temporary: Option<tempfile::TempDir>,
    _lock: File,
}

impl State {
    /// A folder in the temporary directory that goes at the end, or the one that was asked for.
    pub(crate) fn open(wanted: Option<&Path>) -> anyhow::Result<Self> {
        let (folder, temporary) = match wanted {
            Some(folder) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("create {}", folder.display()))?;
                // Child processes have working directories of their own.
                (
                    folder
                        .canonicalize()
                        .with_context(|| format!("find {}", folder.display()))?,
                    None,
                )
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("spokegate-demo-").tempdir();
                let temporary = temporary.context("make a temporary folder")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let lock = File::create(folder.join(".lock"))
            .with_context(|| format!("write to {}", folder.display()))?;
        if lock.try_lock().is_err() {
            bail!(
                "{} is used by another demonstration\n  hint: stop it, or choose another folder with --directory",
                folder.display()
            );
        }
        Ok(Self {
            folder,
            temporary,
            _lock: lock,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it stays when the demonstration ends.
    pub(crate) fn stays(&self) -> bool {
        self.temporary.is_none()
    }

    /// A sub-folder, made if it is not there.
    pub(crate) fn sub(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(folder)
    }

    /// Writes a fresh secret of 32 bytes in hexadecimal digits into a file that only we may read.
    pub(crate) fn secret(&self, name: &str) -> anyhow::Result<Secret> {
        let secret = random_secret(32)?;
        write_secret(&self.folder.join(name), secret.expose())?;
        Ok(secret)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let what = || format!("write {}", path.display());
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).with_context(what)?;
    file.write_all(text.as_bytes()).with_context(what)
}

/// A secret of so many random bytes, in hexadecimal digits.
pub(crate) fn random_secret(bytes: usize) -> anyhow::Result<Secret> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(Secret::new(hex::encode(&random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_demonstrations_at_a_time_and_a_temporary_one_goes() {
        let parent = tempfile::tempdir().unwrap();
        let wanted = parent.path().join("demo");
        let first = State::open(Some(&wanted)).unwrap();
        assert!(
            State::open(Some(&wanted))
                .unwrap_err()
                .to_string()
                .contains("--directory")
        );
        drop(first);
        assert!(State::open(Some(&wanted)).is_ok());
        assert!(wanted.exists());
        assert!(State::open(Some(&wanted)).unwrap().stays());
        let temporary = State::open(None).unwrap();
        assert!(!temporary.stays());
        let folder = temporary.folder().to_owned();
        assert!(folder.exists());
        drop(temporary);
        assert!(!folder.exists());
    }
}
