//! Which requests have been seen, so that none is answered twice on one connection.

use std::collections::{HashMap, VecDeque};

use spokegate_contract::RequestId;

/// Ids kept. At QoS 1 a request repeats within a reconnect; ten minutes is the longest deadline, and nobody asks a
/// satellite seven times a second for that long.
pub(crate) const REQUESTS_REMEMBERED: usize = 4_096;

/// The ids of the last requests, each with the connection over which it came last; the oldest is forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    order: VecDeque<RequestId>,
    known: HashMap<RequestId, u64>,
}

impl Memory {
    /// Notes that a request came over a connection; false when it has come over the same one before. Over a later one it
    /// comes again because nothing of its answer has arrived: a broker that died took it along.
    pub(crate) fn insert(&mut self, id: RequestId, connection: u64) -> bool {
        if let Some(known) = self.known.insert(id, connection) {
            return known != connection;
        }
        if self.order.len() == REQUESTS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(id);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_known_until_enough_others_came() {
        let mut memory = Memory::default();
        let id = |n: usize| RequestId::from_bytes((n as u128).to_be_bytes());
        assert!(memory.insert(id(0), 1));
        assert!(!memory.insert(id(0), 1));
        for n in 1..REQUESTS_REMEMBERED {
            assert!(memory.insert(id(n), 1));
        }
        assert!(!memory.insert(id(0), 1));
        assert!(memory.insert(id(REQUESTS_REMEMBERED), 1));
        assert!(memory.insert(id(0), 1), "the oldest is forgotten");
        assert_eq!(memory.order.len(), REQUESTS_REMEMBERED);
        assert_eq!(memory.known.len(), REQUESTS_REMEMBERED);
    }

    #[test]
    fn over_a_later_connection_a_request_is_answered_again_and_there_only_once() {
        let mut memory = Memory::default();
        let id = RequestId::from_bytes([7; 16]);
        assert!(memory.insert(id, 1));
        assert!(memory.insert(id, 2));
        assert!(!memory.insert(id, 2));
        assert_eq!(memory.order.len(), 1);
    }
}
