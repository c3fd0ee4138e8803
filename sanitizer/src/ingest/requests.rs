//! The open requests of one tenant: what an answer must match. Pure.

use crate::link::{Condemned, Reason};
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use spokegate_contract::envelope::{Part, Reply};
use spokegate_contract::limits::{PULL_BYTES_MAX, PULL_CHUNKS_MAX};
use spokegate_contract::{DatasetId, RequestId, SatelliteId};
use std::collections::HashMap;

/// A request that is open until its answer is whole or its deadline has passed.
pub(super) struct Open {
    pub(super) satellite: SatelliteId,
    pub(super) dataset: DatasetId,
    pub(super) version: u16,
    pub(super) deadline_ms: u64,
    /// The message as it was sent, for a satellite that reconnects.
    pub(super) payload: Bytes,
    next: u32,
    bytes: u64,
    digest: Context,
}

/// What becomes of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Matched {
    /// A worker judges it, or writes down why it is refused.
    Forward {
        dataset: DatasetId,
        version: u16,
        condemned: Option<Condemned>,
    },
    /// Nobody asked for it.
    Unmatched,
    /// It was seen before.
    Repeat,
}

/// All open requests.
#[derive(Default)]
pub(super) struct Requests(HashMap<RequestId, Open>);

impl Requests {
    /// Opens a request; false when it is open already.
    pub(super) fn open(
        &mut self,
        id: RequestId,
        (satellite, dataset, version): (SatelliteId, DatasetId, u16),
        deadline_ms: u64,
        payload: Bytes,
    ) -> bool {
        if self.0.contains_key(&id) {
            return false;
        }
        let digest = Context::new(&SHA256);
        self.0.insert(
            id,
            Open {
                satellite,
                dataset,
                version,
                deadline_ms,
                payload,
                next: 0,
                bytes: 0,
                digest,
            },
        );
        true
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Forgets a request.
    pub(super) fn close(&mut self, id: &RequestId) -> Option<Open> {
        self.0.remove(id)
    }

    /// Forgets all of them.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Forgets what is past its deadline; returns how many.
    pub(super) fn expire(&mut self, now_ms: u64) -> usize {
        let before = self.0.len();
        self.0.retain(|_, open| open.deadline_ms > now_ms);
        before.saturating_sub(self.0.len())
    }

    /// Requests of a satellite to which nothing has come yet.
    pub(super) fn unanswered<'s>(
        &'s self,
        satellite: &'s SatelliteId,
    ) -> impl Iterator<Item = &'s Open> {
        self.0
            .values()
            .filter(move |open| open.satellite == *satellite && open.next == 0)
    }

    /// Requests to which nothing has come yet.
    pub(super) fn all_unanswered(&self) -> impl Iterator<Item = &Open> {
        self.0.values().filter(|open| open.next == 0)
    }

    /// Matches a reply of a satellite against the open requests and moves them on.
    pub(super) fn take(&mut self, satellite: &SatelliteId, reply: &Reply, now_ms: u64) -> Matched {
        let Some(open) = self
            .0
            .get_mut(&reply.id)
            .filter(|open| open.satellite == *satellite)
        else {
            return Matched::Unmatched;
        };
        if open.deadline_ms <= now_ms {
            self.0.remove(&reply.id);
            return Matched::Unmatched;
        }
        if reply.sequence < open.next {
            return Matched::Repeat;
        }
        let (condemned, last) = open.advance(reply);
        let (dataset, version) = (open.dataset.clone(), open.version);
        if last || condemned.is_some() {
            self.0.remove(&reply.id);
        }
        Matched::Forward {
            dataset,
            version,
            condemned,
        }
    }
}

impl Open {
    /// Checks the order and the whole's limits; tells also whether nothing may follow.
    fn advance(&mut self, reply: &Reply) -> (Option<Condemned>, bool) {
        let refuse = |reason: Reason, rule: &str| {
            (
                Some(Condemned {
                    reason,
                    rule: rule.to_owned(),
                }),
                true,
            )
        };
        let (body, last) = match &reply.part {
            // A failure ends the answer wherever it stands.
            Part::Failure(_) => return (None, true),
            Part::Rows { body, last } => (body, last.as_ref()),
            Part::Document { body } => (body, None),
        };
        if reply.sequence > self.next {
            return refuse(Reason::Sequence, "sequence");
        }
        self.next = self.next.saturating_add(1);
        self.bytes = self.bytes.saturating_add(body.len() as u64);
        if self.next > PULL_CHUNKS_MAX {
            return refuse(Reason::TooLarge, "chunks");
        }
        if self.bytes > PULL_BYTES_MAX {
            return refuse(Reason::TooLarge, "bytes");
        }
        self.digest.update(body);
        match last {
            Some(expected) if self.digest.clone().finish().as_ref() != expected => {
                refuse(Reason::Digest, "digest")
            }
            Some(_) => (None, true),
            None => (None, matches!(reply.part, Part::Document { .. })),
        }
    }
}

#[cfg(test)]
mod tests;
