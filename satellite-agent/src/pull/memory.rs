//! Which requests have been seen, so that none is answered twice.

use std::collections::{HashSet, VecDeque};

use spokegate_contract::RequestId;

/// Ids kept. At QoS 1 a request repeats within a reconnect; ten minutes is the longest deadline, and nobody asks a
/// satellite seven times a second for that long.
pub(crate) const REQUESTS_REMEMBERED: usize = 4_096;

/// The ids of the last requests; the oldest is forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    order: VecDeque<RequestId>,
    known: HashSet<RequestId>,
}

impl Memory {
    /// Notes an id; false when it is there already.
    pub(crate) fn insert(&mut self, id: RequestId) -> bool {
        if !self.known.insert(id) {
            return false;
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
        assert!(memory.insert(id(0)));
        assert!(!memory.insert(id(0)));
        for n in 1..REQUESTS_REMEMBERED {
            assert!(memory.insert(id(n)));
        }
        assert!(!memory.insert(id(0)));
        assert!(memory.insert(id(REQUESTS_REMEMBERED)));
        assert!(memory.insert(id(0)), "the oldest is forgotten");
        assert_eq!(memory.order.len(), REQUESTS_REMEMBERED);
        assert_eq!(memory.known.len(), REQUESTS_REMEMBERED);
    }
}
