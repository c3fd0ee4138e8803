//! The local administrator for when the directory is gone: made by a one-time link, usable only while no server answers
//! (or always, if the configuration says so), and never quietly.

use crate::directory::{Person, PersonId};
use crate::store::Store;
use anyhow::Context as _;
use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_daemon::Clock;
use std::net::IpAddr;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

/// How such people's ids begin; no directory may be called so.
pub const DIRECTORY: &str = "break-glass";
/// How long a link is good, in milliseconds.
pub const LINK_MS: u64 = 1_800_000;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 15;
/// Longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// Argon2id as OWASP recommends it: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
/// Passwords hashed at a time; more wait. Strangers can ask for it, and each takes its memory.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Decides about the local account.
#[derive(Clone)]
pub struct BreakGlass {
    store: Store,
    clock: Clock,
    always: bool,
    admin_groups: Vec<String>,
}

/// Why a password cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetUpRefused {
    /// The link is not, or no longer, good.
    #[error("link-not-good")]
    Link,
    /// Too short.
    #[error("password-too-short")]
    TooShort,
    /// Too long.
    #[error("password-too-long")]
    TooLong,
}

impl BreakGlass {
    /// With these parts; the account has the role that `admin_groups` give.
    #[must_use]
    pub fn new(store: Store, clock: Clock, always: bool, admin_groups: Vec<String>) -> Self {
        Self {
            store,
            clock,
            always,
            admin_groups,
        }
    }

    /// Whether it works while the directory answers too.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.always
    }

    /// The account's name out of a person's id; `None` for people of the directory.
    #[must_use]
    pub fn account_of(person_id: &str) -> Option<&str> {
        let (directory, name) = person_id.split_once(':')?;
        (directory == DIRECTORY).then_some(name)
    }

    /// Makes a one-time link's token for an account, which is made if need be.
    ///
    /// # Errors
    /// When the store or the machine's randomness fails.
    pub async fn link(store: &Store, name: &str, now_ms: u64) -> anyhow::Result<String> {
        let mut token = [0_u8; 32];
        getrandom::fill(&mut token).context("draw a token")?;
        store
            .break_glass_link(name, &Sha256::digest(token), now_ms.saturating_add(LINK_MS))
            .await
            .context("store the link")?;
        Ok(hex::encode(&token))
    }

    /// The account that a link is for, while it is good.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn linked(&self, token: &str) -> Result<Option<String>, sqlx::Error> {
        let Some(token) = hex::decode_array::<32>(token) else {
            return Ok(None);
        };
        self.store
            .break_glass_linked(&Sha256::digest(token), self.clock.now_ms())
            .await
    }

    /// Sets the password through a link, which is then used up.
    ///
    /// # Errors
    /// Outer: the store failed. Inner: the link or the password will not do.
    pub async fn set_up(
        &self,
        token: &str,
        password: &str,
    ) -> anyhow::Result<Result<(), SetUpRefused>> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Ok(Err(SetUpRefused::TooShort));
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(Err(SetUpRefused::TooLong));
        }
        let Some(token) = hex::decode_array::<32>(token) else {
            return Ok(Err(SetUpRefused::Link));
        };
        let mut salt = [0_u8; SALT_BYTES];
        getrandom::fill(&mut salt).context("draw a salt")?;
        let hash = hashed(password.to_owned(), salt).await?;
        let kept = format!("{}:{}", hex::encode(&salt), hex::encode(&hash));
        let set = self
            .store
            .break_glass_set_up(&Sha256::digest(token), self.clock.now_ms(), &kept)
            .await?;
        Ok(if set { Ok(()) } else { Err(SetUpRefused::Link) })
    }

    /// Whether that is the account's password. Takes as long for a name that is no account's.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn verify(&self, name: &str, password: &str) -> anyhow::Result<bool> {
        let kept = self.store.break_glass_password(name).await?;
        let kept = kept.as_deref().and_then(|kept| {
            let (salt, hash) = kept.split_once(':')?;
            let salt = hex::decode_array::<SALT_BYTES>(salt)?;
            Some((salt, hex::decode_array::<HASH_BYTES>(hash)?))
        });
        let (salt, expected) = kept.unwrap_or(([0; SALT_BYTES], [0; HASH_BYTES]));
        let hash = hashed(password.to_owned(), salt).await?;
        Ok(kept.is_some() && bool::from(hash.ct_eq(&expected)))
    }

    /// True when an account of that name was set up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_account(&self, name: &str) -> Result<bool, sqlx::Error> {
        Ok(self.store.break_glass_password(name).await?.is_some())
    }

    /// The account as a person. Its use is told everywhere at once.
    ///
    /// # Errors
    /// When the use cannot be noted: then it must not be used.
    pub async fn used(&self, name: &str, address: IpAddr) -> Result<Person, sqlx::Error> {
        let now = self.clock.now_ms();
        self.store
            .break_glass_used(name, now, &address.to_string())
            .await?;
        metrics::counter!("spokegate_reports_break_glass_sign_ins_total").increment(1);
        tracing::error!(account = name, "the break-glass account was used");
        Ok(Person {
            id: PersonId::stored(&format!("{DIRECTORY}:{name}")),
            name: name.to_owned(),
            title: format!("Break-glass account {name}"),
            groups: self.admin_groups.clone(),
        })
    }
}

/// Argon2id beside the runtime: it takes tens of milliseconds.
async fn hashed(password: String, salt: [u8; SALT_BYTES]) -> anyhow::Result<[u8; HASH_BYTES]> {
    let _turn = HASHING.acquire().await.context("wait to hash a password")?;
    let work = tokio::task::spawn_blocking(move || {
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(HASH_BYTES))
            .map_err(|error| anyhow::anyhow!("set up Argon2: {error}"))?;
        let mut hash = [0_u8; HASH_BYTES];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), &salt, &mut hash)
            .map_err(|error| anyhow::anyhow!("hash a password: {error}"))?;
        Ok(hash)
    });
    work.await.context("hash a password")?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stores;

    const GOOD: &str = "correct horse battery staple";
    const HOUR_MS: u64 = 3_600_000;

    #[tokio::test]
    async fn a_link_sets_a_password_once_and_for_half_an_hour() {
        for kept in stores().await {
            let store = Store::clone(&kept);
            let (clock, _hand) = Clock::manual(HOUR_MS);
            links_and_passwords(
                &BreakGlass::new(store.clone(), clock, false, Vec::new()),
                &store,
            )
            .await;
        }
    }

    async fn links_and_passwords(account: &BreakGlass, store: &Store) {
        let late = BreakGlass::link(store, "emergency", HOUR_MS - LINK_MS)
            .await
            .unwrap();
        assert_eq!(account.linked(&late).await.unwrap(), None, "over");
        let token = BreakGlass::link(store, "emergency", HOUR_MS).await.unwrap();
        assert_eq!(
            account.linked(&token).await.unwrap().as_deref(),
            Some("emergency")
        );
        let short = account.set_up(&token, "only fourteen!").await.unwrap();
        assert_eq!(short, Err(SetUpRefused::TooShort));
        let long = account.set_up(&token, &"x".repeat(1_025)).await.unwrap();
        assert_eq!(long, Err(SetUpRefused::TooLong));
        for wrong in ["", "zz", &"0".repeat(64), late.as_str()] {
            let refused = account.set_up(wrong, GOOD).await.unwrap();
            assert_eq!(refused, Err(SetUpRefused::Link), "{wrong}");
        }
        assert!(!account.is_account("emergency").await.unwrap());
        assert_eq!(account.set_up(&token, GOOD).await.unwrap(), Ok(()));
        let again = account
            .set_up(&token, "another good password")
            .await
            .unwrap();
        assert_eq!(again, Err(SetUpRefused::Link), "one use");
        for (name, password, expected) in [
            ("emergency", GOOD, true),
            ("emergency", "another good password", false),
            ("emergency", "", false),
            ("nobody", GOOD, false),
        ] {
            assert_eq!(
                account.verify(name, password).await.unwrap(),
                expected,
                "{name} {password}"
            );
        }
        let kept = store
            .break_glass_password("emergency")
            .await
            .unwrap()
            .unwrap();
        assert!(!kept.contains("horse"), "{kept}");
    }

    #[test]
    fn an_account_is_no_person_of_the_directory() {
        let check = |id: &str, expected| assert_eq!(BreakGlass::account_of(id), expected, "{id}");
        check("break-glass:emergency", Some("emergency"));
        check("main:break-glass", None);
        check("break-glass-2:x", None);
        check("break-glass", None);
    }
}
