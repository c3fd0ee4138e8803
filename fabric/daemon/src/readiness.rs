//! Readiness: a service is ready when everything it waits for is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The set of latches of one service. Ready means: at least one latch, and all are set.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    latches: Mutex<Latches>,
    ready: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Latches {
    next: u64,
    by_number: BTreeMap<u64, (String, bool)>,
}

impl Readiness {
    /// No latches yet, and so not ready.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            latches: Mutex::default(),
            ready: watch::Sender::new(false),
        }))
    }

    /// Adds something to wait for; it starts unset.
    pub fn latch(&self, name: impl Into<String>) -> Latch {
        let number = self.change(|latches| {
            latches.next += 1;
            latches.by_number.insert(latches.next, (name.into(), false));
            latches.next
        });
        Latch {
            readiness: self.clone(),
            number,
        }
    }

    /// True when there is a latch and all are set.
    pub fn is_ready(&self) -> bool {
        *self.0.ready.borrow()
    }

    /// Names of the latches that are not set.
    pub fn waiting(&self) -> Vec<String> {
        let latches = self
            .0
            .latches
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        latches
            .by_number
            .values()
            .filter(|(_, set)| !set)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Returns once the service is ready.
    pub async fn ready(&self) {
        let mut receiver = self.0.ready.subscribe();
        receiver
            .wait_for(|ready| *ready)
            .await
            .expect("self holds the sender");
    }

    fn change<R>(&self, act: impl FnOnce(&mut Latches) -> R) -> R {
        let mut latches = self
            .0
            .latches
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut latches);
        let ready =
            !latches.by_number.is_empty() && latches.by_number.values().all(|(_, set)| *set);
        // Under the lock, so that two changes cannot be published in the wrong order.
        self.0
            .ready
            .send_if_modified(|current| std::mem::replace(current, ready) != ready);
        result
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

/// One thing that a service waits for. Dropping it leaves it unset: whoever could have set it is gone.
#[derive(Debug)]
pub struct Latch {
    readiness: Readiness,
    number: u64,
}

impl Latch {
    /// It is there.
    pub fn set(&self) {
        self.put(true);
    }

    /// It is no longer there.
    pub fn unset(&self) {
        self.put(false);
    }

    /// It is no longer waited for.
    pub fn remove(self) {
        self.readiness
            .change(|latches| latches.by_number.remove(&self.number));
    }

    fn put(&self, value: bool) {
        self.readiness.change(|latches| {
            if let Some((_, set)) = latches.by_number.get_mut(&self.number) {
                *set = value;
            }
        });
    }
}

impl Drop for Latch {
    fn drop(&mut self) {
        self.unset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_a_latch_and_all_of_them() {
        let readiness = Readiness::new();
        assert!(!readiness.is_ready());
        let (broker, store) = (readiness.latch("broker session"), readiness.latch("store"));
        broker.set();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.waiting(), ["store"]);
        store.set();
        assert!(readiness.is_ready());
        broker.unset();
        assert!(!readiness.is_ready());
    }

    #[test]
    fn a_dropped_latch_is_unset_and_a_removed_one_is_forgotten() {
        let readiness = Readiness::new();
        let (kept, other) = (readiness.latch("kept"), readiness.latch("other"));
        kept.set();
        other.set();
        other.remove();
        assert!(readiness.is_ready());
        drop(kept);
        assert_eq!(readiness.waiting(), ["kept"]);
        assert!(!readiness.is_ready());
    }

    #[tokio::test]
    async fn ready_wakes_who_waits() {
        let readiness = Readiness::new();
        let latch = readiness.latch("store");
        let ((), ()) = tokio::join!(readiness.ready(), async { latch.set() });
    }
}
