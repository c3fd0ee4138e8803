//! Windows over the router's logs. The router never blocks a publisher and overwrites the oldest when a log is full;
//! so what is on its way to a consumer is kept below what its log is sure to hold.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use spokegate_contract::SatelliteId;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Sizes;
use super::handover::{Bell, Handover};
use crate::lock;

/// Segments per log; the router drops a whole one at a time.
pub(super) const SEGMENTS: usize = 8;

/// Room in a log for presence messages, which do not wait for the window.
const ANNOUNCEMENT_BYTES: usize = 65_536;

/// What a log of `bytes` holds whatever happens: all segments but the one that is dropped next.
fn window(bytes: usize) -> usize {
    bytes / SEGMENTS * (SEGMENTS - 1) - ANNOUNCEMENT_BYTES
}

/// A queue of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Destination {
    /// What all satellites send.
    Sanitizer,
    /// What one satellite is sent.
    Satellite(SatelliteId),
}

/// What queues hold, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Depths {
    /// All queues to sanitizers together.
    pub(crate) up_bytes: usize,
    /// The fullest of them.
    pub(crate) up_bytes_max: usize,
    /// All queues to satellites together.
    pub(crate) down_bytes: usize,
    /// The fullest of them.
    pub(crate) down_bytes_max: usize,
}

/// Nobody receives from the queue any more, or it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// A session that receives from a queue.
#[derive(Debug)]
pub(crate) struct Consumer {
    destination: Destination,
    epoch: u32,
    window: usize,
    room: Semaphore,
    overflow: CancellationToken,
    handover: Handover,
}

impl Consumer {
    /// What is on its way to this consumer.
    pub(crate) fn handover(&self) -> &Handover {
        &self.handover
    }

    /// Tells this consumer's messages from those of its predecessors; never 0.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Bytes that wait for this consumer, or are on their way to it.
    fn queued(&self) -> usize {
        self.window.saturating_sub(self.room.available_permits())
    }

    /// Waits until `bytes` fit; the waiting are served in turn.
    pub(crate) async fn reserve(&self, bytes: usize) -> Result<(), NoRoom> {
        if let Ok(permit) = self.room.try_acquire_many(count(bytes)) {
            permit.forget();
            return Ok(());
        }
        let permit = self
            .room
            .acquire_many(count(bytes))
            .await
            .map_err(|_| NoRoom)?;
        permit.forget();
        Ok(())
    }

    /// Takes room for `bytes`, or ends the consumer's connection because it does not keep up.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Result<(), NoRoom> {
        match self.room.try_acquire_many(count(bytes)) {
            Ok(permit) => {
                permit.forget();
                Ok(())
            }
            Err(_) => {
                self.overflow.cancel();
                Err(NoRoom)
            }
        }
    }

    /// Gives back the room of messages of this epoch that were written to the consumer.
    pub(crate) fn release(&self, bytes: usize) {
        self.room.add_permits(bytes);
    }
}

fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a frame is little more than a packet of at most 256 MiB")
}

#[derive(Debug)]
pub(super) struct Flows {
    sizes: Sizes,
    epochs: AtomicU32,
    consumers: Mutex<HashMap<Destination, Arc<Consumer>>>,
}

impl Flows {
    pub(super) fn new(sizes: Sizes) -> Self {
        Self {
            sizes,
            epochs: AtomicU32::new(0),
            consumers: Mutex::default(),
        }
    }

    /// Registers a consumer; `overflow` is cancelled when its queue runs over, and `bell` rung when there is a frame.
    pub(super) fn attach(
        &self,
        destination: Destination,
        overflow: CancellationToken,
        bell: Bell,
    ) -> Arc<Consumer> {
        let (bytes, handover) = match &destination {
            Destination::Sanitizer => (self.sizes.up_bytes, Handover::before_router(bell)),
            Destination::Satellite(_) => (self.sizes.down_bytes, Handover::without_router(bell)),
        };
        let epoch = self
            .epochs
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1)
            .max(1);
        let window = window(bytes);
        let room = Semaphore::new(window);
        let consumer = Arc::new(Consumer {
            destination: destination.clone(),
            epoch,
            window,
            room,
            overflow,
            handover,
        });
        if let Some(predecessor) = lock(&self.consumers).insert(destination, Arc::clone(&consumer))
        {
            predecessor.room.close();
        }
        consumer
    }

    pub(super) fn detach(&self, consumer: &Consumer) {
        let mut consumers = lock(&self.consumers);
        if consumers
            .get(&consumer.destination)
            .is_some_and(|current| current.epoch == consumer.epoch)
        {
            consumers.remove(&consumer.destination);
        }
        consumer.room.close();
    }

    /// Adds what these queues hold.
    pub(super) fn measure(&self, depths: &mut Depths) {
        for (destination, consumer) in lock(&self.consumers).iter() {
            let queued = consumer.queued();
            let (sum, max) = match destination {
                Destination::Sanitizer => (&mut depths.up_bytes, &mut depths.up_bytes_max),
                Destination::Satellite(_) => (&mut depths.down_bytes, &mut depths.down_bytes_max),
            };
            *sum += queued;
            *max = queued.max(*max);
        }
    }

    pub(super) fn consumer(&self, destination: &Destination) -> Option<Arc<Consumer>> {
        lock(&self.consumers).get(destination).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const SIZES: Sizes = Sizes {
        up_bytes: 1 << 20,
        down_bytes: 1 << 20,
        links: 4,
    };

    #[tokio::test]
    async fn publishers_wait_for_room_and_are_let_go_when_the_consumer_leaves() {
        let flows = Flows::new(SIZES);
        let consumer = flows.attach(
            Destination::Sanitizer,
            CancellationToken::new(),
            Bell::default(),
        );
        consumer.reserve(window(1 << 20)).await.unwrap();
        let mut waiting = Box::pin(consumer.reserve(1));
        assert!(waiting.as_mut().now_or_never().is_none());
        consumer.release(1);
        assert_eq!(waiting.await, Ok(()));
        let waiting = consumer.reserve(1);
        flows.detach(&consumer);
        assert_eq!(waiting.await, Err(NoRoom));
        assert!(flows.consumer(&Destination::Sanitizer).is_none());
    }

    #[test]
    fn a_satellite_that_does_not_keep_up_is_told_to_go() {
        let (flows, overflow) = (Flows::new(SIZES), CancellationToken::new());
        let consumer = flows.attach(
            Destination::Satellite("hq".parse().unwrap()),
            overflow.clone(),
            Bell::default(),
        );
        assert_eq!(consumer.try_reserve(window(1 << 20)), Ok(()));
        assert!(!overflow.is_cancelled());
        assert_eq!(consumer.try_reserve(1), Err(NoRoom));
        assert!(overflow.is_cancelled());
    }

    #[test]
    fn what_queues_hold_is_summed_by_direction() {
        let flows = Flows::new(SIZES);
        let attach = |name: &str| {
            let destination = Destination::Satellite(name.parse().unwrap());
            flows.attach(destination, CancellationToken::new(), Bell::default())
        };
        let (hq, branch) = (attach("hq"), attach("branch"));
        let up = flows.attach(
            Destination::Sanitizer,
            CancellationToken::new(),
            Bell::default(),
        );
        for (consumer, bytes) in [(&hq, 10), (&branch, 30), (&up, 7)] {
            consumer.try_reserve(bytes).unwrap();
        }
        branch.release(5);
        let mut depths = Depths::default();
        flows.measure(&mut depths);
        let expected = Depths {
            up_bytes: 7,
            up_bytes_max: 7,
            down_bytes: 35,
            down_bytes_max: 25,
        };
        assert_eq!(depths, expected);
    }

    #[test]
    fn a_predecessor_that_leaves_late_does_not_take_its_successor_along() {
        let flows = Flows::new(SIZES);
        let old = flows.attach(
            Destination::Sanitizer,
            CancellationToken::new(),
            Bell::default(),
        );
        let new = flows.attach(
            Destination::Sanitizer,
            CancellationToken::new(),
            Bell::default(),
        );
        flows.detach(&old);
        assert_eq!(
            flows.consumer(&Destination::Sanitizer).unwrap().epoch(),
            new.epoch()
        );
        assert_eq!(old.try_reserve(1), Err(NoRoom));
    }
}
