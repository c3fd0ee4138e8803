//! How often a sign-in may fail. The limit per person stays below the directory's own lockout, so that nobody can
//! lock a colleague's account by typing into our form.

use crate::store::Store;
use spokegate_daemon::Clock;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Settlements that wait for a busy store; past that, the oldest stays counted until its window ends.
const OWED_MAX: usize = 1_024;
/// How buckets of addresses begin.
const ADDRESS: &str = "address:";

/// Buckets to be forgotten, and buckets to be given one attempt back.
type Owed = (Vec<Bucket>, Vec<Bucket>);

/// The limits, from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Failures per person in a window.
    pub person_failures_max: u64,
    /// Failures per address in a window.
    pub address_failures_max: u64,
    /// Length of a window, milliseconds.
    pub window_ms: u64,
}

/// Counts failures in the store.
#[derive(Clone, Debug)]
pub struct Throttle {
    store: Store,
    clock: Clock,
    limits: ThrottleLimits,
    owed: Arc<Mutex<VecDeque<Owed>>>,
}

/// Too many failures in this window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Throttle {
    /// A throttle with these limits.
    #[must_use]
    pub fn new(store: Store, clock: Clock, limits: ThrottleLimits) -> Self {
        Self {
            store,
            clock,
            limits,
            owed: Arc::default(),
        }
    }

    /// Counts an attempt before it is made; `Ok(Err(TooMany))` when it must not be made.
    ///
    /// # Errors
    /// When the store cannot count.
    pub async fn take(&self, bucket: &Bucket) -> Result<Result<(), TooMany>, sqlx::Error> {
        self.pay().await?;
        let count = self
            .store
            .throttle_take(bucket.key(), self.clock.now_ms(), self.limits.window_ms)
            .await?;
        Ok(if count <= self.failures_max(bucket.key()) {
            Ok(())
        } else {
            Err(TooMany)
        })
    }

    /// The right password was given, or none was judged: forgets the failures of the first buckets and uncounts the
    /// attempt in the others. When the store is busy, that is owed and made good before the next attempt is counted.
    pub async fn settle(&self, forgotten: &[Bucket], given_back: &[Bucket]) {
        self.owe(forgotten, given_back);
        if let Err(error) = self.pay().await {
            tracing::warn!(%error, "the store cannot forget a counted sign-in yet");
        }
    }

    fn owe(&self, forgotten: &[Bucket], given_back: &[Bucket]) {
        let mut owed = self.owed();
        if owed.len() >= OWED_MAX {
            owed.pop_front();
        }
        owed.push_back((forgotten.to_vec(), given_back.to_vec()));
    }

    async fn pay(&self) -> Result<(), sqlx::Error> {
        loop {
            // In a statement of its own: the lock must not be held while waiting.
            let next = self.owed().pop_front();
            let Some(next) = next else {
                return Ok(());
            };
            let mut unpaid = Unpaid {
                throttle: self,
                owed: Some(next),
            };
            unpaid.pay().await?;
        }
    }

    fn owed(&self) -> MutexGuard<'_, VecDeque<Owed>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The failures that a bucket may have in a window.
    #[must_use]
    pub fn failures_max(&self, bucket: &str) -> u64 {
        if bucket.starts_with(ADDRESS) {
            self.limits.address_failures_max
        } else {
            self.limits.person_failures_max
        }
    }

    /// How long a window lasts, in whole minutes, for the sentence that people read.
    #[must_use]
    pub fn window_minutes(&self) -> u64 {
        self.limits.window_ms.div_ceil(60_000)
    }
}

/// Goes back to what is owed unless it is paid: also when the browser hangs up while the store is busy.
struct Unpaid<'a> {
    throttle: &'a Throttle,
    owed: Option<Owed>,
}

impl Unpaid<'_> {
    async fn pay(&mut self) -> Result<(), sqlx::Error> {
        if let Some((forgotten, given_back)) = &self.owed {
            let keys = |buckets: &[Bucket]| -> Vec<String> {
                buckets.iter().map(|bucket| bucket.0.clone()).collect()
            };
            let store = &self.throttle.store;
            store
                .throttle_settle(&keys(forgotten), &keys(given_back))
                .await?;
        }
        self.owed = None;
        Ok(())
    }
}

impl Drop for Unpaid<'_> {
    fn drop(&mut self) {
        if let Some((forgotten, given_back)) = &self.owed {
            self.throttle.owe(forgotten, given_back);
        }
    }
}

/// What failures are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket(String);

impl Bucket {
    /// The typed name, normalised, before the directory is asked.
    #[must_use]
    pub fn name(normalised: &str) -> Self {
        Self(format!("name:{normalised}"))
    }

    /// The person found, whatever spelling found them.
    #[must_use]
    pub fn person(id: &str) -> Self {
        Self(format!("person:{id}"))
    }

    /// Codes of a second factor, whoever's browser types them.
    #[must_use]
    pub fn code(person_id: &str) -> Self {
        Self(format!("code:{person_id}"))
    }

    /// The peer's address; an IPv6 peer counts as its /64, which one customer line has whole.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(format!("address:{address}")),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64"))
            }
        }
    }

    /// The bucket as text.
    pub(crate) fn key(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests;
