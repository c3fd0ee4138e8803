//! Token buckets. Pure: they take the time and give a wait.

use std::collections::HashMap;
use std::net::IpAddr;

/// A bucket that fills with `per_s` tokens a second up to `burst`.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    per_s: f64,
    burst: f64,
    tokens: f64,
    at_ms: u64,
}

impl Bucket {
    /// A full bucket. A rate of 0 would never refill and is taken as 1.
    pub(crate) fn new(per_s: u64, burst: u64, now_ms: u64) -> Self {
        let (per_s, burst) = (per_s.max(1) as f64, burst.max(1) as f64);
        Self {
            per_s,
            burst,
            tokens: burst,
            at_ms: now_ms,
        }
    }

    fn refill(&mut self, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.at_ms) as f64;
        self.at_ms = self.at_ms.max(now_ms);
        self.tokens = (self.tokens + elapsed_ms * self.per_s / 1000.0).min(self.burst);
    }

    /// Takes `count` tokens, into debt if need be, and says how many milliseconds to wait until the debt is paid.
    pub(crate) fn take(&mut self, count: u64, now_ms: u64) -> u64 {
        self.refill(now_ms);
        self.tokens -= count as f64;
        if self.tokens >= 0.0 {
            0
        } else {
            (-self.tokens * 1000.0 / self.per_s).ceil() as u64
        }
    }

    /// Takes one token if there is one.
    pub(crate) fn try_take(&mut self, now_ms: u64) -> bool {
        self.refill(now_ms);
        let there = self.tokens >= 1.0;
        if there {
            self.tokens -= 1.0;
        }
        there
    }

    /// Whether nothing of the burst is missing, so that forgetting the bucket changes nothing.
    pub(crate) fn is_full(&mut self, now_ms: u64) -> bool {
        self.refill(now_ms);
        self.tokens >= self.burst
    }
}

/// Addresses remembered at once; above it, the full buckets are forgotten, and if none is full, newcomers share one.
const ADDRESSES_MAX: usize = 16_384;

/// What an address may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may connect.
    Permitted,
    /// It may not, and this is the first refusal since it last could.
    Refused,
    /// It may not, again; worth a count, not a line in the log.
    RefusedAgain,
}

/// One bucket per peer address.
#[derive(Debug)]
pub(crate) struct PerAddress {
    per_s: u64,
    burst: u64,
    entries: HashMap<IpAddr, Entry>,
    crowd: Entry,
}

#[derive(Debug)]
struct Entry {
    bucket: Bucket,
    refused: bool,
}

impl Entry {
    fn admit(&mut self, now_ms: u64) -> Admission {
        if self.bucket.try_take(now_ms) {
            self.refused = false;
            Admission::Permitted
        } else if std::mem::replace(&mut self.refused, true) {
            Admission::RefusedAgain
        } else {
            Admission::Refused
        }
    }
}

impl PerAddress {
    /// A table that lets each address connect `per_s` times a second and `burst` times at once.
    pub(crate) fn new(per_s: u64, burst: u64, now_ms: u64) -> Self {
        let crowd = Entry {
            bucket: Bucket::new(per_s, burst, now_ms),
            refused: false,
        };
        Self {
            per_s,
            burst,
            entries: HashMap::new(),
            crowd,
        }
    }

    /// Judges one new connection.
    pub(crate) fn admit(&mut self, address: IpAddr, now_ms: u64) -> Admission {
        if self.entries.len() >= ADDRESSES_MAX && !self.entries.contains_key(&address) {
            self.entries
                .retain(|_, entry| !entry.bucket.is_full(now_ms));
            if self.entries.len() >= ADDRESSES_MAX {
                return self.crowd.admit(now_ms);
            }
        }
        let fresh = || Entry {
            bucket: Bucket::new(self.per_s, self.burst, now_ms),
            refused: false,
        };
        self.entries
            .entry(address)
            .or_insert_with(fresh)
            .admit(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debt_is_waited_for_and_paid() {
        let mut bucket = Bucket::new(10, 20, 0);
        assert_eq!(bucket.take(20, 0), 0);
        assert_eq!(bucket.take(5, 0), 500);
        assert_eq!(bucket.take(0, 250), 250);
        assert_eq!(bucket.take(0, 500), 0);
        assert_eq!(bucket.take(1, 500), 100);
    }

    #[test]
    fn the_burst_is_the_most_that_is_saved_up() {
        let mut bucket = Bucket::new(10, 5, 0);
        assert_eq!(bucket.take(5, 1_000_000), 0);
        assert_eq!(bucket.take(1, 1_000_000), 100);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let mut bucket = Bucket::new(10, 1, 1_000);
        assert!(bucket.try_take(1_000));
        assert!(!bucket.try_take(0));
        assert!(!bucket.try_take(1_050));
        assert!(bucket.try_take(1_100));
    }

    #[test]
    fn one_address_does_not_use_up_another_and_its_first_refusal_is_told_apart() {
        let (noisy, quiet) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut table = PerAddress::new(1, 2, 0);
        let seen: Vec<_> = (0..4).map(|_| table.admit(noisy, 0)).collect();
        use Admission::{Permitted, Refused, RefusedAgain};
        assert_eq!(seen, [Permitted, Permitted, Refused, RefusedAgain]);
        assert_eq!(table.admit(quiet, 0), Permitted);
        assert_eq!(table.admit(noisy, 1_000), Permitted);
        assert_eq!(table.admit(noisy, 1_000), Refused);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = PerAddress::new(1, 1, 0);
        for n in 0..(ADDRESSES_MAX as u32 + 100) {
            table.admit(IpAddr::from(n.to_be_bytes()), 0);
        }
        assert_eq!(table.entries.len(), ADDRESSES_MAX);
        table.admit(IpAddr::from([255, 0, 0, 1]), 2_000);
        assert_eq!(table.entries.len(), 1);
    }
}
