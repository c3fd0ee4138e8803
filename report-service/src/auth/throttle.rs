//! How often a sign-in may fail. The limit per person stays below the directory's own lockout, so that nobody can
//! lock a colleague's account by typing into our form.

use crate::store::Store;
use spokegate_daemon::Clock;
use std::net::IpAddr;

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
        }
    }

    /// Counts an attempt before it is made; `Ok(Err(TooMany))` when it must not be made.
    ///
    /// # Errors
    /// When the store cannot count.
    pub async fn take(&self, bucket: &Bucket) -> Result<Result<(), TooMany>, sqlx::Error> {
        let count = self
            .store
            .throttle_take(bucket.key(), self.clock.now_ms(), self.limits.window_ms)
            .await?;
        let max = if bucket.is_address() {
            self.limits.address_failures_max
        } else {
            self.limits.person_failures_max
        };
        Ok(if count <= max { Ok(()) } else { Err(TooMany) })
    }

    /// The attempt was not a failure of the person's: uncount it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn give_back(&self, bucket: &Bucket) -> Result<(), sqlx::Error> {
        self.store.throttle_give_back(bucket.key()).await
    }

    /// The right password was given: forget earlier failures.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn clear(&self, bucket: &Bucket) -> Result<(), sqlx::Error> {
        self.store.throttle_clear(bucket.key()).await
    }

    /// How long a window lasts, in whole minutes, for the sentence that people read.
    #[must_use]
    pub fn window_minutes(&self) -> u64 {
        self.limits.window_ms.div_ceil(60_000)
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

    fn key(&self) -> &str {
        &self.0
    }

    fn is_address(&self) -> bool {
        self.0.starts_with("address:")
    }
}

#[cfg(test)]
mod tests;
