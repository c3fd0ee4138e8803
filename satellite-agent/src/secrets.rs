//! The tenant's secrets, as the centre sealed them to this satellite: kept beside its key, given to whoever shows the token
//! of the local API.

mod order;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use spokegate_contract::limits::SECRETS_MAX;
use spokegate_contract::{Address, SecretName};
use spokegate_identity::TlsFiles;
use zeroize::Zeroizing;

use crate::credentials::Store;
use crate::credentials::store::{StoreError, put_private};

pub(crate) use order::{Kept, obey};

/// The file beside the certificate.
const SUFFIX: &str = ".secrets";

/// What is kept, by name. `Debug` shows no value.
pub(crate) struct Secrets {
    path: PathBuf,
    held: RwLock<Held>,
}

type Held = BTreeMap<SecretName, Zeroizing<String>>;

/// Why the file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the secrets in {}: {source}, hint: remove the file, and have the MSP set them again", path.display())]
pub(crate) struct SecretsError {
    path: PathBuf,
    source: io::Error,
}

/// Why a secret is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("a satellite keeps at most {SECRETS_MAX} secrets, hint: remove one that no flow needs")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Secrets {
    /// The secrets beside the satellite's certificate; none before the first.
    pub(crate) fn open(files: &TlsFiles) -> Result<Self, SecretsError> {
        let mut path = files.certificate.clone().into_os_string();
        path.push(SUFFIX);
        let path = PathBuf::from(path);
        let failed = |source| SecretsError {
            path: path.clone(),
            source,
        };
        let held = match std::fs::read(&path).map(Zeroizing::new) {
            // The place of a fault would be told with a part of the text.
            Ok(text) => read(&text).ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Held::new(),
            Err(error) => return Err(failed(error)),
        };
        Ok(Self {
            path,
            held: RwLock::new(held),
        })
    }

    /// The value of a name.
    pub(crate) fn get(&self, name: &SecretName) -> Option<Zeroizing<String>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.get(name).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Held {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// Keeps a value under a name, or removes the name; once this returns it is on disk. Whether that is news. Blocks.
    pub(crate) fn keep(
        &self,
        name: &SecretName,
        value: Option<Zeroizing<String>>,
    ) -> Result<bool, KeepError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = held.clone();
        match value {
            Some(value) => drop(next.insert(name.clone(), value)),
            None => drop(next.remove(name)),
        }
        if next.len() > SECRETS_MAX {
            return Err(KeepError::TooMany);
        }
        let is_news = held.get(name) != next.get(name);
        put_private(&self.path, &write(&next))?;
        *held = next;
        Ok(is_news)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn read(text: &[u8]) -> Option<Held> {
    let plain: BTreeMap<SecretName, String> = serde_json::from_slice(text).ok()?;
    let held = plain.into_iter();
    Some(held.map(|(name, value)| (name, value.into())).collect())
}

fn write(held: &Held) -> Zeroizing<Vec<u8>> {
    let plain: BTreeMap<&SecretName, &str> = held
        .iter()
        .map(|(name, value)| (name, value.as_str()))
        .collect();
    Zeroizing::new(serde_json::to_vec(&plain).expect("plain data is always written"))
}

#[cfg(test)]
mod tests;
