//! What a lane still has of a tenant's messages, whatever became of the connections that brought them. Pure.

use std::collections::HashMap;

/// Messages that a lane may have; at this number the session stops reading.
pub(super) const LANE_MESSAGES_MAX: usize = 400;
/// Bytes of messages that a lane may have; the message that reaches it still passes.
pub(super) const LANE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Messages handed to the lane that have not left it.
#[derive(Debug, Default)]
pub(super) struct Handed {
    sizes: HashMap<u64, usize>,
    bytes: usize,
}

impl Handed {
    /// A message goes to the lane.
    pub(super) fn add(&mut self, token: u64, size: usize) {
        if self.sizes.insert(token, size).is_none() {
            self.bytes = self.bytes.saturating_add(size);
        }
    }

    /// A message has left the lane; one of an earlier process changes nothing.
    pub(super) fn done(&mut self, token: u64) {
        if let Some(size) = self.sizes.remove(&token) {
            self.bytes = self.bytes.saturating_sub(size);
        }
    }

    /// Whether the lane may get no more for now.
    pub(super) fn is_full(&self) -> bool {
        self.sizes.len() >= LANE_MESSAGES_MAX || self.bytes >= LANE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(count: usize, size: usize) -> Handed {
        let mut handed = Handed::default();
        (0..count).for_each(|token| handed.add(token as u64, size));
        handed
    }

    #[test]
    fn messages_and_bytes_are_bounded() {
        assert!(!filled(LANE_MESSAGES_MAX - 1, 1).is_full());
        assert!(filled(LANE_MESSAGES_MAX, 1).is_full());
        assert!(!filled(1, LANE_BYTES_MAX - 1).is_full());
        assert!(filled(1, LANE_BYTES_MAX).is_full());
        assert!(filled(64, 128 * 1024).is_full());
        assert!(!filled(63, 128 * 1024).is_full());
    }

    #[test]
    fn only_what_left_the_lane_makes_room_and_only_once() {
        let mut handed = filled(64, 128 * 1024);
        handed.done(1_000);
        assert!(handed.is_full());
        handed.done(3);
        assert!(!handed.is_full());
        handed.done(3);
        handed.add(3, 128 * 1024);
        assert!(handed.is_full());
        (0..64).for_each(|token| handed.done(token));
        assert_eq!(handed.bytes, 0);
    }
}
