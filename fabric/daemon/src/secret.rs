//! Secrets: never printed, wiped when dropped, read from files that only the service may read.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret file larger than this is a mistake.
const SECRET_BYTES_MAX: u64 = 65_536;
/// `<key>_file = "credential:NAME"` names a credential handed over by systemd.
const CREDENTIAL_PREFIX: &str = "credential:";

/// A piece of text that must not appear anywhere. `Debug` shows `[redacted]`; there is no
/// `Display`. The memory is wiped on drop.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The secret itself. Use it where it is needed and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when `presented` is the secret. Takes the same time wherever they differ, so that a
    /// guesser learns nothing; the length is not hidden.
    pub fn matches(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }

    /// Reads a secret from a file, without one trailing line end. The file must be a regular
    /// file that neither group nor others may read, not empty, and at most 64 KiB of UTF-8.
    pub fn read_file(path: &Path) -> Result<Self, SecretError> {
        read(path, true)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the secret file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error("the secret file {} has mode {mode:03o}; allowed is access by its owner only, hint: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds nothing, too much, or no text.
    #[error("the secret file {} {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// Both the value and the file are set.
    #[error("both the value and the file are set; allowed is one of them, hint: keep the file")]
    Ambiguous,
    /// Neither the value nor the file is set.
    #[error("neither the value nor the file is set, hint: set the file")]
    Missing,
    /// A systemd credential was named outside systemd.
    #[error(
        "the credential {0:?} is not here: CREDENTIALS_DIRECTORY is not set, hint: add LoadCredential= to the unit or name a file"
    )]
    NoCredentials(String),
}

/// Where a secret comes from: the config keys `<key>` and `<key>_file`, of which one is set.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SecretSource {
    /// The secret as written in the configuration or the environment.
    pub value: Option<Secret>,
    /// A file holding the secret, or `credential:NAME`.
    pub file: Option<PathBuf>,
}

impl SecretSource {
    /// Combines the two keys.
    pub fn new(value: Option<Secret>, file: Option<PathBuf>) -> Self {
        Self { value, file }
    }

    /// Only the file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            value: None,
            file: Some(path.into()),
        }
    }

    /// True when neither key is set.
    pub fn is_empty(&self) -> bool {
        self.value.is_none() && self.file.is_none()
    }

    /// The secret. Reads the file anew at each call, so that a rotated secret is picked up.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        match (&self.value, &self.file) {
            (Some(_), Some(_)) => Err(SecretError::Ambiguous),
            (None, None) => Err(SecretError::Missing),
            (Some(value), None) => Ok(value.clone()),
            (None, Some(file)) => match file
                .to_str()
                .and_then(|text| text.strip_prefix(CREDENTIAL_PREFIX))
            {
                Some(name) => read_credential(name, credentials.as_deref()),
                None => Secret::read_file(file),
            },
        }
    }
}

fn read_credential(name: &str, directory: Option<&Path>) -> Result<Secret, SecretError> {
    match directory {
        // systemd guards that directory; the files in it may carry an access list that shows as group bits.
        Some(directory) if !name.is_empty() && !name.contains('/') => {
            read(&directory.join(name), false)
        }
        _ => Err(SecretError::NoCredentials(name.to_owned())),
    }
}

fn read(path: &Path, owner_only: bool) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let malformed = |problem| SecretError::Malformed {
        path: path.to_owned(),
        problem,
    };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(malformed("is not a regular file"));
    }
    if owner_only {
        check_mode(path, &metadata)?;
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err(malformed("is larger than 64 KiB"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.by_ref()
        .take(SECRET_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed("is not UTF-8 text"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        Err(malformed("is empty"))
    } else {
        Ok(Secret::new(text))
    }
}

#[cfg(unix)]
fn check_mode(path: &Path, metadata: &std::fs::Metadata) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(SecretError::Exposed {
            path: path.to_owned(),
            mode,
        })
    }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path, _metadata: &std::fs::Metadata) -> Result<(), SecretError> {
    Ok(())
}

#[cfg(test)]
mod tests;
