//! Connections that have not said who they are. When there are too many, the oldest goes: whoever opens sockets and
//! says nothing only pushes his own out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::lock;

/// All pending connections, oldest first.
#[derive(Debug)]
pub(super) struct Pending {
    max: usize,
    queue: Arc<Mutex<VecDeque<CancellationToken>>>,
}

/// One pending connection; dropped when it is one no more.
#[derive(Debug)]
pub(super) struct Ticket {
    evicted: CancellationToken,
    queue: Arc<Mutex<VecDeque<CancellationToken>>>,
}

impl Pending {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            queue: Arc::default(),
        }
    }

    /// Lets one more in, and the oldest out if need be.
    pub(super) fn enter(&self) -> Ticket {
        let evicted = CancellationToken::new();
        let mut queue = lock(&self.queue);
        queue.push_back(evicted.clone());
        if queue.len() > self.max
            && let Some(oldest) = queue.pop_front()
        {
            oldest.cancel();
        }
        Ticket {
            evicted,
            queue: Arc::clone(&self.queue),
        }
    }
}

impl Ticket {
    /// Returns when this connection had to make room.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.evicted.is_cancelled() {
            // Cancelling is how the queue finds it; nobody listens any more.
            self.evicted.cancel();
            lock(&self.queue).retain(|other| !other.is_cancelled());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_oldest_makes_room_and_who_is_done_takes_none() {
        let pending = Pending::new(2);
        let first = pending.enter();
        let second = pending.enter();
        assert!(first.evicted().now_or_never().is_none());
        let third = pending.enter();
        assert!(first.evicted().now_or_never().is_some());
        drop(second);
        let _fourth = pending.enter();
        assert!(third.evicted().now_or_never().is_none());
        assert_eq!(lock(&pending.queue).len(), 2);
    }
}
