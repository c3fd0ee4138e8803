//! Secrets that the service uses for others: passwords of sources, of mail, of storage. Files name them as `secret:NAME`;
//! their values are sealed in the store, or lie in Vault or OpenBao.

mod envelope;
mod master_key;
mod name;
mod sealing;
mod vault;
pub(crate) mod verbs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use spokegate_daemon::{Clock, Secret, SecretSource};

use crate::config::{SecretsBackend, SecretsConfig};
use crate::store::Store;
use crate::store::secrets::{SealedSecret, SecretAct, SecretInfo};
use envelope::{NoRandomness, NotOurs, Place};
use master_key::MasterKeys;
use vault::Vault;

pub use master_key::NoMasterKey;
pub use name::{NoSecretName, SecretName, SecretRef};

/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 65_536;
/// A use is noted at most this often.
const USED_EVERY_MS: u64 = 60_000;

/// A handle to the secrets; cloning shares it.
#[derive(Clone)]
pub struct Secrets {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    keys: Result<MasterKeys, NoMasterKey>,
    vault: Option<Vault>,
    users: Mutex<BTreeMap<SecretName, BTreeSet<String>>>,
}

/// Why a secret cannot be had or kept. The texts are for people and never hold a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no master key.
    #[error("the secrets are locked: {0}")]
    Locked(String),
    /// The master key that opens it is not here.
    #[error(
        "{what} was sealed with the master key {key_id}, which is not in the master key's file; hint: add it to the file as a further line"
    )]
    OtherKey {
        /// Which secret, or which purpose.
        what: String,
        /// The key's identity.
        key_id: String,
    },
    /// Nobody has put it there.
    #[error(
        "there is no secret \"{0}\"; hint: `spokegate-reports secret set {0}`, or the page Secrets"
    )]
    Unknown(SecretName),
    /// What is stored does not open.
    #[error(
        "{0} does not open: what is stored was changed or belongs elsewhere; hint: set it again"
    )]
    Spoilt(String),
    /// Too long, empty, or no text.
    #[error("the value {0}; allowed: 1 to {VALUE_BYTES_MAX} bytes of text")]
    Value(&'static str),
    /// Another change came first.
    #[error(
        "the secret \"{0}\" was changed by somebody else at the same time; look at it and repeat what you did"
    )]
    Overtaken(SecretName),
    /// Vault has its own means.
    #[error("secrets are kept in Vault (secrets.backend); hint: change \"{0}\" there")]
    KeptElsewhere(SecretName),
    /// Vault did not give it.
    #[error("Vault {0}")]
    Vault(String),
    /// The system gives no random numbers.
    #[error(transparent)]
    Randomness(#[from] Unrandom),
    /// The store failed.
    #[error("the store cannot be used for secrets")]
    Store(#[from] sqlx::Error),
}

/// The system gives no random numbers.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct Unrandom;

impl From<NoRandomness> for SecretError {
    fn from(_: NoRandomness) -> Self {
        Self::Randomness(Unrandom)
    }
}

/// That the files which open the secrets can be read, where the configuration names any.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn check_files(config: &SecretsConfig, store_url: &str) -> anyhow::Result<()> {
    match config.backend {
        SecretsBackend::Vault => {
            let vault = &config.vault;
            for (key, file) in [
                ("token_file", &vault.token_file),
                ("secret_id_file", &vault.secret_id_file),
            ] {
                let Some(file) = file else { continue };
                let read = SecretSource::file(file).resolve();
                read.with_context(|| format!("read secrets.vault.{key} {}", file.display()))?;
            }
        }
        SecretsBackend::Embedded => {
            // Without one it may come from systemd, or not be needed.
            if let Some(file) = config.master_key_file.as_deref() {
                drop(MasterKeys::load(Some(file), store_url)?);
            }
        }
    }
    Ok(())
}

/// Whether secrets can be used, for pages and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They can.
    Open,
    /// They cannot, and why.
    Locked(String),
}

impl Secrets {
    /// Reads the master key. Without one the service runs and says so: what needs a secret fails in words.
    ///
    /// # Errors
    /// When the other backend's certificates cannot be used.
    pub fn open(
        config: &SecretsConfig,
        store_url: &str,
        store: &Store,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let keys = MasterKeys::load(config.master_key_file.as_deref(), store_url);
        let vault = match config.backend {
            SecretsBackend::Embedded => None,
            SecretsBackend::Vault => Some(Vault::new(&config.vault, clock.clone())?),
        };
        let inner = Inner {
            store: store.clone(),
            clock: clock.clone(),
            keys,
            vault,
            users: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// A secret's value.
    ///
    /// # Errors
    /// In words for people.
    pub async fn get(&self, name: &SecretName) -> Result<Secret, SecretError> {
        if let Some(vault) = &self.inner.vault {
            return vault.get(name).await;
        }
        let keys = self.keys()?;
        let stored = self.inner.store.secret_sealed(name.as_str()).await?;
        let stored = stored.ok_or_else(|| SecretError::Unknown(name.clone()))?;
        let value = opened(keys, name, &stored)?;
        let now_ms = self.inner.clock.now_ms();
        let stale = |used_ms: u64| now_ms.saturating_sub(used_ms) >= USED_EVERY_MS;
        if stored.used_at_ms.is_none_or(stale)
            && let Err(error) = self.inner.store.secret_used(name.as_str(), now_ms).await
        {
            tracing::warn!(%error, "cannot note that a secret was used");
        }
        Ok(value)
    }

    /// Puts a value in, in the place of the one before, which is wiped; its version.
    ///
    /// # Errors
    /// When there is no master key, or the value is none.
    pub async fn set(
        &self,
        name: &SecretName,
        value: &Secret,
        by: &str,
    ) -> Result<u64, SecretError> {
        let value = value.expose().as_bytes();
        if value.is_empty() {
            return Err(SecretError::Value("is empty"));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(SecretError::Value("is too long"));
        }
        if self.inner.vault.is_some() {
            return Err(SecretError::KeptElsewhere(name.clone()));
        }
        let master = self.keys()?.current();
        let version = self.inner.store.secret_version(name.as_str()).await? + 1;
        let (place, key) = (place(name, version), envelope::random_key()?);
        let sealed = SealedSecret {
            version,
            key_id: master.id().to_owned(),
            wrapped: master.wrap(place, &key)?,
            sealed: envelope::seal_once(&key, place, value),
            used_at_ms: None,
        };
        let act = self.act(by);
        if self
            .inner
            .store
            .secret_put(name.as_str(), &sealed, act)
            .await?
        {
            Ok(version)
        } else {
            Err(SecretError::Overtaken(name.clone()))
        }
    }

    /// Wipes a value.
    ///
    /// # Errors
    /// When there is none.
    pub async fn remove(&self, name: &SecretName, by: &str) -> Result<(), SecretError> {
        if self.inner.vault.is_some() {
            return Err(SecretError::KeptElsewhere(name.clone()));
        }
        let act = self.act(by);
        if self.inner.store.secret_remove(name.as_str(), act).await? {
            Ok(())
        } else {
            Err(SecretError::Unknown(name.clone()))
        }
    }

    /// Every secret, without values.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self) -> Result<Vec<SecretInfo>, SecretError> {
        Ok(self.inner.store.secrets().await?)
    }

    /// Whether secrets can be used.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn standing(&self) -> Result<Standing, SecretError> {
        let keys = match self.keys() {
            Ok(keys) => keys,
            Err(error) => return Ok(Standing::Locked(error.to_string())),
        };
        for key in self.inner.store.wrapped_keys().await? {
            if keys.of(&key.key_id).is_none() {
                let error = other_key(&key.name, &key.key_id);
                return Ok(Standing::Locked(error.to_string()));
            }
        }
        Ok(Standing::Open)
    }

    /// Whether anything needs them: something is sealed, or something names one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn are_used(&self) -> Result<bool, SecretError> {
        Ok(!self.users().is_empty() || !self.inner.store.wrapped_keys().await?.is_empty())
    }

    /// Whether values lie in Vault.
    #[must_use]
    pub fn kept_elsewhere(&self) -> bool {
        self.inner.vault.is_some()
    }

    /// Asks the other backend whether it can be used; `None` without one.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn ask_elsewhere(&self) -> Option<Result<(), SecretError>> {
        match &self.inner.vault {
            Some(vault) => Some(vault.check().await),
            None => None,
        }
    }

    /// Notes who uses a secret, for the pages: `source "psa"`, `mail`.
    pub fn declare(&self, name: &SecretName, user: impl Into<String>) {
        let mut users = self
            .inner
            .users
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        users.entry(name.clone()).or_default().insert(user.into());
    }

    /// Who uses which secret.
    #[must_use]
    pub fn users(&self) -> BTreeMap<SecretName, BTreeSet<String>> {
        let users = self.inner.users.lock();
        users.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keys(&self) -> Result<&MasterKeys, SecretError> {
        let keys = self.inner.keys.as_ref();
        keys.map_err(|error| SecretError::Locked(chain(error)))
    }

    fn act<'a>(&self, by: &'a str) -> SecretAct<'a> {
        SecretAct {
            at_ms: self.inner.clock.now_ms(),
            by,
        }
    }
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn place(name: &SecretName, version: u64) -> Place<'_> {
    Place {
        scope: "secret",
        name: name.as_str(),
        version,
    }
}

fn other_key(what: &str, key_id: &str) -> SecretError {
    SecretError::OtherKey {
        what: format!("\"{what}\""),
        key_id: key_id.to_owned(),
    }
}

fn opened(
    keys: &MasterKeys,
    name: &SecretName,
    stored: &SealedSecret,
) -> Result<Secret, SecretError> {
    let master = keys.of(&stored.key_id);
    let master = master.ok_or_else(|| other_key(name.as_str(), &stored.key_id))?;
    let place = place(name, stored.version);
    let spoilt = |_: NotOurs| SecretError::Spoilt(format!("the secret \"{name}\""));
    let key = master.unwrap(place, &stored.wrapped).map_err(spoilt)?;
    let value = envelope::open_once(&key, place, &stored.sealed).map_err(spoilt)?;
    let text = std::str::from_utf8(&value).map_err(|_| spoilt(NotOurs))?;
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests;
