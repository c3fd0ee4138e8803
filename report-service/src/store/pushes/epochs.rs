//! How many spools a satellite may begin in a minute; pure.

use std::collections::{BTreeMap, BTreeSet};

use spokegate_contract::Address;

/// New spools per satellite and window. A satellite begins one when its spool is made anew; more are a fault or an attack.
const NEW_EPOCHS_MAX: usize = 4;
/// Length of a window.
const WINDOW_MS: u64 = 60_000;
/// Satellites with a window at once. Past that, no further satellite may begin a spool until a window has ended.
const SATELLITES_MAX: usize = 10_000;

/// The spools begun in the present windows.
#[derive(Debug, Default)]
pub(in crate::store) struct NewEpochs {
    windows: BTreeMap<Address, Window>,
}

#[derive(Debug)]
struct Window {
    start_ms: u64,
    begun: BTreeSet<u64>,
    refused: bool,
}

/// A spool too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany {
    /// Whether it is the first of its window.
    pub(super) first: bool,
}

impl NewEpochs {
    /// Whether a satellite may begin this spool now, or has in this window.
    pub(super) fn take(
        &mut self,
        address: &Address,
        epoch: u64,
        now_ms: u64,
    ) -> Result<(), TooMany> {
        // A clock that went back ends a window, too: it must not last for hours.
        let ended = |window: &Window| now_ms.abs_diff(window.start_ms) >= WINDOW_MS;
        if self.windows.get(address).is_none_or(ended) {
            self.windows.remove(address);
            if self.windows.len() >= SATELLITES_MAX {
                self.windows.retain(|_, window| !ended(window));
            }
            if self.windows.len() >= SATELLITES_MAX {
                return Err(TooMany { first: false });
            }
        }
        let window = self
            .windows
            .entry(address.clone())
            .or_insert_with(|| Window {
                start_ms: now_ms,
                begun: BTreeSet::new(),
                refused: false,
            });
        if window.begun.contains(&epoch) {
            return Ok(());
        }
        if window.begun.len() >= NEW_EPOCHS_MAX {
            let first = !std::mem::replace(&mut window.refused, true);
            return Err(TooMany { first });
        }
        window.begun.insert(epoch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(satellite: &str) -> Address {
        Address::new("acme".parse().unwrap(), satellite.parse().unwrap())
    }

    #[test]
    fn a_few_spools_a_minute_each_satellite_for_itself() {
        let mut epochs = NewEpochs::default();
        let (hq, lab) = (address("hq"), address("lab"));
        for epoch in 1..=4 {
            assert_eq!(epochs.take(&hq, epoch, 1_000), Ok(()));
        }
        assert_eq!(epochs.take(&hq, 5, 1_000), Err(TooMany { first: true }));
        assert_eq!(epochs.take(&hq, 6, 60_999), Err(TooMany { first: false }));
        assert_eq!(epochs.take(&hq, 4, 60_999), Ok(()), "begun before");
        assert_eq!(epochs.take(&lab, 5, 1_000), Ok(()));
        assert_eq!(epochs.take(&hq, 5, 61_000), Ok(()), "the next window");
        assert_eq!(epochs.take(&hq, 6, 0), Ok(()), "the clock went back");
    }
}
