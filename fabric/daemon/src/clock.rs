//! The one place that reads the machine's time.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When the process first asked for monotonic time.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A source of time that tests can move. Cloning is cheap; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        LazyLock::force(&START);
        Self(Source::System)
    }

    /// A clock that stands at `now_ms` until its [`ManualClock`] moves it.
    pub fn manual(now_ms: u64) -> (Self, ManualClock) {
        let shared = Arc::new(AtomicU64::new(now_ms));
        (
            Self(Source::Manual(Arc::clone(&shared))),
            ManualClock(shared),
        )
    }

    /// Milliseconds since the Unix epoch, UTC. May jump when the machine's clock is set.
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            Source::System => system_ms(),
            Source::Manual(now_ms) => now_ms.load(Ordering::SeqCst),
        }
    }

    /// Milliseconds since an arbitrary start; never goes back. For rates and durations.
    pub fn monotonic_ms(&self) -> u64 {
        match &self.0 {
            Source::System => milliseconds(START.elapsed()),
            Source::Manual(now_ms) => now_ms.load(Ordering::SeqCst),
        }
    }
}

/// The hand that moves a manual [`Clock`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Sets the time, in milliseconds since the Unix epoch.
    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    /// Moves the time forward by `by_ms` milliseconds.
    pub fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that all else takes"
)]
fn system_ms() -> u64 {
    // A machine set to before 1970 reads as the epoch itself: every deadline then lies ahead.
    milliseconds(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let (clock, hand) = Clock::manual(1_000);
        let clone = clock.clone();
        hand.advance(500);
        assert_eq!(
            (clock.now_ms(), clone.now_ms(), clone.monotonic_ms()),
            (1_500, 1_500, 1_500)
        );
        hand.set(7);
        assert_eq!(clone.now_ms(), 7);
    }

    #[test]
    fn the_system_clock_is_past_2026_and_monotonic() {
        let clock = Clock::system();
        assert!(clock.now_ms() > 1_767_225_600_000);
        assert!(clock.monotonic_ms() <= clock.monotonic_ms());
    }
}
