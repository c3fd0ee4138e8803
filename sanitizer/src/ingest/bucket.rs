//! A token bucket over messages and bytes. Pure.

/// Milliseconds of the rate that may be taken at once.
const BURST_MS: u64 = 1_000;

/// What a tenant may send.
#[derive(Debug)]
pub(super) struct Bucket {
    messages: Level,
    bytes: Level,
}

#[derive(Debug)]
struct Level {
    per_s: u64,
    /// Thousandths of what is left; below zero after a large message.
    left_milli: i64,
    filled_ms: u64,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(messages_per_s: u32, bytes_per_s: u64, now_ms: u64) -> Bucket {
        Bucket {
            messages: Level::new(u64::from(messages_per_s), now_ms),
            bytes: Level::new(bytes_per_s, now_ms),
        }
    }

    /// Takes one message out; returns how long the next one has to wait, in milliseconds.
    pub(super) fn take(&mut self, bytes: usize, now_ms: u64) -> u64 {
        self.messages
            .take(1, now_ms)
            .max(self.bytes.take(bytes as u64, now_ms))
    }
}

impl Level {
    fn new(per_s: u64, now_ms: u64) -> Level {
        let mut level = Level {
            per_s,
            left_milli: 0,
            filled_ms: now_ms,
        };
        level.left_milli = level.most();
        level
    }

    fn most(&self) -> i64 {
        i64::try_from(self.per_s.saturating_mul(BURST_MS)).unwrap_or(i64::MAX)
    }

    fn take(&mut self, amount: u64, now_ms: u64) -> u64 {
        let passed = now_ms.saturating_sub(self.filled_ms);
        self.filled_ms = now_ms.max(self.filled_ms);
        let gained = i64::try_from(passed.saturating_mul(self.per_s)).unwrap_or(i64::MAX);
        let cost = i64::try_from(amount.saturating_mul(1_000)).unwrap_or(i64::MAX);
        self.left_milli = self
            .left_milli
            .saturating_add(gained)
            .min(self.most())
            .saturating_sub(cost);
        let owed = self.left_milli.min(0).unsigned_abs();
        owed.div_ceil(self.per_s.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_after_the_burst() {
        let mut bucket = Bucket::new(10, 1_000_000, 0);
        assert!((0..10).all(|_| bucket.take(1, 0) == 0));
        assert_eq!(bucket.take(1, 0), 100);
        assert_eq!(bucket.take(1, 100), 100);
        assert_eq!(bucket.take(1, 5_000), 0);
    }

    #[test]
    fn bytes_count_as_well_and_time_going_back_gives_nothing() {
        let mut bucket = Bucket::new(1_000, 1_000, 1_000);
        assert_eq!(bucket.take(1_000, 1_000), 0);
        assert_eq!(bucket.take(500, 1_000), 500);
        assert_eq!(bucket.take(0, 0), 500);
    }
}
