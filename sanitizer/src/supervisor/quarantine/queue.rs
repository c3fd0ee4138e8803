//! Refused messages that wait for the disk. Each customer has a share of the room, and they take turns. Pure.

use super::super::window::Item;
use crate::link::RefusalHead;
use spokegate_contract::TenantId;
use spokegate_contract::limits::MESSAGE_BYTES_MAX;
use std::collections::{BTreeMap, VecDeque};

/// Messages of one customer that wait.
const TENANT_MESSAGES_MAX: usize = 256;
/// Bytes of all messages that wait, divided among the customers; one message of each always fits.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// A refused message.
pub(super) type Refused = (Item, RefusalHead);

/// One customer's messages, oldest first.
#[derive(Debug, Default)]
struct Share {
    refused: VecDeque<Refused>,
    bytes: usize,
}

/// The messages of all customers.
#[derive(Debug)]
pub(super) struct Queue {
    share_bytes_max: usize,
    shares: BTreeMap<TenantId, Share>,
    /// Whose turn it was.
    last: Option<TenantId>,
}

impl Queue {
    /// Room for so many customers.
    pub(super) fn new(tenants: usize) -> Queue {
        let share = BYTES_MAX.checked_div(tenants).unwrap_or(BYTES_MAX);
        Queue {
            share_bytes_max: share.max(MESSAGE_BYTES_MAX),
            shares: BTreeMap::new(),
            last: None,
        }
    }

    /// Adds a message; false when its customer's share is full.
    pub(super) fn push(&mut self, refused: Refused) -> bool {
        let size = refused.0.payload.len();
        let share = self
            .shares
            .entry(refused.0.work.tenant.clone())
            .or_default();
        let bytes = share.bytes.saturating_add(size);
        // What is alone fits, whatever its size.
        let is_full = share.refused.len() >= TENANT_MESSAGES_MAX || bytes > self.share_bytes_max;
        if is_full && !share.refused.is_empty() {
            return false;
        }
        share.bytes = bytes;
        share.refused.push_back(refused);
        true
    }

    /// The oldest message of the next customer in turn.
    pub(super) fn pop(&mut self) -> Option<Refused> {
        let after = |last: &TenantId| {
            let mut later = self.shares.keys().filter(move |tenant| *tenant > last);
            later.next()
        };
        let next = self.last.as_ref().and_then(after);
        let tenant = next.or_else(|| self.shares.keys().next())?.clone();
        let share = self.shares.get_mut(&tenant)?;
        let refused = share.refused.pop_front()?;
        share.bytes = share.bytes.saturating_sub(refused.0.payload.len());
        if share.refused.is_empty() {
            self.shares.remove(&tenant);
        }
        self.last = Some(tenant);
        Some(refused)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::refused;
    use super::*;

    fn filled(waiting: &[(&str, u64)]) -> Queue {
        let mut queue = Queue::new(2);
        for (tenant, token) in waiting {
            assert!(queue.push(refused(tenant, *token, 1)), "{tenant} {token}");
        }
        queue
    }

    fn popped(queue: &mut Queue) -> Vec<u64> {
        let next = || queue.pop().map(|(item, _)| item.work.token);
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn customers_take_turns_and_each_goes_in_order() {
        let mut queue = filled(&[
            ("acme", 1),
            ("acme", 2),
            ("acme", 3),
            ("globex", 11),
            ("initech", 21),
            ("initech", 22),
        ]);
        assert_eq!(popped(&mut queue), [1, 11, 21, 2, 22, 3]);
        assert!(queue.is_empty() && queue.pop().is_none());
    }

    #[test]
    fn a_flood_fills_its_own_share_and_no_other() {
        let mut queue = Queue::new(2);
        let taken = (0..1_000).filter(|token| queue.push(refused("acme", *token, 1)));
        assert_eq!(taken.count(), TENANT_MESSAGES_MAX);
        assert!(queue.push(refused("globex", 1, 1)));
        queue.pop().unwrap();
        assert!(queue.push(refused("acme", 1_001, 1)));
        assert!(!queue.push(refused("acme", 1_002, 1)));
    }

    #[test]
    fn a_share_is_bounded_in_bytes_and_one_message_fits_always() {
        let half = BYTES_MAX / 2;
        let mut queue = Queue::new(2);
        assert!(queue.push(refused("acme", 1, half - 1)));
        assert!(!queue.push(refused("acme", 2, 2)));
        assert!(queue.push(refused("acme", 2, 1)));
        assert!(queue.push(refused("globex", 3, half)));
        queue.pop().unwrap();
        assert!(queue.push(refused("acme", 4, half - 1)));
        let mut crowded = Queue::new(100_000);
        for tenant in ["acme", "globex"] {
            assert!(crowded.push(refused(tenant, 1, MESSAGE_BYTES_MAX)));
            assert!(!crowded.push(refused(tenant, 2, 1)));
        }
    }
}
