//! The order of work in a lane: what waits, what is with the worker, what must be tried alone. Pure.

use crate::link::{AnswerHead, BUDGET_CHANNEL, Condemned, Reason, WorkHead};
use bytes::Bytes;
use spokegate_contract::SatelliteId;
use std::collections::VecDeque;

/// Messages with a worker at once.
const WINDOW_MESSAGES: usize = 64;
/// Bytes with a worker at once; one message always fits.
const WINDOW_BYTES: usize = 512 * 1024;

/// Messages that wait; ingest hands over fewer at once, so more only come when it was replaced again and again.
const WAITING_MESSAGES_MAX: usize = 1_000;
/// Bytes that wait.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The broker says it, not the satellite.
pub(super) const PRESENCE: &str = "presence";

/// A message and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) work: WorkHead,
    pub(super) payload: Bytes,
    /// A worker was lost while it had this message, or its refusal is in doubt: it goes alone.
    pub(super) suspect: bool,
}

/// The work of one lane.
#[derive(Debug, Default)]
pub(super) struct Window {
    waiting: VecDeque<Item>,
    waiting_bytes: usize,
    with_worker: VecDeque<Item>,
    bytes: usize,
    /// How many at the front, with the worker or waiting, go one by one.
    alone: usize,
}

impl Window {
    /// Adds a message at the end; says its token again when too much waits.
    pub(super) fn add(&mut self, item: Item) -> Result<(), u64> {
        let bytes = self.waiting_bytes.saturating_add(item.payload.len());
        if self.waiting.len() >= WAITING_MESSAGES_MAX || bytes > WAITING_BYTES_MAX {
            return Err(item.work.token);
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(item);
        Ok(())
    }

    /// Hands out the next message for the worker, if the window has room.
    pub(super) fn next(&mut self) -> Option<&Item> {
        let most = if self.alone > 0 { 1 } else { WINDOW_MESSAGES };
        let size = self.waiting.front()?.payload.len();
        let full = self.bytes.saturating_add(size) > WINDOW_BYTES;
        if self.with_worker.len() >= most || (full && !self.with_worker.is_empty()) {
            return None;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(size);
        self.with_worker.push_back(self.waiting.pop_front()?);
        self.with_worker.back()
    }

    /// Takes out the message that the worker answered with so many bytes; nothing when it answers out of turn, or with
    /// more than the message can have become.
    pub(super) fn answered(&mut self, token: u64, bytes: usize) -> Option<Item> {
        let first = self.with_worker.front()?;
        if first.work.token != token || bytes > AnswerHead::bytes_max(first.payload.len()) {
            return None;
        }
        let item = self.with_worker.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.payload.len());
        self.alone = self.alone.saturating_sub(1);
        Some(item)
    }

    /// The worker is gone, and all it had are suspects. They are tried again, one by one; a suspect that is lost with a
    /// worker which was given nothing else (`fresh`) is condemned: what an earlier message has left in a worker is no
    /// fault of a later one. A message that breaks a fresh worker although it is condemned is given up and returned.
    pub(super) fn lost(&mut self, reason: Reason, fresh: bool) -> Option<Item> {
        self.bytes = 0;
        self.alone = self.alone.max(self.with_worker.len());
        let guilty = fresh && self.with_worker.len() == 1;
        while let Some(mut item) = self.with_worker.pop_back() {
            if guilty && item.work.condemned.is_some() {
                self.alone = self.alone.saturating_sub(1);
                return Some(item);
            }
            if guilty && item.suspect {
                item.work.condemned = Some(Condemned {
                    reason,
                    rule: reason.as_str().to_owned(),
                });
            }
            item.suspect = true;
            self.wait_first(item);
        }
        None
    }

    /// Puts a message back that the worker has just answered, and all that the worker has after it: the next worker gets
    /// it first, and alone.
    pub(super) fn put_back(&mut self, mut item: Item) {
        while let Some(later) = self.with_worker.pop_back() {
            self.wait_first(later);
        }
        self.bytes = 0;
        item.suspect = true;
        self.alone = self.alone.saturating_add(1);
        self.wait_first(item);
    }

    fn wait_first(&mut self, item: Item) {
        self.waiting_bytes = self.waiting_bytes.saturating_add(item.payload.len());
        self.waiting.push_front(item);
    }

    /// Takes out what waits of a satellite, but for what is condemned already: a worker only writes that down.
    pub(super) fn take_out(&mut self, satellite: &SatelliteId) -> Vec<Item> {
        let stays = |item: &Item| {
            item.work.satellite != *satellite
                || item.work.condemned.is_some()
                || [PRESENCE, BUDGET_CHANNEL].contains(&item.work.channel.as_str())
        };
        let (kept, out): (VecDeque<Item>, VecDeque<Item>) =
            self.waiting.drain(..).partition(|item| stays(item));
        self.waiting = kept;
        for item in &out {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(item.payload.len());
            // Suspects are what goes one by one.
            if item.suspect {
                self.alone = self.alone.saturating_sub(1);
            }
        }
        out.into()
    }

    /// Messages with the worker.
    pub(super) fn with_worker(&self) -> usize {
        self.with_worker.len()
    }

    /// Messages that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes of the messages that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }
}

#[cfg(test)]
mod tests;
