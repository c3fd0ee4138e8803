//! The second factor: a code from an authenticator app after the password, by role. Between the two there is no session,
//! only a waiting sign-in of five minutes behind a cookie of its own.

use super::Site;
use super::rights::{Rights, RightsConfig};
use super::throttle::{Bucket, Throttle};
use super::totp::{self, DIGITS, SECRET_BYTES};
use crate::directory::{Person, PersonId};
use crate::secrets::Secrets;
use crate::store::Store;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::second_factor::{FactorRow, HalfRow};
use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_daemon::{Clock, Secret};
use std::net::IpAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How long the code may take, in milliseconds.
const HALF_MS: u64 = 300_000;
/// Recovery codes made at enrolment.
const RECOVERY_CODES: usize = 10;
/// Bytes of a recovery code: 128 bits, so that a plain hash of it is safe to keep.
const RECOVERY_BYTES: usize = 16;
/// What secrets are sealed for.
const PURPOSE: &str = "totp";

/// Decides about codes.
pub struct SecondFactor {
    store: Store,
    secrets: Secrets,
    throttle: Throttle,
    rights: Arc<RightsConfig>,
    clock: Clock,
}

/// A sign-in whose password was right.
#[derive(Clone, Debug)]
pub struct Half {
    /// Who.
    pub person: Person,
    site: Site,
    token_sha256: Vec<u8>,
    fresh: Option<Vec<u8>>,
}

/// What the person must do.
pub enum Challenge {
    /// Type the code of the app.
    Code,
    /// Set up the app first: its secret.
    Enrol(Zeroizing<Vec<u8>>),
}

/// Why a code does not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefused {
    /// Not the code of now, or one that was used before.
    #[error("wrong-code")]
    Wrong,
    /// Too many wrong ones; the password is asked for again, later.
    #[error("throttled")]
    TooMany,
}

/// A code was right.
pub struct Passed {
    /// Who may have a session now.
    pub person: Person,
    /// Shown once, to somebody who has just enrolled.
    pub recovery_codes: Vec<String>,
}

impl SecondFactor {
    /// With these parts.
    #[must_use]
    pub fn new(
        store: Store,
        secrets: Secrets,
        throttle: Throttle,
        rights: Arc<RightsConfig>,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            secrets,
            throttle,
            rights,
            clock,
        }
    }

    /// Whether somebody with the right password must give a code there.
    #[must_use]
    pub fn is_asked(&self, site: Site, person: &Person) -> bool {
        Rights::of(&self.rights, &person.groups).needs_second_factor(site)
    }

    /// Puts a sign-in off until the code is given, and returns the cookie's token.
    ///
    /// # Errors
    /// When the store or the machine's randomness fails; or somebody must enrol and there is no master key.
    pub async fn begin(&self, site: Site, person: &Person) -> anyhow::Result<Secret> {
        let mut token = [0_u8; 32];
        getrandom::fill(&mut token).context("draw a token")?;
        let enrolled = self.store.factor(person.id.as_str()).await?.is_some();
        let sealed = if enrolled {
            None
        } else {
            let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
            getrandom::fill(secret.as_mut_slice()).context("draw a second factor")?;
            let sealed = self
                .secrets
                .seal(PURPOSE, person.id.as_str(), secret.as_slice())
                .await;
            Some(sealed.context("seal a second factor")?)
        };
        let row = HalfRow {
            token_sha256: Sha256::digest(token).to_vec(),
            site,
            person: written(person),
            sealed,
            until_ms: self.clock.now_ms().saturating_add(HALF_MS),
        };
        self.store.half_insert(&row).await?;
        Ok(Secret::new(hex::encode(&token)))
    }

    /// The sign-in that waits behind a cookie.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn waiting(&self, token: &str, site: Site) -> Result<Option<Half>, sqlx::Error> {
        let Some(token) = hex::decode_array::<32>(token) else {
            return Ok(None);
        };
        let row = self.store.half(&Sha256::digest(token)).await?;
        let now = self.clock.now_ms();
        let row = row.filter(|row| row.site == site && now < row.until_ms);
        Ok(row.and_then(|row| {
            Some(Half {
                person: read(&row.person)?,
                site,
                token_sha256: row.token_sha256,
                fresh: row.sealed,
            })
        }))
    }

    /// What the waiting person must do.
    ///
    /// # Errors
    /// When the secret cannot be opened.
    pub async fn challenge(&self, half: &Half) -> anyhow::Result<Challenge> {
        match &half.fresh {
            None => Ok(Challenge::Code),
            Some(sealed) => Ok(Challenge::Enrol(self.unsealed(half, sealed).await?)),
        }
    }

    /// Judges a code, and records the judgement. A right one takes the waiting sign-in away.
    ///
    /// # Errors
    /// When the store fails: then nobody is let in.
    pub async fn check(
        &self,
        half: &Half,
        typed: &str,
        address: IpAddr,
    ) -> anyhow::Result<Result<Passed, CodeRefused>> {
        let decided = self.decide(half, typed, address).await;
        let (outcome, reason) = decided.context("decide about a code")?;
        let from = address.to_string();
        let event = AuditEvent {
            at_ms: self.clock.now_ms(),
            actor: half.person.id.as_str(),
            name: &half.person.name,
            action: "second-factor.check",
            decision: if outcome.is_ok() {
                Decision::Allowed
            } else {
                Decision::Denied
            },
            reason,
            subject: half.site.as_str(),
            address: &from,
        };
        self.store.audit(event).await.context("record a code")?;
        Ok(outcome)
    }

    /// Forgets somebody's second factor; they enrol anew at their next sign-in. False when there was none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn reset(&self, person_id: &str) -> Result<bool, sqlx::Error> {
        self.store.factor_forget(person_id).await
    }

    async fn decide(
        &self,
        half: &Half,
        typed: &str,
        address: IpAddr,
    ) -> anyhow::Result<(Result<Passed, CodeRefused>, &'static str)> {
        let person_id = half.person.id.as_str();
        let buckets = [Bucket::code(person_id), Bucket::address(address)];
        let mut free = true;
        for bucket in &buckets {
            free &= self.throttle.take(bucket).await?.is_ok();
        }
        if !free {
            self.store.half_take(&half.token_sha256).await?;
            return Ok((Err(CodeRefused::TooMany), "throttled"));
        }
        let typed: String = typed
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let (right, how, recovery_codes) = match &half.fresh {
            Some(sealed) => self.enrol(half, sealed, &typed).await?,
            None if typed.len() == DIGITS => {
                (self.is_code(half, &typed).await?, "code", Vec::new())
            }
            None => {
                let hash = Sha256::digest(typed.to_ascii_uppercase());
                let now = self.clock.now_ms();
                let used = self.store.recovery_use(person_id, &hash, now).await?;
                (used, "recovery-code", Vec::new())
            }
        };
        // One sign-in gives one session, however often the form is sent.
        if !right || !self.store.half_take(&half.token_sha256).await? {
            return Ok((Err(CodeRefused::Wrong), "wrong-code"));
        }
        let [code, address] = buckets;
        self.throttle.settle(&[code], &[address]).await;
        let person = half.person.clone();
        let passed = Passed {
            person,
            recovery_codes,
        };
        Ok((Ok(passed), how))
    }

    async fn is_code(&self, half: &Half, typed: &str) -> anyhow::Result<bool> {
        let person_id = half.person.id.as_str();
        let Some(row) = self.store.factor(person_id).await? else {
            return Ok(false);
        };
        let secret = self.unsealed(half, &row.sealed).await?;
        let now = self.clock.now_ms();
        match totp::matching_step(&secret, typed, now, row.last_step) {
            Some(step) => Ok(self.store.factor_use(person_id, step).await?),
            None => Ok(false),
        }
    }

    async fn enrol(
        &self,
        half: &Half,
        sealed: &[u8],
        typed: &str,
    ) -> anyhow::Result<(bool, &'static str, Vec<String>)> {
        let secret = self.unsealed(half, sealed).await?;
        let now = self.clock.now_ms();
        let Some(step) = totp::matching_step(&secret, typed, now, 0) else {
            return Ok((false, "wrong-code", Vec::new()));
        };
        let codes = recovery_codes()?;
        let hashes: Vec<Vec<u8>> = codes
            .iter()
            .map(|code| Sha256::digest(code.replace('-', "")).to_vec())
            .collect();
        let row = FactorRow {
            person_id: half.person.id.as_str().to_owned(),
            person_title: half.person.title.clone(),
            sealed: sealed.to_vec(),
            last_step: step,
            enrolled_at: now,
        };
        let stored = self.store.factor_enrol(&row, &hashes).await?;
        Ok((stored, "enrolled", codes))
    }

    async fn unsealed(&self, half: &Half, sealed: &[u8]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let opened = self
            .secrets
            .unseal(PURPOSE, half.person.id.as_str(), sealed)
            .await;
        opened.context("open a second factor")
    }
}

/// Codes as people write them down: groups of four.
fn recovery_codes() -> anyhow::Result<Vec<String>> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut bytes = [0_u8; RECOVERY_BYTES];
        getrandom::fill(&mut bytes).context("draw a recovery code")?;
        let text = totp::base32(&bytes);
        let groups: Vec<&str> = text
            .as_bytes()
            .chunks(4)
            .filter_map(|group| std::str::from_utf8(group).ok())
            .collect();
        codes.push(groups.join("-"));
    }
    Ok(codes)
}

fn written(person: &Person) -> String {
    json!({
        "id": person.id.as_str(), "name": person.name, "title": person.title, "groups": person.groups,
    })
    .to_string()
}

fn read(text: &str) -> Option<Person> {
    let value: Value = serde_json::from_str(text).ok()?;
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    let groups = value.get("groups")?.as_array()?.iter();
    Some(Person {
        id: PersonId::stored(&text("id")?),
        name: text("name")?,
        title: text("title")?,
        groups: groups
            .filter_map(|group| group.as_str().map(str::to_owned))
            .collect(),
    })
}
