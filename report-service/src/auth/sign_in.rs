//! The decision about a name and a password: throttle, directory, role, in that order, and a record of each outcome.

use super::Site;
use super::break_glass::BreakGlass;
use super::roles::{NoRole, Roles};
use super::throttle::{Bucket, Throttle};
use crate::directory::{Directory, Password, Person, Refused, TypedName, Unavailable};
use crate::store::Store;
use crate::store::audit::{AuditEvent, Decision};
use anyhow::Context as _;
use spokegate_daemon::{Clock, Secret};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Why somebody was not let in, in the classes that people are told apart by. The exact reason is in the audit only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Wrong name, wrong password, closed or locked account: all the same to the person.
    Credentials,
    /// The password was right and has expired.
    PasswordExpired,
    /// The password was right and must be changed first.
    MustChange,
    /// Too many failures.
    TooMany {
        /// The window's length.
        minutes: u64,
    },
    /// The directory does not answer; nothing was counted.
    Unavailable,
    /// The right password, but not a person for this listener.
    NoRole {
        /// The person's name as people read it.
        title: String,
        /// What is missing.
        why: NoRole,
    },
}

/// Decides about sign-ins.
pub struct SignIn {
    pub(super) directory: Arc<Directory>,
    pub(super) roles: Arc<Roles>,
    pub(super) break_glass: BreakGlass,
    pub(super) throttle: Throttle,
    pub(super) store: Store,
    pub(super) clock: Clock,
    /// No refusal is answered sooner, so that its time does not tell a wrong name from a wrong password.
    pub(super) refusal_floor: Duration,
}

/// What is asked.
pub struct Attempt<'a> {
    /// On which listener.
    pub site: Site,
    /// The name as typed.
    pub name: &'a str,
    /// The password, byte for byte.
    pub password: &'a Secret,
    /// The peer.
    pub address: IpAddr,
}

/// An outcome and the reason that the audit keeps.
type Decided = (Result<Person, Refusal>, String, String);

impl SignIn {
    /// A decision maker with these parts.
    #[must_use]
    pub fn new(
        directory: Arc<Directory>,
        roles: Arc<Roles>,
        break_glass: BreakGlass,
        throttle: Throttle,
        store: Store,
        clock: Clock,
        refusal_floor: Duration,
    ) -> Self {
        Self {
            directory,
            roles,
            break_glass,
            throttle,
            store,
            clock,
            refusal_floor,
        }
    }

    /// The failures that a counter may have in a window.
    #[must_use]
    pub fn failures_max(&self, bucket: &str) -> u64 {
        self.throttle.failures_max(bucket)
    }

    /// How long a window of failures lasts, in whole minutes.
    #[must_use]
    pub fn window_minutes(&self) -> u64 {
        self.throttle.window_minutes()
    }

    /// Decides, and records the decision.
    ///
    /// # Errors
    /// When the store fails: then nobody is let in.
    pub async fn attempt(&self, attempt: &Attempt<'_>) -> anyhow::Result<Result<Person, Refusal>> {
        let floor = tokio::time::sleep(self.refusal_floor);
        let mut taken = Vec::new();
        let decided = self.decide(attempt, &mut taken).await;
        if decided.is_err() {
            // The store failed before a password was judged: nobody's failure.
            self.throttle.settle(&[], &taken).await;
        }
        let (outcome, actor, reason) = decided.context("decide a sign-in")?;
        let decision = if outcome.is_ok() {
            Decision::Allowed
        } else {
            Decision::Denied
        };
        let address = attempt.address.to_string();
        let event = AuditEvent {
            at_ms: self.clock.now_ms(),
            actor: &actor,
            name: attempt.name.trim(),
            action: "session.start",
            decision,
            reason: &reason,
            subject: attempt.site.as_str(),
            address: &address,
        };
        // What the throttle does not bound would let a stranger fill the audit.
        let unbounded = match &outcome {
            Err(Refusal::TooMany { .. } | Refusal::Unavailable) => true,
            Err(_) => taken.is_empty(),
            Ok(_) => false,
        };
        let recorded = if unbounded {
            let from = Bucket::address(attempt.address);
            self.store.audit_stranger(from.key(), event).await
        } else {
            self.store.audit(event).await.map(|_| ())
        };
        recorded.context("record a sign-in")?;
        if outcome.is_err() {
            floor.await;
        }
        Ok(outcome)
    }

    /// Adds to `taken` what it has counted the attempt in.
    async fn decide(
        &self,
        attempt: &Attempt<'_>,
        taken: &mut Vec<Bucket>,
    ) -> Result<Decided, sqlx::Error> {
        let typed = || format!("name:{}", attempt.name.trim());
        let input = TypedName::parse(attempt.name)
            .and_then(|name| Ok((name, Password::parse(attempt.password)?)));
        let (name, password) = match input {
            Ok(input) => input,
            Err(refused) => return Ok((Err(Refusal::Credentials), typed(), refused.to_string())),
        };
        let buckets = [
            Bucket::name(name.normalised()),
            Bucket::address(attempt.address),
        ];
        let mut free = true;
        for bucket in &buckets {
            free &= self.throttle.take(bucket).await?.is_ok();
            taken.push(bucket.clone());
        }
        if !free {
            return Ok((Err(self.too_many()), typed(), "throttled".to_owned()));
        }
        if self.break_glass.is_always()
            && let Some(decided) = self.local(attempt, &name, &buckets).await?
        {
            return Ok(decided);
        }
        let found = match self.directory.find(&name).await {
            Ok(Ok(found)) => found,
            Ok(Err(refused)) => {
                self.directory.pretend().await;
                return Ok((Err(Refusal::Credentials), typed(), refused.to_string()));
            }
            Err(unavailable) => {
                if !self.break_glass.is_always()
                    && let Some(decided) = self.local(attempt, &name, &buckets).await?
                {
                    return Ok(decided);
                }
                return Ok(self.unavailable(taken, typed(), &unavailable).await);
            }
        };
        let person_id = found.id().as_str().to_owned();
        let [name_bucket, address] = buckets;
        let buckets = [Bucket::person(&person_id), name_bucket];
        let free = self.throttle.take(&buckets[0]).await?.is_ok();
        taken.push(buckets[0].clone());
        if !free {
            return Ok((Err(self.too_many()), person_id, "throttled".to_owned()));
        }
        let person = match self.directory.verify(found, &password).await {
            Ok(Ok(person)) => person,
            Ok(Err(refused)) => {
                return Ok((Err(told_apart(refused)), person_id, refused.to_string()));
            }
            Err(unavailable) => {
                return Ok(self.unavailable(taken, person_id, &unavailable).await);
            }
        };
        self.throttle.settle(&buckets, &[address]).await;
        Ok(match self.roles.decide(attempt.site, &person.groups) {
            Ok(()) => (Ok(person), person_id, "password".to_owned()),
            Err(why) => (
                Err(Refusal::NoRole {
                    title: person.title,
                    why,
                }),
                person_id,
                why.to_string(),
            ),
        })
    }

    /// The break-glass account, on the admin listener. `None` when the name is not its name: then the work is done all the
    /// same, so that time does not tell.
    async fn local(
        &self,
        attempt: &Attempt<'_>,
        name: &TypedName,
        buckets: &[Bucket; 2],
    ) -> Result<Option<Decided>, sqlx::Error> {
        if attempt.site != Site::Admin {
            return Ok(None);
        }
        let account = name.normalised();
        let failed = |error: anyhow::Error| sqlx::Error::Io(std::io::Error::other(error));
        let password = attempt.password.expose();
        let right = self.break_glass.verify(account, password).await;
        if right.map_err(failed)? {
            let person = self.break_glass.used(account, attempt.address).await?;
            let [name, address] = buckets.clone();
            self.throttle.settle(&[name], &[address]).await;
            let id = person.id.as_str().to_owned();
            return Ok(Some((Ok(person), id, "break-glass".to_owned())));
        }
        if !self.break_glass.is_account(account).await? {
            return Ok(None);
        }
        // Answered as everybody else is just now; the failure stays counted.
        let refusal = if self.break_glass.is_always() {
            Refusal::Credentials
        } else {
            Refusal::Unavailable
        };
        let actor = format!("{}:{account}", super::break_glass::DIRECTORY);
        let reason = "break-glass-wrong-password".to_owned();
        Ok(Some((Err(refusal), actor, reason)))
    }

    async fn unavailable(&self, taken: &[Bucket], actor: String, why: &Unavailable) -> Decided {
        self.throttle.settle(&[], taken).await;
        tracing::warn!(error = %why, "the directory does not answer");
        (Err(Refusal::Unavailable), actor, why.reason().to_owned())
    }

    pub(super) fn too_many(&self) -> Refusal {
        Refusal::TooMany {
            minutes: self.throttle.window_minutes(),
        }
    }
}

/// Only two states are told to the person: both appear with the right password only.
pub(super) fn told_apart(refused: Refused) -> Refusal {
    match refused {
        Refused::PasswordExpired => Refusal::PasswordExpired,
        Refused::MustChange => Refusal::MustChange,
        _ => Refusal::Credentials,
    }
}
