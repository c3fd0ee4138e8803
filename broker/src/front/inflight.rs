//! Messages with QoS 1 on their way to one client. Acknowledgements may come in any order.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::lock;

/// Packet ids that a client has not acknowledged.
#[derive(Debug)]
pub(super) struct Inflight {
    max: usize,
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
            ids: Mutex::default(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        lock(&self.ids).open.len() < self.max
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.ids).open.is_empty()
    }

    /// An id that is not in use, or none when `max` are. The last one given back comes last of all, so that an
    /// acknowledgement that was sent twice does not meet it again.
    pub(super) fn assign(&self) -> Option<u16> {
        let mut ids = lock(&self.ids);
        if ids.open.len() >= self.max {
            return None;
        }
        loop {
            ids.last = ids.last.checked_add(1).unwrap_or(1);
            let id = ids.last;
            if ids.open.insert(id) {
                return Some(id);
            }
        }
    }

    /// Takes an acknowledgement; one that nobody waits for changes nothing.
    pub(super) fn acknowledge(&self, id: u16) {
        lock(&self.ids).open.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_in_any_order_and_are_never_zero_or_doubled() {
        let inflight = Inflight::new(3);
        assert!(inflight.is_empty());
        let ids = [(); 4].map(|()| inflight.assign());
        assert_eq!(ids, [Some(1), Some(2), Some(3), None]);
        assert!(!inflight.has_room() && !inflight.is_empty());
        inflight.acknowledge(9);
        assert!(!inflight.has_room());
        inflight.acknowledge(3);
        inflight.acknowledge(3);
        inflight.acknowledge(1);
        assert!(inflight.has_room());
        lock(&inflight.ids).last = u16::MAX;
        let ids = [(); 3].map(|()| inflight.assign());
        assert_eq!(ids, [Some(1), Some(3), None], "2 is still on its way");
    }
}
