//! Rates per identity, which outlive a connection: reconnecting fills no bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::lock;
use crate::policy::Session;
use crate::rate::Bucket;

/// The rates of all identities seen lately.
#[derive(Debug)]
pub(super) struct Quotas {
    messages_per_s: u64,
    bytes_per_s: u64,
    kept_max: usize,
    entries: Mutex<HashMap<Session, Arc<Mutex<Quota>>>>,
}

/// The rates of one identity.
#[derive(Debug)]
pub(super) struct Quota {
    messages: Bucket,
    bytes: Bucket,
}

impl Quotas {
    pub(super) fn new(messages_per_s: u64, bytes_per_s: u64, kept_max: usize) -> Self {
        Self {
            messages_per_s,
            bytes_per_s,
            kept_max,
            entries: Mutex::default(),
        }
    }

    /// The rates of this identity. Full buckets are forgotten when there are many.
    pub(super) fn of(&self, session: &Session, now_ms: u64) -> Arc<Mutex<Quota>> {
        let mut entries = lock(&self.entries);
        if entries.len() >= self.kept_max.saturating_mul(2) {
            entries.retain(|_, quota| Arc::strong_count(quota) > 1 || !lock(quota).is_full(now_ms));
        }
        let fresh = || {
            let messages = Bucket::new(self.messages_per_s, self.messages_per_s, now_ms);
            let bytes = Bucket::new(self.bytes_per_s, self.bytes_per_s, now_ms);
            Arc::new(Mutex::new(Quota { messages, bytes }))
        };
        Arc::clone(entries.entry(session.clone()).or_insert_with(fresh))
    }
}

impl Quota {
    /// Counts one packet and says how many milliseconds its sender must wait.
    pub(super) fn take(&mut self, bytes: usize, now_ms: u64) -> u64 {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.messages
            .take(1, now_ms)
            .max(self.bytes.take(bytes, now_ms))
    }

    fn is_full(&mut self, now_ms: u64) -> bool {
        self.messages.is_full(now_ms) && self.bytes.is_full(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reconnect_finds_its_debt_again_and_others_have_none() {
        let quotas = Quotas::new(10, 1_000, 2);
        let (a, b) = (Session::Open("a".into()), Session::Open("b".into()));
        assert_eq!(lock(&quotas.of(&a, 0)).take(2_000, 0), 1_000);
        assert_eq!(lock(&quotas.of(&a, 0)).take(0, 0), 1_000);
        assert_eq!(lock(&quotas.of(&b, 0)).take(1_000, 0), 0);
    }

    #[test]
    fn full_buckets_are_forgotten_and_debts_are_not() {
        let quotas = Quotas::new(10, 1_000, 1);
        lock(&quotas.of(&Session::Open("debtor".into()), 0)).take(5_000, 0);
        quotas.of(&Session::Open("idle".into()), 0);
        quotas.of(&Session::Open("third".into()), 100);
        let kept = lock(&quotas.entries);
        assert!(kept.contains_key(&Session::Open("debtor".into())));
        assert!(!kept.contains_key(&Session::Open("idle".into())));
    }
}
