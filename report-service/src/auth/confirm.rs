//! The password once more, before an act that could do harm. Counted, recorded and answered like a sign-in.

use super::break_glass::BreakGlass;
use super::sign_in::{Refusal, SignIn, told_apart};
use super::throttle::Bucket;
use crate::directory::{Password, PersonId, TypedName, Unavailable};
use crate::store::audit::{AuditEvent, Decision};
use anyhow::Context as _;
use spokegate_daemon::Secret;
use std::net::IpAddr;

/// How long an entered password counts, in milliseconds.
pub const COUNTS_MS: u64 = 300_000;

/// What is asked.
pub struct Confirmation<'a> {
    /// Whose session it is.
    pub person_id: &'a str,
    /// Their sign-in name.
    pub name: &'a str,
    /// The session.
    pub session_id: &'a str,
    /// The password, byte for byte.
    pub password: &'a Secret,
    /// The peer.
    pub address: IpAddr,
}

impl SignIn {
    /// Decides whether the password is the signed-in person's, and records that.
    ///
    /// # Errors
    /// When the store fails: then it does not count.
    pub async fn confirm(&self, asked: &Confirmation<'_>) -> anyhow::Result<Result<(), Refusal>> {
        let floor = tokio::time::sleep(self.refusal_floor);
        let (outcome, reason) = self.decide_confirmation(asked).await?;
        let address = asked.address.to_string();
        let now = self.clock.now_ms();
        let event = AuditEvent {
            at_ms: now,
            actor: asked.person_id,
            name: asked.name,
            action: "password.confirm",
            decision: if outcome.is_ok() {
                Decision::Allowed
            } else {
                Decision::Denied
            },
            reason: &reason,
            subject: asked.session_id,
            address: &address,
        };
        // What the throttle does not bound would fill the audit.
        let recorded = if matches!(
            &outcome,
            Err(Refusal::TooMany { .. } | Refusal::Unavailable)
        ) {
            let from = Bucket::address(asked.address);
            self.store.audit_stranger(from.key(), event).await
        } else {
            self.store.audit(event).await.map(|_| ())
        };
        recorded.context("record a password entered again")?;
        if outcome.is_ok() {
            self.store
                .password_entered(asked.session_id, now)
                .await
                .context("note a password entered again")?;
        } else {
            floor.await;
        }
        Ok(outcome)
    }

    async fn decide_confirmation(
        &self,
        asked: &Confirmation<'_>,
    ) -> Result<(Result<(), Refusal>, String), sqlx::Error> {
        let password = match Password::parse(asked.password) {
            Ok(password) => password,
            Err(refused) => return Ok((Err(Refusal::Credentials), refused.to_string())),
        };
        let mut taken = vec![Bucket::person(asked.person_id)];
        if let Ok(name) = TypedName::parse(asked.name) {
            taken.push(Bucket::name(name.normalised()));
        }
        taken.push(Bucket::address(asked.address));
        let mut free = true;
        for bucket in &taken {
            free &= self.throttle.take(bucket).await?.is_ok();
        }
        if !free {
            return Ok((Err(self.too_many()), "throttled".to_owned()));
        }
        let verified = match BreakGlass::account_of(asked.person_id) {
            None => self.verify_again(asked.person_id, &password).await,
            Some(account) => {
                let right = self
                    .break_glass
                    .verify(account, asked.password.expose())
                    .await;
                let right = right.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
                let wrong = || (Refusal::Credentials, "wrong-password".to_owned());
                Ok(right.then_some(()).ok_or_else(wrong))
            }
        };
        match verified {
            Ok(Ok(())) => {
                let address = taken.split_off(taken.len().saturating_sub(1));
                self.throttle.settle(&taken, &address).await;
                Ok((Ok(()), "password".to_owned()))
            }
            Ok(Err((refusal, reason))) => Ok((Err(refusal), reason)),
            Err(unavailable) => {
                self.throttle.settle(&[], &taken).await;
                Ok((Err(Refusal::Unavailable), unavailable.reason().to_owned()))
            }
        }
    }

    async fn verify_again(
        &self,
        person_id: &str,
        password: &Password<'_>,
    ) -> Result<Result<(), (Refusal, String)>, Unavailable> {
        let refused = |refused| (told_apart(refused), refused.to_string());
        let found = self
            .directory
            .find_again(&PersonId::stored(person_id))
            .await?;
        let found = match found {
            Ok(found) => found,
            Err(why) => return Ok(Err(refused(why))),
        };
        let verified = self.directory.verify(found, password).await?;
        Ok(verified.map(|_| ()).map_err(refused))
    }
}
