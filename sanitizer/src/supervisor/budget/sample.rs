//! Which refusals are written to the log: the first few of each satellite and minute, then how many more there were.
//! Pure; times are monotonic.

use spokegate_contract::SatelliteId;
use std::collections::HashMap;

/// Lines for each satellite and minute.
const LINES_MAX: u64 = 10;
const MINUTE_MS: u64 = 60_000;
/// Satellites of one customer that are counted apart; further ones share the lines of one.
const SATELLITES_MAX: usize = 1_000;

/// The counts of one customer's satellites.
#[derive(Debug, Default)]
pub(in crate::supervisor) struct Samples(HashMap<Option<SatelliteId>, Minute>);

#[derive(Debug)]
struct Minute {
    began_ms: u64,
    refusals: u64,
}

impl Samples {
    /// Counts a refusal; whether it is written.
    pub(in crate::supervisor) fn take(&mut self, satellite: &SatelliteId, now_ms: u64) -> bool {
        let mut key = Some(satellite.clone());
        if self.0.len() >= SATELLITES_MAX && !self.0.contains_key(&key) {
            key = None;
        }
        let minute = self.0.entry(key).or_insert(Minute {
            began_ms: now_ms,
            refusals: 0,
        });
        minute.refusals = minute.refusals.saturating_add(1);
        minute.refusals <= LINES_MAX
    }

    /// Minutes that have ended with refusals that were not written: whose, if it is one's alone, and how many.
    pub(in crate::supervisor) fn ended(&mut self, now_ms: u64) -> Vec<(Option<SatelliteId>, u64)> {
        let mut unwritten = Vec::new();
        self.0.retain(|satellite, minute| {
            let goes_on = now_ms.saturating_sub(minute.began_ms) < MINUTE_MS;
            if !goes_on && minute.refusals > LINES_MAX {
                unwritten.push((satellite.clone(), minute.refusals.saturating_sub(LINES_MAX)));
            }
            goes_on
        });
        unwritten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_lines_in_a_minute_then_a_count() {
        let mut samples = Samples::default();
        let (hq, branch) = ("hq".parse().unwrap(), "branch".parse().unwrap());
        let written = (0..25).filter(|at| samples.take(&hq, *at)).count();
        assert_eq!(written, 10);
        assert!(samples.take(&branch, 30), "another satellite has its own");
        assert_eq!(samples.ended(59_999), []);
        assert_eq!(samples.ended(60_000), [(Some(hq.clone()), 15)]);
        assert!(samples.take(&hq, 60_001), "a new minute");
        assert_eq!(samples.ended(200_000), []);
    }

    #[test]
    fn satellites_beyond_the_limit_share_their_lines() {
        let mut samples = Samples::default();
        for number in 0..SATELLITES_MAX {
            assert!(samples.take(&format!("s-{number}").parse().unwrap(), 0));
        }
        let more = 0..30;
        let written =
            more.filter(|number| samples.take(&format!("t-{number}").parse().unwrap(), 0));
        assert_eq!(written.count(), 10);
        assert_eq!(samples.ended(60_000), [(None, 20)]);
    }
}
