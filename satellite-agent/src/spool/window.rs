//! Which kept messages are on their way, and when they go again. Pure: times come in.

use std::collections::VecDeque;
use std::time::Duration;

use spokegate_daemon::Backoff;

/// First and longest wait for an ack before everything unacknowledged is sent again.
const RESEND_MS_MIN: u64 = 5_000;
const RESEND_MS_MAX: u64 = 120_000;

/// The unacknowledged messages of this connection, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Window {
    bytes_max: u64,
    bytes: u64,
    sent: VecDeque<(i64, u64)>,
    /// The id after which the next message is read.
    cursor: i64,
    backoff: Backoff,
}

impl Window {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let backoff = Backoff::new(RESEND_MS_MIN, RESEND_MS_MAX);
        Self {
            bytes_max,
            bytes: 0,
            sent: VecDeque::new(),
            cursor: 0,
            backoff,
        }
    }

    /// Where to read on.
    pub(crate) fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Whether a message of this size may go now. One may always go, whatever its size.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.sent.is_empty() || self.bytes.saturating_add(bytes) <= self.bytes_max
    }

    /// Notes that a message went.
    pub(crate) fn sent(&mut self, id: i64, bytes: u64) {
        self.sent.push_back((id, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        self.cursor = id;
    }

    /// Notes that everything up to `id` is gone from the spool; answers whether that was news.
    pub(crate) fn acked(&mut self, id: i64) -> bool {
        let before = self.sent.len();
        while let Some((first, bytes)) = self.sent.front().copied()
            && first <= id
        {
            self.sent.pop_front();
            self.bytes = self.bytes.saturating_sub(bytes);
            self.backoff.reset();
        }
        self.cursor = self.cursor.max(id);
        self.sent.len() < before
    }

    /// Whether anything waits for its ack.
    pub(crate) fn waits(&self) -> bool {
        !self.sent.is_empty()
    }

    /// How long to wait for an ack from now on, before [`Self::rewind`].
    pub(crate) fn next_wait(&mut self) -> Duration {
        self.backoff.next_delay()
    }

    /// Starts over from the oldest message that the spool still has.
    pub(crate) fn rewind(&mut self) {
        self.sent.clear();
        self.bytes = 0;
        self.cursor = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unacked_bytes_are_bounded_but_one_message_always_goes() {
        let mut window = Window::new(100);
        assert!(window.has_room(500));
        window.sent(1, 500);
        assert!(!window.has_room(1));
        window.acked(1);
        window.sent(2, 60);
        assert!(window.has_room(40));
        assert!(!window.has_room(41));
    }

    #[test]
    fn acks_are_cumulative_and_old_ones_change_nothing() {
        let mut window = Window::new(100);
        for id in 1..=3 {
            window.sent(id, 10);
        }
        window.acked(2);
        assert!(window.waits());
        assert_eq!(window.bytes, 10);
        window.acked(1);
        assert_eq!(window.bytes, 10);
        window.acked(3);
        assert!(!window.waits());
        assert_eq!((window.bytes, window.cursor()), (0, 3));
    }

    #[test]
    fn a_rewind_reads_from_the_oldest_again() {
        let mut window = Window::new(100);
        window.sent(7, 90);
        window.rewind();
        assert!(!window.waits() && window.has_room(90));
        assert_eq!(window.cursor(), 0);
    }

    #[test]
    fn waits_grow_until_an_ack_comes() {
        let mut window = Window::new(100);
        window.sent(1, 10);
        let waits: Vec<_> = (0..8).map(|_| window.next_wait()).collect();
        assert!(waits[0] <= Duration::from_millis(RESEND_MS_MIN));
        assert!(waits[7] > Duration::from_millis(RESEND_MS_MAX / 2 - 1));
        assert!(
            waits
                .iter()
                .all(|wait| *wait <= Duration::from_millis(RESEND_MS_MAX))
        );
        window.acked(0);
        assert!(
            window.next_wait() > Duration::from_millis(RESEND_MS_MIN),
            "no progress, no reset"
        );
        window.acked(1);
        assert!(window.next_wait() <= Duration::from_millis(RESEND_MS_MIN));
    }
}
