//! Messages with QoS 1 on their way to one client. Acknowledgements may come in any order.

use std::collections::HashSet;
use std::sync::Mutex;

use tokio::sync::Notify;

use crate::lock;

/// Packet ids that a client has not acknowledged.
#[derive(Debug)]
pub(super) struct Inflight {
    max: usize,
    room: Notify,
    ids: Mutex<Ids>,
}

#[derive(Debug, Default)]
struct Ids {
    last: u16,
    open: HashSet<u16>,
}

impl Inflight {
    pub(super) fn new(max: u16) -> Self {
        Self {
            max: usize::from(max),
            room: Notify::new(),
            ids: Mutex::default(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        lock(&self.ids).open.len() < self.max
    }

    /// Returns after an acknowledgement that came since the last call.
    pub(super) async fn acknowledged(&self) {
        self.room.notified().await;
    }

    /// An id that is not in use. At most `max` are, so one is soon found.
    pub(super) fn assign(&self) -> u16 {
        let mut ids = lock(&self.ids);
        loop {
            ids.last = ids.last.checked_add(1).unwrap_or(1);
            let id = ids.last;
            if ids.open.insert(id) {
                return id;
            }
        }
    }

    /// Takes an acknowledgement; one that nobody waits for changes nothing.
    pub(super) fn acknowledge(&self, id: u16) {
        if lock(&self.ids).open.remove(&id) {
            self.room.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn ids_come_back_in_any_order_and_are_never_zero_or_doubled() {
        let inflight = Inflight::new(3);
        let ids = [inflight.assign(), inflight.assign(), inflight.assign()];
        assert_eq!(ids, [1, 2, 3]);
        assert!(!inflight.has_room());
        inflight.acknowledge(9);
        assert!(inflight.acknowledged().now_or_never().is_none());
        inflight.acknowledge(3);
        inflight.acknowledge(1);
        assert!(inflight.acknowledged().now_or_never().is_some());
        assert!(inflight.has_room());
        lock(&inflight.ids).last = u16::MAX;
        assert_eq!(inflight.assign(), 1);
        assert_eq!(inflight.assign(), 3, "2 is still on its way");
    }
}
