//! The orderly end: nobody new is let in, and those who are here leave in slices, so that they do not all come back to
//! the next broker at one moment.

use std::sync::Arc;
use std::time::Duration;

use spokegate_daemon::Latch;

use super::Shared;
use crate::policy::Session;
use crate::roster::{Dismissal, Guest};

/// Time between two slices.
const PAUSE: Duration = Duration::from_millis(50);
/// Sessions of a slice at least; so few do no harm at once.
const SLICE_MIN: usize = 32;
/// How long the sanitizer's sessions wait for the satellites' to be gone, so that it hears who left.
const SANITIZER_WAIT: Duration = Duration::from_secs(5);

/// Waits until the broker is told to stop, says that it is no longer ready, ends all sessions,
/// and returns when their links are gone.
pub(super) async fn when_stopping(shared: Arc<Shared>, ready: Latch) {
    shared.tasks.soft().cancelled().await;
    ready.unset();
    shared.roster.close();
    let guests = shared.roster.guests();
    if !guests.is_empty() {
        tracing::info!(sessions = guests.len(), "draining");
    }
    let (sanitizers, others): (Vec<_>, Vec<_>) = guests
        .into_iter()
        .partition(|guest| matches!(guest.session, Session::Sanitizer(_)));
    let satellites = others.len();
    in_slices(&others, shared.limits.drain_ms).await;
    if satellites > 0 && !sanitizers.is_empty() {
        let left = sanitizers.len();
        let gone = shared.roster.at_most(left);
        // Whoever does not leave in time does not hold up the rest.
        let _ = tokio::time::timeout(SANITIZER_WAIT, gone).await;
    }
    in_slices(&sanitizers, shared.limits.drain_ms).await;
    shared.roster.at_most(0).await;
}

async fn in_slices(guests: &[Arc<Guest>], drain_ms: u64) {
    let mut slices = guests.chunks(slice(guests.len(), drain_ms)).peekable();
    while let Some(slice) = slices.next() {
        slice.iter().for_each(|guest| {
            guest.dismiss(Dismissal::Stopping);
        });
        if slices.peek().is_some() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Sessions of one slice, so that all of them fit into the time.
fn slice(sessions: usize, drain_ms: u64) -> usize {
    let pauses = Duration::from_millis(drain_ms).as_millis() / PAUSE.as_millis();
    let pauses = usize::try_from(pauses).unwrap_or(usize::MAX).max(1);
    sessions.div_ceil(pauses).max(SLICE_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_fit_into_the_time() {
        let check = |sessions: usize, drain_ms, expected| {
            let found = slice(sessions, drain_ms);
            assert_eq!(found, expected, "{sessions} in {drain_ms} ms");
            let pauses = u64::try_from(sessions.div_ceil(found).saturating_sub(1)).unwrap();
            assert!(
                pauses * 50 <= drain_ms.max(50),
                "{sessions} in {drain_ms} ms"
            );
        };
        check(0, 5_000, 32);
        check(32, 5_000, 32);
        check(3_200, 5_000, 32);
        check(10_000, 5_000, 100);
        check(10_001, 5_000, 101);
        check(10_000, 0, 10_000);
    }
}
