//! Delays between attempts: doubling, capped, jittered.

use std::time::Duration;

/// Doubling delays from `base_ms` up to `max_ms`. Each delay is drawn from the upper half of
/// its step, so that many clients that lost the same peer do not return at the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    base_ms: u64,
    max_ms: u64,
    attempt: u32,
}

impl Backoff {
    /// Starts at `base_ms` (at least 1) and never exceeds `max_ms` (at least `base_ms`).
    pub fn new(base_ms: u64, max_ms: u64) -> Self {
        let base_ms = base_ms.max(1);
        Self {
            base_ms,
            max_ms: max_ms.max(base_ms),
            attempt: 0,
        }
    }

    /// The delay before the next attempt.
    pub fn next_delay(&mut self) -> Duration {
        // Without randomness the delay is merely unjittered.
        self.next_delay_with(getrandom::u64().unwrap_or(u64::MAX))
    }

    /// Like [`Self::next_delay`] with the random number given: 0 is the shortest delay of the
    /// step and `u64::MAX` the longest.
    pub fn next_delay_with(&mut self, random: u64) -> Duration {
        let step_ms = match 1u64.checked_shl(self.attempt) {
            Some(factor) => self.base_ms.saturating_mul(factor).min(self.max_ms),
            None => self.max_ms,
        };
        self.attempt = self.attempt.saturating_add(1);
        let half = step_ms / 2;
        let jitter = (u128::from(step_ms - half) * u128::from(random)) >> 64;
        Duration::from_millis(half + u64::try_from(jitter).unwrap_or(0) + 1)
            .min(Duration::from_millis(step_ms))
    }

    /// How many delays have been handed out since the start or the last reset.
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// After a success: the next delay is again the first.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_the_cap_and_starts_again_after_a_reset() {
        let mut backoff = Backoff::new(100, 1_000);
        let steps: Vec<u128> = (0..6)
            .map(|_| backoff.next_delay_with(u64::MAX).as_millis())
            .collect();
        assert_eq!(steps, [100, 200, 400, 800, 1_000, 1_000]);
        backoff.reset();
        assert_eq!(backoff.next_delay_with(u64::MAX).as_millis(), 100);
    }

    proptest! {
        #[test]
        fn a_delay_lies_in_the_upper_half_of_its_step(base in 0u64..100_000, max in 0u64..10_000_000, attempts in 0u32..100, random: u64) {
            let mut backoff = Backoff::new(base, max);
            for _ in 0..attempts {
                backoff.next_delay_with(0);
            }
            let mut longest = backoff.clone();
            let delay = backoff.next_delay_with(random);
            let step = longest.next_delay_with(u64::MAX);
            prop_assert!(delay <= step && delay >= step / 2 && delay.as_millis() >= 1);
            prop_assert!(step <= Duration::from_millis(max.max(base).max(1)));
        }
    }
}
