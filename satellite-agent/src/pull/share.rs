//! Fair limits: each source has one place of its own and, with others, places of a common pool, but never all of those. A
//! source that hangs holds up itself alone.

use std::collections::BTreeMap;

use spokegate_contract::DatasetId;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::bindings::Bindings;
use crate::config::PullConfig;

/// Pulls of one source that run and wait; one more is refused at once.
const SOURCE_PULLS_MAX: usize = 128;

/// The places of all sources.
#[derive(Debug)]
pub(super) struct Shares {
    pool: Semaphore,
    sources: BTreeMap<(DatasetId, u16), Share>,
}

#[derive(Debug)]
struct Share {
    /// Running and waiting.
    entry: Semaphore,
    /// Running, in its own place or the pool's.
    running: Semaphore,
    own: Semaphore,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _entry: SemaphorePermit<'a>,
    _running: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

impl Shares {
    pub(super) fn new(config: &PullConfig, bindings: &Bindings) -> Self {
        let share = || Share {
            entry: Semaphore::new(SOURCE_PULLS_MAX),
            running: Semaphore::new(config.per_source_max),
            own: Semaphore::new(1),
        };
        let sources = bindings
            .iter()
            .map(|(dataset, binding)| ((dataset.clone(), binding.version), share()));
        Self {
            pool: Semaphore::new(config.parallel_max),
            sources: sources.collect(),
        }
    }

    /// Waits for a place; none when too many wait for this source already.
    pub(super) async fn place(&self, dataset: &DatasetId, version: u16) -> Option<Place<'_>> {
        let share = self.sources.get(&(dataset.clone(), version))?;
        let entry = share.entry.try_acquire().ok()?;
        let running = share.running.acquire().await.ok()?;
        let place = tokio::select! {
            biased;
            own = share.own.acquire() => own.ok()?,
            common = self.pool.acquire() => common.ok()?,
        };
        Some(Place {
            _entry: entry,
            _running: running,
            _place: place,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use spokegate_contract::Shape;

    use super::*;
    use crate::bindings::Binding;

    fn shares(parallel_max: usize, per_source_max: usize) -> Shares {
        let bound = |name: &str| {
            let binding = Binding {
                version: 1,
                shape: Shape::Rows,
                pushable: true,
                source: None,
            };
            (name.parse().unwrap(), binding)
        };
        let bindings: Bindings = ["slow", "slower", "quick"].map(bound).into_iter().collect();
        let config = PullConfig {
            parallel_max,
            per_source_max,
            cache_bytes_max: 65_536,
        };
        Shares::new(&config, &bindings)
    }

    /// Takes places until one would have to wait.
    fn take<'a>(shares: &'a Shares, dataset: &str, wanted: usize) -> Vec<Place<'a>> {
        let dataset: DatasetId = dataset.parse().unwrap();
        let place = || shares.place(&dataset, 1).now_or_never().flatten();
        (0..wanted).map_while(|_| place()).collect()
    }

    #[test]
    fn sources_that_hang_leave_the_others_their_place() {
        let shares = shares(4, 3);
        let slow = take(&shares, "slow", 10);
        assert_eq!(slow.len(), 3, "one of its own and two of the pool");
        let slower = take(&shares, "slower", 10);
        assert_eq!(slower.len(), 3);
        // The pool is used up.
        for _ in 0..5 {
            assert_eq!(take(&shares, "quick", 10).len(), 1);
        }
        drop(slow);
        assert_eq!(take(&shares, "quick", 10).len(), 3);
    }

    #[tokio::test]
    async fn who_waits_comes_when_a_place_is_free() {
        let shares = shares(1, 1);
        let dataset: DatasetId = "slow".parse().unwrap();
        let first = take(&shares, "slow", 1);
        let waiting = shares.place(&dataset, 1);
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.await.is_some());
    }

    #[test]
    fn too_many_for_one_source_are_refused_and_others_are_not() {
        let shares = shares(1, 1);
        let dataset: DatasetId = "slow".parse().unwrap();
        let mut waiting: Vec<_> = (0..SOURCE_PULLS_MAX)
            .map(|_| Box::pin(shares.place(&dataset, 1)))
            .collect();
        let started: Vec<_> = waiting
            .iter_mut()
            .map(|one| one.as_mut().now_or_never())
            .collect();
        assert_eq!(started.iter().filter(|one| one.is_some()).count(), 1);
        assert!(matches!(
            shares.place(&dataset, 1).now_or_never(),
            Some(None)
        ));
        assert_eq!(take(&shares, "quick", 1).len(), 1);
    }

    #[test]
    fn what_is_not_bound_has_no_place() {
        let shares = shares(4, 3);
        let dataset: DatasetId = "slow".parse().unwrap();
        assert!(matches!(
            shares.place(&dataset, 2).now_or_never(),
            Some(None)
        ));
    }
}
