//! What a record of each lane is for: a part of a pull, or something to store.

use std::sync::Arc;

use bytes::Bytes;
use spokegate_contract::limits::CLOCK_SKEW_MS_MAX;
use spokegate_contract::record::{Content, Data, Lane, Record};
use spokegate_relay::{Intake, LineFault};

use super::Shared;
use super::intake::{self, Taken};
use super::waiting::{Chunk, Delivered};

/// The report service's share in one lane of one sanitizer.
pub(super) struct Share {
    shared: Arc<Shared>,
    sanitizer: usize,
    lane: Lane,
}

impl Share {
    pub(super) fn new(shared: Arc<Shared>, sanitizer: usize, lane: Lane) -> Self {
        Self {
            shared,
            sanitizer,
            lane,
        }
    }
}

impl Intake for Share {
    type Taken = Taken;

    fn lane(&self) -> Lane {
        self.lane
    }

    fn restarted(&self) {
        if self.lane == Lane::Reply {
            tracing::warn!(
                sanitizer = self.sanitizer,
                "the sanitizer started anew; pulls under way are asked again"
            );
            self.shared.waiting.forgotten_by(self.sanitizer, None);
        }
    }

    fn take(
        &self,
        mut record: Record<'_>,
        own: &dyn Fn(&str) -> Bytes,
        taken: &mut Vec<Taken>,
    ) -> Result<(), LineFault> {
        let Shared {
            waiting, around, ..
        } = self.shared.as_ref();
        if !around.tenants.contains(&record.address.tenant) {
            return Err(LineFault::ForeignTenant);
        }
        // What a clock that runs ahead says must not outdate all that comes after it.
        let latest_ms = around.clock.now_ms().saturating_add(CLOCK_SKEW_MS_MAX);
        record.at_ms = record.at_ms.min(latest_ms);
        if let (Lane::Status, Content::Presence { online: false }) = (self.lane, &record.content) {
            waiting.gone(&record.address, record.at_ms);
        }
        match (self.lane, &record.content) {
            (Lane::Reply, _) => self.deliver(&record, own),
            (Lane::Push, Content::Push { data, .. }) => {
                let (Data::Rows(body) | Data::Document(body)) = data;
                let body = own(body.get());
                taken.push(Taken::push(&around.contracts, record, body));
                Ok(())
            }
            (
                Lane::Status,
                Content::Hello { .. }
                | Content::Status { .. }
                | Content::Presence { .. }
                | Content::Budget { .. },
            )
            | (Lane::Quarantine, Content::Quarantine(_)) => {
                taken.extend(Taken::other(record));
                Ok(())
            }
            _ => Err(self.misplaced()),
        }
    }

    async fn store(&self, taken: Vec<Taken>) -> anyhow::Result<()> {
        intake::store(&self.shared, self.sanitizer, taken).await
    }
}

impl Share {
    /// Hands a record of the lane `reply` to the pull that waits for it.
    fn deliver(&self, record: &Record<'_>, own: &dyn Fn(&str) -> Bytes) -> Result<(), LineFault> {
        let from = (self.sanitizer, &record.address);
        let delivered = match &record.content {
            Content::Reply {
                id,
                sequence,
                dataset,
                captured_at_ms,
                data,
                last,
            } => {
                let chunk = Chunk {
                    id: *id,
                    sequence: *sequence,
                    dataset: (&dataset.0, dataset.1),
                    captured_at_ms: *captured_at_ms,
                    data,
                    last: *last,
                };
                self.shared.waiting.chunk(from, &chunk, own)
            }
            Content::Failed { id, failure } => {
                self.shared.waiting.failure(from, *id, failure.clone())
            }
            _ => return Err(self.misplaced()),
        };
        match delivered {
            Delivered::Yes => Ok(()),
            Delivered::Foreign => Err(LineFault::Record("an answer that was not asked for".into())),
            Delivered::Unknown | Delivered::Repeat => {
                metrics::counter!("spokegate_reports_replies_dropped_total").increment(1);
                Ok(())
            }
        }
    }

    fn misplaced(&self) -> LineFault {
        LineFault::Record(format!("not a record of the lane {}", self.lane.as_str()))
    }
}
