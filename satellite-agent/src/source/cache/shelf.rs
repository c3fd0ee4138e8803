//! Where kept answers lie: bounded by bytes, the oldest goes first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::{Map, Value};
use spokegate_contract::{DatasetId, Failure};
use tokio::sync::Mutex as Gate;

use super::Batch;

/// An answer may take one in so many bytes of all.
const ANSWER_SHARE: usize = 4;
/// What an answer counts beside its rows, so that their number is bounded too.
const CHARGE_BYTES: usize = 512;

/// What an answer is an answer to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    dataset: DatasetId,
    version: u16,
    /// As JSON.
    params: String,
}

impl Key {
    pub(super) fn new(dataset: &DatasetId, version: u16, params: &Map<String, Value>) -> Self {
        // In one order: who writes the same parameters in another asks for the same.
        let params: BTreeMap<_, _> = params.iter().collect();
        Self {
            dataset: dataset.clone(),
            version,
            params: serde_json::to_string(&params).unwrap_or_default(),
        }
    }
}

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Unix time.
    pub(super) at_ms: u64,
    pub(super) monotonic_ms: u64,
}

impl Moment {
    /// The larger of two ages: one clock stands still while the machine sleeps, and the other one may be set back.
    fn age_ms(self, now: Self) -> u64 {
        let by_steady = now.monotonic_ms.saturating_sub(self.monotonic_ms);
        by_steady.max(now.at_ms.saturating_sub(self.at_ms))
    }
}

/// One question under way; who asks the same waits here. Holds why it failed.
pub(super) type Flight = Gate<Option<Failure>>;

/// The answers of all sources.
#[derive(Debug)]
pub(crate) struct Shelf {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: BTreeMap<Key, Held>,
    bytes: usize,
    flights: BTreeMap<Key, Weak<Flight>>,
}

#[derive(Debug)]
struct Held {
    batches: Arc<[Batch]>,
    bytes: usize,
    taken: Moment,
    max_age_ms: u64,
}

impl Shelf {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
        }
    }

    /// What one answer may take.
    pub(super) fn answer_bytes_max(&self) -> usize {
        self.bytes_max / ANSWER_SHARE
    }

    /// A kept answer that is young enough, and when it was taken.
    pub(super) fn get(&self, key: &Key, now: Moment) -> Option<(Arc<[Batch]>, Moment)> {
        let mut state = self.state();
        state.drop_stale(now);
        let held = state.answers.get(key)?;
        Some((Arc::clone(&held.batches), held.taken))
    }

    /// Keeps an answer, in the place of older ones if need be.
    pub(super) fn put(&self, key: Key, batches: Arc<[Batch]>, taken: Moment, max_age_ms: u64) {
        let rows: usize = batches.iter().map(Batch::size).sum();
        let bytes = rows + key.params.len() + CHARGE_BYTES;
        let mut state = self.state();
        state.remove(&key);
        while state.bytes + bytes > self.bytes_max {
            let age = |(_, held): &(&Key, &Held)| held.taken.monotonic_ms;
            let Some(oldest) = state.answers.iter().min_by_key(age) else {
                return;
            };
            let oldest = oldest.0.clone();
            state.remove(&oldest);
        }
        state.bytes += bytes;
        let held = Held {
            batches,
            bytes,
            taken,
            max_age_ms,
        };
        state.answers.insert(key, held);
    }

    /// The question of this kind that is under way, or a new one.
    pub(super) fn flight(&self, key: &Key) -> Arc<Flight> {
        let mut state = self.state();
        state.flights.retain(|_, flight| flight.strong_count() > 0);
        if let Some(flight) = state.flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        let flight = Arc::<Flight>::default();
        state.flights.insert(key.clone(), Arc::downgrade(&flight));
        flight
    }

    /// Nobody joins this question any more.
    pub(super) fn land(&self, key: &Key, flight: &Arc<Flight>) {
        let mut state = self.state();
        let known = state.flights.get(key).and_then(Weak::upgrade);
        if known.is_some_and(|known| Arc::ptr_eq(&known, flight)) {
            state.flights.remove(key);
        }
    }

    /// Bytes that all answers take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.state().bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drop_stale(&mut self, now: Moment) {
        let is_stale = |held: &Held| held.taken.age_ms(now) > held.max_age_ms;
        let stale = self.answers.extract_if(.., |_, held| is_stale(held));
        let gone: usize = stale.map(|(_, held)| held.bytes).sum();
        self.bytes -= gone;
    }

    fn remove(&mut self, key: &Key) {
        if let Some(held) = self.answers.remove(key) {
            self.bytes -= held.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_old_as_the_clock_that_says_more() {
        let moment = |at_ms, monotonic_ms| Moment {
            at_ms,
            monotonic_ms,
        };
        let taken = moment(5_000, 100);
        assert_eq!(taken.age_ms(moment(5_000, 100)), 0);
        assert_eq!(taken.age_ms(moment(5_700, 800)), 700);
        // The machine slept; and its clock was set back.
        assert_eq!(taken.age_ms(moment(9_000, 110)), 4_000);
        assert_eq!(taken.age_ms(moment(1_000, 600)), 500);
    }
}
