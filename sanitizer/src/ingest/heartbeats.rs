//! Who is there, told by heartbeats: for a broker that does not say it. Pure.

use spokegate_contract::SatelliteId;
use std::collections::HashMap;

/// Satellites that are watched at once.
const SATELLITES_MAX: usize = 10_000;

/// The satellites of a tenant that are there, and when each was last heard.
#[derive(Debug)]
pub(super) struct Heartbeats {
    offline_after_ms: u64,
    heard_ms: HashMap<SatelliteId, u64>,
}

impl Heartbeats {
    /// Nobody is there yet.
    pub(super) fn new(offline_after_ms: u64) -> Heartbeats {
        Heartbeats {
            offline_after_ms,
            heard_ms: HashMap::new(),
        }
    }

    /// A satellite was heard; true when it was not there before.
    pub(super) fn heard(&mut self, satellite: &SatelliteId, now_ms: u64) -> bool {
        if let Some(heard_ms) = self.heard_ms.get_mut(satellite) {
            *heard_ms = now_ms;
            return false;
        }
        let has_room = self.heard_ms.len() < SATELLITES_MAX;
        if has_room {
            self.heard_ms.insert(satellite.clone(), now_ms);
        }
        has_room
    }

    /// Those that were not heard for too long; each is said once.
    pub(super) fn gone(&mut self, now_ms: u64) -> Vec<SatelliteId> {
        let most_ms = self.offline_after_ms;
        let gone = self
            .heard_ms
            .extract_if(|_, heard_ms| now_ms.saturating_sub(*heard_ms) >= most_ms);
        gone.map(|(satellite, _)| satellite).collect()
    }

    /// After a time in which nobody could be heard, each has its full time again.
    pub(super) fn resume(&mut self, now_ms: u64) {
        self.heard_ms
            .values_mut()
            .for_each(|heard_ms| *heard_ms = now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_satellite_comes_once_goes_once_and_may_come_again() {
        let mut heartbeats = Heartbeats::new(90);
        let (hq, branch) = ("hq".parse().unwrap(), "branch".parse().unwrap());
        assert!(heartbeats.heard(&hq, 0));
        assert!(!heartbeats.heard(&hq, 30));
        assert!(heartbeats.heard(&branch, 60));
        assert_eq!(heartbeats.gone(119), []);
        assert_eq!(heartbeats.gone(120), std::slice::from_ref(&hq));
        assert_eq!(heartbeats.gone(121), []);
        assert!(heartbeats.heard(&hq, 130));
        heartbeats.resume(1_000);
        assert_eq!(heartbeats.gone(1_089), []);
        assert_eq!(heartbeats.gone(1_090).len(), 2);
    }

    #[test]
    fn no_more_are_watched_than_there_is_room_for() {
        let mut heartbeats = Heartbeats::new(1);
        let came = (0..SATELLITES_MAX + 5)
            .filter(|number| heartbeats.heard(&format!("s{number}").parse().unwrap(), 0));
        assert_eq!(came.count(), SATELLITES_MAX);
    }
}
