//! Pulls under way: who waits for which request, and what has come for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use spokegate_contract::limits::CREDIT_CHUNKS;
use spokegate_contract::record::Data;
use spokegate_contract::{Address, DatasetId, Failure, FailureClass, RequestId, TenantId};
use tokio::sync::mpsc;

/// Most pulls under way at once.
pub(crate) const PULLS_MAX: usize = 4_096;
/// Chunks that wait to be taken: as many as credit allows, and one event beyond them.
const EVENTS_MAX: usize = CREDIT_CHUNKS as usize + 2;

/// Something that came for a pull.
#[derive(Debug)]
pub(crate) enum PullEvent {
    /// A chunk: a JSON array of rows.
    Rows {
        body: Bytes,
        /// When they were taken, where the satellite had them in memory: its word, in milliseconds since 1970.
        captured_at_ms: Option<u64>,
        last: bool,
    },
    /// The whole answer: a JSON object.
    Document {
        body: Bytes,
        /// As with rows.
        captured_at_ms: Option<u64>,
    },
    /// There will be no answer.
    Failure(Failure),
    /// The sanitizer knows nothing of this pull any more: what has come of it is void, and it is to be asked again.
    Forgotten,
}

/// What an answer must fit.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) sanitizer: usize,
    pub(crate) address: Address,
    pub(crate) dataset: DatasetId,
    pub(crate) version: u16,
    /// When it was asked, in milliseconds since 1970.
    pub(crate) asked_ms: u64,
}

struct Entry {
    expected: Expected,
    next_sequence: u64,
    events: mpsc::Sender<PullEvent>,
}

/// The table of pulls under way. Cloning shares it.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<HashMap<RequestId, Entry>>>);

/// A part of an answer, as it came.
pub(crate) struct Chunk<'a> {
    pub(crate) id: RequestId,
    pub(crate) sequence: u64,
    pub(crate) dataset: (&'a DatasetId, u16),
    pub(crate) captured_at_ms: Option<u64>,
    pub(crate) data: &'a Data<'a>,
    pub(crate) last: bool,
}

/// What became of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// Handed to the pull that waits for it.
    Yes,
    /// Nobody waits for it (any more).
    Unknown,
    /// It came twice.
    Repeat,
    /// It names another satellite, dataset or version than the request did.
    Foreign,
}

impl Waiting {
    /// Enters a pull; `None` when too many are under way.
    pub(crate) fn enter(
        &self,
        id: RequestId,
        expected: Expected,
    ) -> Option<mpsc::Receiver<PullEvent>> {
        let mut table = self.table();
        if table.len() >= PULLS_MAX {
            return None;
        }
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        table.insert(
            id,
            Entry {
                expected,
                next_sequence: 0,
                events,
            },
        );
        Some(receiver)
    }

    /// Forgets a pull; `true` when it had not ended by itself.
    pub(crate) fn leave(&self, id: RequestId) -> bool {
        self.table().remove(&id).is_some()
    }

    /// Hands a chunk to its pull. `own` turns borrowed text into bytes that outlive the batch.
    pub(crate) fn chunk(
        &self,
        from: (usize, &Address),
        chunk: &Chunk<'_>,
        own: impl Fn(&str) -> Bytes,
    ) -> Delivered {
        let mut table = self.table();
        let Some(entry) = table.get_mut(&chunk.id) else {
            return Delivered::Unknown;
        };
        let expected = &entry.expected;
        if (expected.sanitizer, &expected.address) != from
            || (&expected.dataset, expected.version) != chunk.dataset
        {
            return Delivered::Foreign;
        }
        if chunk.sequence < entry.next_sequence {
            return Delivered::Repeat;
        }
        let (event, last) = match chunk.data {
            _ if chunk.sequence > entry.next_sequence => (
                PullEvent::Failure(Failure::new(
                    FailureClass::Invalid,
                    "a part of the answer is missing",
                )),
                true,
            ),
            Data::Rows(rows) => (
                PullEvent::Rows {
                    body: own(rows.get()),
                    captured_at_ms: chunk.captured_at_ms,
                    last: chunk.last,
                },
                chunk.last,
            ),
            Data::Document(document) => (
                PullEvent::Document {
                    body: own(document.get()),
                    captured_at_ms: chunk.captured_at_ms,
                },
                true,
            ),
        };
        entry.next_sequence += 1;
        // Credit bounds what may come, so that a full queue means a peer that does not keep to it: the pull ends.
        let full = entry.events.try_send(event).is_err();
        if full || last {
            table.remove(&chunk.id);
        }
        Delivered::Yes
    }

    /// Hands a failure to its pull, which ends.
    pub(crate) fn failure(
        &self,
        from: (usize, &Address),
        id: RequestId,
        failure: Failure,
    ) -> Delivered {
        let mut table = self.table();
        let Some(entry) = table.get(&id) else {
            return Delivered::Unknown;
        };
        if (entry.expected.sanitizer, &entry.expected.address) != from {
            return Delivered::Foreign;
        }
        let failure = Failure::new(failure.class, &failure.detail);
        // Should the queue be full, the pull ends all the same: its sender is dropped here.
        let _ = entry.events.try_send(PullEvent::Failure(failure));
        table.remove(&id);
        Delivered::Yes
    }

    /// A sanitizer started anew, or serves a tenant no longer: what it was asked before is lost.
    pub(crate) fn forgotten_by(&self, sanitizer: usize, tenant: Option<&TenantId>) {
        self.table().retain(|_, entry| {
            let expected = &entry.expected;
            let whose = tenant.is_none_or(|tenant| expected.address.tenant == *tenant);
            let lost = expected.sanitizer == sanitizer && whose;
            if lost {
                // A full queue ends the pull as well: its sender is dropped here.
                let _ = entry.events.try_send(PullEvent::Forgotten);
            }
            !lost
        });
    }

    /// A satellite went away: what it was asked before that will not be answered.
    pub(crate) fn gone(&self, address: &Address, at_ms: u64) {
        self.table().retain(|_, entry| {
            let lost = entry.expected.address == *address && entry.expected.asked_ms <= at_ms;
            if lost {
                let failure =
                    Failure::new(FailureClass::Offline, "it went away while it was asked");
                // A full queue ends the pull as well: its sender is dropped here.
                let _ = entry.events.try_send(PullEvent::Failure(failure));
            }
            !lost
        });
    }

    /// How many pulls are under way.
    pub(crate) fn len(&self) -> usize {
        self.table().len()
    }

    fn table(&self) -> MutexGuard<'_, HashMap<RequestId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
