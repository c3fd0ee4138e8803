//! Which kept messages go next, which are on their way, and when they go again. Pure: times come in.
//!
//! Within a dataset messages go in order. Between datasets the one goes first that has had least, so that what one flow piled
//! up does not hold back the others; but only within a part of the window, because the centre acknowledges in order of the
//! numbers, and what went ahead waits for that. The window opens with what is acknowledged and closes when nothing is: many
//! satellites that come back at once do not send more than the centre takes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use spokegate_daemon::Backoff;

use super::Head;

/// First and longest wait for an ack before everything unacknowledged is sent again.
const RESEND_MS_MIN: u64 = 5_000;
const RESEND_MS_MAX: u64 = 120_000;
/// The window of a new connection.
const FIRST_BYTES: u64 = 32_768;
/// How far a dataset may be ahead of the oldest message, in numbers. The centre keeps 4,096 above a gap.
const AHEAD_MAX: u64 = 4_000;

/// The messages of this connection that are not acknowledged, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Window {
    bytes_max: u64,
    /// Grows to `bytes_max`.
    open_bytes: u64,
    sent: BTreeMap<u64, Sent>,
    sent_bytes: u64,
    ahead_bytes: u64,
    /// What may go, by dataset.
    lanes: BTreeMap<u16, Lane>,
    /// Messages up to here are in a lane, on their way or gone.
    known: u64,
    backoff: Backoff,
}

#[derive(Debug)]
struct Sent {
    bytes: u64,
    /// Before it stood messages that had not gone.
    is_ahead: bool,
}

#[derive(Debug, Default)]
struct Lane {
    heads: VecDeque<Head>,
    /// What it has had, in bytes.
    had: u64,
}

impl Window {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            open_bytes: FIRST_BYTES.min(bytes_max),
            sent: BTreeMap::new(),
            sent_bytes: 0,
            ahead_bytes: 0,
            lanes: BTreeMap::new(),
            known: 0,
            backoff: Backoff::new(RESEND_MS_MIN, RESEND_MS_MAX),
        }
    }

    /// After which message, and how many, the window wants to know; none when it looks far enough ahead.
    pub(crate) fn wants(&self) -> Option<(u64, usize)> {
        let oldest = self
            .oldest_waiting()
            .into_iter()
            .chain(self.sent.keys().next().copied())
            .min();
        let end = oldest.map_or(u64::MAX, |oldest| oldest.saturating_add(AHEAD_MAX));
        let known: usize = self.lanes.values().map(|lane| lane.heads.len()).sum();
        let room = (AHEAD_MAX as usize).saturating_sub(known);
        (self.known < end && room > 0).then_some((self.known, room))
    }

    /// Takes note of messages.
    pub(crate) fn learn(&mut self, heads: &[Head]) {
        for head in heads {
            let least = self.lanes.values().filter(|lane| !lane.heads.is_empty());
            let least = least.map(|lane| lane.had).min().unwrap_or(0);
            let lane = self.lanes.entry(head.dataset).or_default();
            if lane.heads.is_empty() {
                // Having had nothing to send gives no right to everything afterwards.
                lane.had = lane.had.max(least);
            }
            lane.heads.push_back(*head);
            self.known = self.known.max(head.id);
        }
    }

    fn oldest_waiting(&self) -> Option<u64> {
        let first = |lane: &Lane| lane.heads.front().map(|head| head.id);
        self.lanes.values().filter_map(first).min()
    }

    /// The message that goes now, noted as on its way; none when the window has no room.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let oldest = self.oldest_waiting()?;
        let fits = |lane: &&mut Lane| match lane.heads.front() {
            None => false,
            // It may always go, whatever its size, where only what is ahead of it is on its way.
            Some(head) if head.id == oldest => {
                self.sent_bytes == self.ahead_bytes
                    || self.sent_bytes + head.bytes <= self.open_bytes
            }
            Some(head) => {
                self.sent_bytes + head.bytes <= self.open_bytes
                    && self.ahead_bytes + head.bytes <= self.open_bytes / 2
                    && head.id <= oldest.saturating_add(AHEAD_MAX)
            }
        };
        let order = |lane: &&mut Lane| (lane.had, lane.heads.front().map(|head| head.id));
        let lane = self.lanes.values_mut().filter(fits).min_by_key(order)?;
        let head = lane.heads.pop_front()?;
        lane.had = lane.had.saturating_add(head.bytes);
        let (bytes, is_ahead) = (head.bytes, head.id != oldest);
        self.sent.insert(head.id, Sent { bytes, is_ahead });
        self.sent_bytes += bytes;
        self.ahead_bytes += if is_ahead { bytes } else { 0 };
        Some(head.id)
    }

    /// Notes that a message is not there any more.
    pub(crate) fn vanished(&mut self, id: u64) {
        self.forget(id);
    }

    fn forget(&mut self, id: u64) {
        if let Some(Sent { bytes, is_ahead }) = self.sent.remove(&id) {
            self.sent_bytes = self.sent_bytes.saturating_sub(bytes);
            self.ahead_bytes = self
                .ahead_bytes
                .saturating_sub(if is_ahead { bytes } else { 0 });
        }
    }

    /// Notes that everything up to `id` is gone from the spool; answers whether that was news.
    pub(crate) fn acked(&mut self, id: u64) -> bool {
        let before = self.sent_bytes;
        let gone: Vec<u64> = self.sent.range(..=id).map(|(id, _)| *id).collect();
        let is_news = !gone.is_empty();
        gone.into_iter().for_each(|id| self.forget(id));
        for lane in self.lanes.values_mut() {
            while lane.heads.front().is_some_and(|head| head.id <= id) {
                lane.heads.pop_front();
            }
        }
        self.known = self.known.max(id);
        if is_news {
            self.backoff.reset();
            // As much again as has arrived: it doubles with each round trip.
            let arrived = before.saturating_sub(self.sent_bytes);
            self.open_bytes = self.open_bytes.saturating_add(arrived).min(self.bytes_max);
        }
        is_news
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
        self.lanes.clear();
        (self.sent_bytes, self.ahead_bytes, self.known) = (0, 0, 0);
        self.open_bytes = (self.open_bytes / 2).max(FIRST_BYTES.min(self.bytes_max));
    }
}

#[cfg(test)]
mod tests;
