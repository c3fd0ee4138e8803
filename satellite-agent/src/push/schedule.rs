//! Asks a source on a timer and pushes its answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use spokegate_contract::limits::{CHUNK_BYTES_MAX, CHUNK_ROWS_MAX};
use spokegate_contract::{DatasetId, Failure, FailureClass, Shape, cbor};
use spokegate_daemon::Clock;
use tokio_util::sync::CancellationToken;

use crate::bindings::Binding;
use crate::jitter;
use crate::source::Source;
use crate::spool::{NewMessage, Spool};

pub(crate) struct Schedule {
    pub(crate) dataset: DatasetId,
    pub(crate) binding: Binding,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) every: Duration,
    /// Each time but the first may be this much later.
    pub(crate) jitter: Duration,
    pub(crate) spool: Arc<Spool>,
    pub(crate) clock: Clock,
    pub(crate) soft: CancellationToken,
}

impl Schedule {
    /// Runs until the soft token is cancelled; the first time is now.
    pub(crate) async fn run(self) {
        let mut timer = tokio::time::interval(self.every);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut later = Duration::ZERO;
        let mut next = async || {
            timer.tick().await;
            tokio::time::sleep(later).await;
            later = jitter::up_to(self.jitter);
        };
        while self.soft.run_until_cancelled(next()).await.is_some() {
            let Some(result) = self.soft.run_until_cancelled(self.once()).await else {
                return;
            };
            let (outcome, dataset) = (
                if result.is_ok() { "stored" } else { "failed" },
                &self.dataset,
            );
            metrics::counter!("spokegate_agent_scheduled_total", "outcome" => outcome).increment(1);
            if let Err(failure) = result {
                tracing::warn!(%dataset, error = %failure, "a scheduled push failed, trying again at its next time");
            }
        }
    }

    async fn once(&self) -> Result<(), Failure> {
        let asked_at_ms = self.clock.now_ms();
        let (body, captured_at_ms) = collect(self.source.as_ref(), self.binding.shape).await?;
        let message = NewMessage {
            dataset: self.dataset.clone(),
            version: self.binding.version,
            shape: self.binding.shape,
            captured_at_ms: captured_at_ms.unwrap_or(asked_at_ms),
            body: body.into(),
        };
        let stored = self.spool.append(&message).await;
        stored
            .map(drop)
            .map_err(|error| Failure::new(FailureClass::SourceError, &error.to_string()))
    }
}

/// The whole answer as one body, if it fits one push; and when it was taken, if it was in memory.
async fn collect(source: &dyn Source, shape: Shape) -> Result<(Vec<u8>, Option<u64>), Failure> {
    let params = Map::new();
    let mut answer = source.ask(&params).await?;
    let captured_at_ms = answer.captured_at_ms();
    let (mut rows, mut count) = (Vec::new(), 0);
    while let Some(batch) = answer.next().await? {
        for row in batch.rows() {
            count += 1;
            rows.extend_from_slice(row);
            // Three bytes for the array's head.
            if rows.len() > CHUNK_BYTES_MAX - 3 || count > CHUNK_ROWS_MAX {
                return Err(Failure::new(
                    FailureClass::TooLarge,
                    &format!(
                        "the answer has more than {CHUNK_ROWS_MAX} rows or {CHUNK_BYTES_MAX} bytes; \
                         hint: let it be pulled instead"
                    ),
                ));
            }
        }
    }
    let body = match shape {
        Shape::Document => rows,
        Shape::Rows => {
            let mut body = Vec::with_capacity(rows.len() + 3);
            cbor::Writer::new(&mut body).array(count);
            body.extend_from_slice(&rows);
            body
        }
    };
    Ok((body, captured_at_ms))
}
