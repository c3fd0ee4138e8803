//! Times that are not the same for all.

use std::time::Duration;

use spokegate_daemon::Backoff;

/// Any time up to `most`: the upper half of a delay of twice that, less its lower half.
pub(crate) fn up_to(most: Duration) -> Duration {
    let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX / 2);
    if most_ms == 0 {
        return Duration::ZERO;
    }
    let twice = Backoff::new(most_ms * 2, most_ms * 2).next_delay();
    twice.saturating_sub(Duration::from_millis(most_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_are_spread_evenly_over_the_whole_time() {
        let most = Duration::from_secs(4);
        let mut eighths = [0; 8];
        for _ in 0..1_000 {
            let delay = up_to(most);
            assert!(delay <= most);
            let eighth = delay.as_millis() as u64 * 8 / 4_001;
            eighths[usize::try_from(eighth).unwrap()] += 1;
        }
        // 125 each on average; less than 60 or more than 200 happens once in a million years.
        assert!(
            eighths.iter().all(|count| (60..200).contains(count)),
            "{eighths:?}"
        );
        assert_eq!(up_to(Duration::ZERO), Duration::ZERO);
    }
}
