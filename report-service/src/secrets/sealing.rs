//! Sealing for other tables, such as second factors; and the change of the master key, which wraps keys anew and touches
//! no sealed text.

use zeroize::Zeroizing;

use super::envelope::{self, KeyBytes, Place};
use super::{SecretError, Secrets, other_key};
use crate::store::secrets::WrappedKey;

/// How a change of the master key went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys that the master key in force wraps now, and did not before.
    pub changed: usize,
    /// Keys that it wrapped already.
    pub kept: usize,
}

impl Secrets {
    /// Seals a text for a purpose, such as `totp`, and for whom or what, such as a person's id. It opens for these alone.
    ///
    /// # Errors
    /// When there is no master key, or the store fails.
    pub async fn seal(
        &self,
        purpose: &str,
        about: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, SecretError> {
        let key = self.sealing_key(purpose, true).await?;
        Ok(envelope::seal_message(
            &key,
            message(purpose, about),
            plain,
        )?)
    }

    /// Opens what [`Secrets::seal`] made.
    ///
    /// # Errors
    /// When there is no master key, or it was sealed for another purpose or somebody else.
    pub async fn unseal(
        &self,
        purpose: &str,
        about: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let key = self.sealing_key(purpose, false).await?;
        envelope::open_message(&key, message(purpose, about), sealed)
            .map_err(|_| SecretError::Spoilt(format!("what is kept for {purpose}")))
    }

    /// Wraps every key with the master key in force. What fails leaves the rest as it was.
    ///
    /// # Errors
    /// When one of the keys opens with none of the master keys.
    pub async fn rewrap(&self) -> Result<Rewrapped, SecretError> {
        let keys = self.keys()?;
        let master = keys.current();
        let mut done = Rewrapped {
            changed: 0,
            kept: 0,
        };
        for before in self.inner.store.wrapped_keys().await? {
            if before.key_id == master.id() {
                done.kept += 1;
                continue;
            }
            let key = self.unwrapped(&before)?;
            let now = WrappedKey {
                key_id: master.id().to_owned(),
                wrapped: master.wrap(key_place(&before), &key)?,
                ..before.clone()
            };
            self.inner.store.rewrapped(&before, &now).await?;
            done.changed += 1;
        }
        Ok(done)
    }

    async fn sealing_key(&self, purpose: &str, make: bool) -> Result<KeyBytes, SecretError> {
        let master = self.keys()?.current();
        let store = &self.inner.store;
        if make && store.sealing_key(purpose).await?.is_none() {
            let mut fresh = WrappedKey {
                scope: "sealing",
                name: purpose.to_owned(),
                version: 1,
                key_id: master.id().to_owned(),
                wrapped: Vec::new(),
            };
            fresh.wrapped = master.wrap(key_place(&fresh), &envelope::random_key()?)?;
            // Should somebody else be quicker, theirs is read below.
            store.sealing_key_put(&fresh).await?;
        }
        let stored = store.sealing_key(purpose).await?;
        let stored =
            stored.ok_or_else(|| SecretError::Spoilt(format!("what is kept for {purpose}")))?;
        self.unwrapped(&stored)
    }

    fn unwrapped(&self, stored: &WrappedKey) -> Result<KeyBytes, SecretError> {
        let master = self.keys()?.of(&stored.key_id);
        let master = master.ok_or_else(|| other_key(&stored.name, &stored.key_id))?;
        master
            .unwrap(key_place(stored), &stored.wrapped)
            .map_err(|_| SecretError::Spoilt(format!("the key of \"{}\"", stored.name)))
    }
}

fn message<'a>(purpose: &'a str, about: &'a str) -> Place<'a> {
    Place {
        scope: purpose,
        name: about,
        version: 0,
    }
}

fn key_place(key: &WrappedKey) -> Place<'_> {
    Place {
        scope: key.scope,
        name: &key.name,
        version: key.version,
    }
}
