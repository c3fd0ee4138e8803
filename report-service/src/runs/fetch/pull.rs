//! One satellite's part of a need, by a pull.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use spokegate_contract::{Address, Failure, FailureClass};

use super::gathered::Gathered;
use super::{Fetcher, Piece};
use crate::relay::{PullEvent, PullOrder, PullStream};
use crate::render::Chunk;
use crate::runs::bounds::Bounds;

/// How often a pull is asked when the sanitizer starts anew or dies under it, within its deadline.
const ATTEMPTS_MAX: u32 = 8;
/// What the satellite gets less than the centre waits, so that its own word on a time-out can arrive.
const RETURN_MS: u64 = 500;

impl Fetcher {
    /// One satellite's part, asked again when the sanitizer lost it.
    pub(super) async fn pull(
        &self,
        job: &Piece<'_>,
        address: &Address,
        deadline_ms: u64,
        gathered: Gathered,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Gathered, Failure> {
        let began = tokio::time::Instant::now();
        let order = PullOrder {
            address: address.clone(),
            dataset: job.contract.dataset.id.clone(),
            version: job.contract.dataset.version,
            params: job.params.clone(),
            deadline_ms: deadline_ms.saturating_sub(RETURN_MS.min(job.timeout_ms / 2)),
        };
        let left = deadline_ms.saturating_sub(self.clock.now_ms());
        let work = self.attempts(job, &order, gathered, progress);
        let pulled = match tokio::time::timeout(std::time::Duration::from_millis(left), work).await
        {
            Ok(pulled) => pulled,
            Err(_) => Err(Failure::new(
                FailureClass::Timeout,
                &format!("satellite {}", address.satellite),
            )),
        };
        let outcome = pulled
            .as_ref()
            .map_or_else(|failure| failure.class.as_str(), |_| "ok");
        let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
        metrics::histogram!("spokegate_reports_pull_duration_ms", "outcome" => outcome)
            .record(took_ms);
        pulled
    }

    async fn attempts(
        &self,
        job: &Piece<'_>,
        order: &PullOrder,
        mut gathered: Gathered,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Gathered, Failure> {
        let before = gathered.mark();
        for _ in 0..ATTEMPTS_MAX {
            gathered.back_to(&before);
            let mut stream = self.relay.pull(order).await?;
            if self
                .drain(job, &mut stream, &mut gathered, progress)
                .await?
            {
                return Ok(gathered);
            }
        }
        Err(Failure::new(
            FailureClass::Offline,
            "the sanitizer keeps starting anew",
        ))
    }

    /// Takes every chunk; `false` when the sanitizer lost the pull.
    async fn drain(
        &self,
        job: &Piece<'_>,
        stream: &mut PullStream,
        gathered: &mut Gathered,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<bool, Failure> {
        let mut parsing = FuturesOrdered::new();
        let mut bounds = Bounds::new(job.contract.dataset.limits);
        let mut ended = false;
        while !ended || !parsing.is_empty() {
            tokio::select! {
                biased;
                Some(rows) = parsing.next() => {
                    let chunk: Chunk = rows?;
                    bounds.rows(chunk.rows)?;
                    gathered.add(chunk)?;
                    stream.taken();
                    progress(gathered.rows);
                }
                event = stream.next(), if !ended => match event {
                    PullEvent::Rows { body, captured_at_ms, last } => {
                        ended = last;
                        gathered.captured(captured_at_ms);
                        bounds.bytes(body.len())?;
                        gathered.note(&body)?;
                        parsing.push_back(self.rows(Arc::clone(&job.contract), body));
                    }
                    PullEvent::Document { body, captured_at_ms } => {
                        gathered.captured(captured_at_ms);
                        self.whole(job, gathered, body).await?;
                        return Ok(true);
                    }
                    PullEvent::Failure(failure) => return Err(failure),
                    PullEvent::Forgotten => return Ok(false),
                },
            }
        }
        Ok(true)
    }
}
