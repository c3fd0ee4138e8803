//! Rates per principal, which outlive a connection: reconnecting fills no bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::config::BrokerLimits;
use crate::lock;
use crate::policy::Session;
use crate::rate::Bucket;

/// What one principal may do per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// Packets, and how many at once.
    pub(super) messages_per_s: u64,
    /// Bytes, and how many at once.
    pub(super) bytes_per_s: u64,
    /// New sessions.
    pub(super) connections_per_s: u64,
    /// New sessions at once.
    pub(super) connections_burst: u64,
}

impl Rates {
    pub(super) fn of(limits: &BrokerLimits) -> Self {
        Self {
            messages_per_s: limits.messages_per_s,
            bytes_per_s: limits.bytes_per_s,
            connections_per_s: limits.connections_per_principal_per_s,
            connections_burst: limits.connections_per_principal_burst,
        }
    }
}

/// The rates of all principals seen lately.
#[derive(Debug)]
pub(super) struct Quotas {
    rates: Rates,
    kept_max: usize,
    entries: Mutex<HashMap<Session, Arc<Mutex<Quota>>>>,
}

/// The rates of one principal.
#[derive(Debug)]
pub(super) struct Quota {
    messages: Bucket,
    bytes: Bucket,
    connections: Bucket,
}

impl Quotas {
    pub(super) fn new(rates: Rates, kept_max: usize) -> Self {
        Self {
            rates,
            kept_max,
            entries: Mutex::default(),
        }
    }

    /// The rates of this principal. Full buckets are forgotten when there are many.
    pub(super) fn of(&self, session: &Session, now_ms: u64) -> Arc<Mutex<Quota>> {
        let mut entries = lock(&self.entries);
        if entries.len() >= self.kept_max.saturating_mul(2) {
            entries.retain(|_, quota| Arc::strong_count(quota) > 1 || !lock(quota).is_full(now_ms));
        }
        let fresh = || {
            let rates = self.rates;
            Arc::new(Mutex::new(Quota {
                messages: Bucket::new(rates.messages_per_s, rates.messages_per_s, now_ms),
                bytes: Bucket::new(rates.bytes_per_s, rates.bytes_per_s, now_ms),
                connections: Bucket::new(rates.connections_per_s, rates.connections_burst, now_ms),
            }))
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

    /// Whether the principal may open one more session now. Two clients that take one seat from each other in turn end
    /// here, so that the one that is in keeps its session for a while.
    pub(super) fn may_connect(&mut self, now_ms: u64) -> bool {
        self.connections.try_take(now_ms)
    }

    fn is_full(&mut self, now_ms: u64) -> bool {
        self.messages.is_full(now_ms)
            && self.bytes.is_full(now_ms)
            && self.connections.is_full(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates {
        messages_per_s: 10,
        bytes_per_s: 1_000,
        connections_per_s: 1,
        connections_burst: 3,
    };

    #[test]
    fn a_reconnect_finds_its_debt_again_and_others_have_none() {
        let quotas = Quotas::new(RATES, 2);
        let (a, b) = (Session::Open("a".into()), Session::Open("b".into()));
        assert_eq!(lock(&quotas.of(&a, 0)).take(2_000, 0), 1_000);
        assert_eq!(lock(&quotas.of(&a, 0)).take(0, 0), 1_000);
        assert_eq!(lock(&quotas.of(&b, 0)).take(1_000, 0), 0);
    }

    #[test]
    fn each_rate_holds_to_the_last_packet_and_byte() {
        let quotas = Quotas::new(RATES, 9);
        let fresh = |name: &str| quotas.of(&Session::Open(name.into()), 0);
        let bytes = fresh("bytes");
        assert_eq!(lock(&bytes).take(1_000, 0), 0);
        assert_eq!(lock(&bytes).take(1, 0), 1);
        let messages = fresh("messages");
        let waits: Vec<_> = (0..11).map(|_| lock(&messages).take(0, 0)).collect();
        assert_eq!((&waits[..10], waits[10]), (&[0; 10][..], 100));
        let connections = fresh("connections");
        let admitted: Vec<_> = (0..4).map(|_| lock(&connections).may_connect(0)).collect();
        assert_eq!(admitted, [true, true, true, false]);
        assert!(!lock(&connections).may_connect(999));
        assert!(lock(&connections).may_connect(1_000));
    }

    #[test]
    fn full_buckets_are_forgotten_and_debts_are_not() {
        let quotas = Quotas::new(RATES, 1);
        lock(&quotas.of(&Session::Open("debtor".into()), 0)).take(5_000, 0);
        quotas.of(&Session::Open("idle".into()), 0);
        quotas.of(&Session::Open("third".into()), 100);
        let kept = lock(&quotas.entries);
        assert!(kept.contains_key(&Session::Open("debtor".into())));
        assert!(!kept.contains_key(&Session::Open("idle".into())));
    }
}
