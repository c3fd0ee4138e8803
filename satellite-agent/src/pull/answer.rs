//! One answer, from the request to its last chunk or its failure.

use std::sync::Arc;
use std::time::Duration;

use spokegate_contract::envelope::{Part, PullRequest, Reply};
use spokegate_contract::{DatasetId, Envelope, Failure, FailureClass, Shape};
use tokio::sync::watch;

use super::chunker::{Chunk, Chunker, TooLarge};
use super::credit::Credit;
use super::{Shared, deadline, failure};
use crate::bindings::{Missing, listed};
use crate::link::{Gone, Session};
use crate::source::{Answer, Source, params};
use crate::uplink::Uplink;

/// How long the news of a failure may wait for a connection.
const FAILURE_MS_MAX: u64 = 60_000;

pub(super) struct Job {
    shared: Arc<Shared>,
    dataset: DatasetId,
    request: PullRequest,
    credits: watch::Receiver<Credit>,
    uplink: Uplink,
    /// The connection that carries the answer: all of it or none.
    session: Option<Session>,
    /// When the data was taken, if it was in memory.
    captured_at_ms: Option<u64>,
    /// The number of the next part.
    sequence: u32,
    rows: u64,
}

impl Job {
    pub(super) fn new(
        shared: Arc<Shared>,
        dataset: DatasetId,
        request: PullRequest,
        credits: watch::Receiver<Credit>,
    ) -> Self {
        let uplink = shared.uplink.clone();
        Self {
            shared,
            dataset,
            request,
            credits,
            uplink,
            session: None,
            captured_at_ms: None,
            sequence: 0,
            rows: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let started_ms = self.shared.clock.monotonic_ms();
        let result = match deadline::budget_ms(self.request.deadline_ms, self.shared.clock.now_ms())
        {
            Ok(budget_ms) => {
                match tokio::time::timeout(Duration::from_millis(budget_ms), self.answer()).await {
                    Ok(result) => result,
                    Err(_) => Err(self.late()),
                }
            }
            Err(failure) => Err(failure),
        };
        let duration_ms = self.shared.clock.monotonic_ms().saturating_sub(started_ms);
        let outcome = result
            .as_ref()
            .err()
            .map_or("answered", |failure| failure.class.as_str());
        metrics::counter!("spokegate_agent_pulls_total", "outcome" => outcome).increment(1);
        metrics::histogram!("spokegate_agent_pull_duration_ms").record(duration_ms as f64);
        let (id, dataset, rows) = (self.request.id, self.dataset.clone(), self.rows);
        match result {
            Ok(()) => {
                tracing::debug!(message.id = %id, %dataset, rows, duration_ms, "a pull was answered")
            }
            Err(failure) => {
                tracing::warn!(message.id = %id, %dataset, rows, duration_ms, error = %failure, "a pull failed");
                self.fail(failure).await;
            }
        }
    }

    async fn answer(&mut self) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let (source, shape) = self.find_source(&shared)?;
        let params = params::decode(&self.request.params)
            .map_err(|error| Failure::new(FailureClass::Refused, &error.to_string()))?;
        let place = shared.shares.place(&self.dataset, self.request.version);
        let _place = place.await.ok_or_else(|| busy(&self.dataset))?;
        let answer = source.ask(&params).await?;
        self.captured_at_ms = answer.captured_at_ms();
        match shape {
            Shape::Rows => self.send_rows(answer).await,
            Shape::Document => self.send_document(answer).await,
        }
    }

    fn find_source<'a>(&self, shared: &'a Shared) -> Result<(&'a dyn Source, Shape), Failure> {
        let refused = |detail: String| Err(Failure::new(FailureClass::Refused, &detail));
        let (dataset, wanted) = (&self.dataset, self.request.version);
        let binding = match shared.bindings.find(dataset, Some(wanted)) {
            Ok(binding) => binding,
            Err(Missing::Version(has) | Missing::Unsaid(has)) => {
                return refused(format!(
                    "this satellite supplies version {} of {dataset}, not version {wanted}",
                    listed(&has)
                ));
            }
            Err(Missing::Dataset) => {
                return refused(format!(
                    "this satellite has no source for {dataset}; hint: add a [[source]] to its agent's configuration"
                ));
            }
        };
        match &binding.source {
            Some(source) => Ok((source.as_ref(), binding.shape)),
            None => refused(format!(
                "flows of this satellite push {dataset}; it cannot be pulled"
            )),
        }
    }

    async fn send_rows(&mut self, mut answer: Box<dyn Answer>) -> Result<(), Failure> {
        let mut chunker = Chunker::new();
        while let Some(batch) = answer.next().await? {
            for row in batch.rows() {
                if let Some(chunk) = chunker.push(row).map_err(too_large)? {
                    self.send_chunk(chunk).await?;
                }
            }
            self.rows = chunker.rows();
        }
        let last = chunker.finish().map_err(too_large)?;
        self.send_chunk(last).await
    }

    async fn send_document(&mut self, mut answer: Box<dyn Answer>) -> Result<(), Failure> {
        let batch = answer.next().await?.unwrap_or_default();
        let document = batch.rows().next().unwrap_or_default().to_vec();
        self.send(Part::Document {
            body: document.into(),
        })
        .await
    }

    async fn send_chunk(&mut self, chunk: Chunk) -> Result<(), Failure> {
        debug_assert_eq!(
            chunk.sequence, self.sequence,
            "the chunker and the job count alike"
        );
        self.wait_for_credit(chunk.sequence).await?;
        self.send(Part::Rows {
            body: chunk.body,
            last: chunk.last,
        })
        .await
    }

    async fn wait_for_credit(&mut self, sequence: u32) -> Result<(), Failure> {
        let covered = self.credits.wait_for(|credit| credit.covers(sequence));
        match &self.session {
            None => covered.await.map(drop).map_err(|_| link_lost(Gone)),
            Some(session) => tokio::select! {
                covered = covered => covered.map(drop).map_err(|_| link_lost(Gone)),
                () = session.gone() => Err(link_lost(Gone)),
            },
        }
    }

    async fn send(&mut self, part: Part) -> Result<(), Failure> {
        let session = match &self.session {
            Some(session) => session.clone(),
            None => self.uplink.session().await.ok_or(Gone).map_err(link_lost)?,
        };
        let reply = Reply {
            id: self.request.id,
            sequence: self.sequence,
            captured_at_ms: self.captured_at_ms,
            part,
        };
        session
            .publish(&self.shared.reply_topic, reply.encode())
            .await
            .map_err(link_lost)?;
        self.session = Some(session);
        self.sequence += 1;
        Ok(())
    }

    /// Tells the centre, over whatever connection there is by then.
    async fn fail(mut self, reason: Failure) {
        let payload = failure(self.request.id, self.sequence, reason).encode();
        let tell = async {
            while let Some(session) = self.uplink.session().await {
                if session
                    .publish(&self.shared.reply_topic, payload.clone())
                    .await
                    .is_ok()
                {
                    return;
                }
                session.gone().await;
                // Lets the supervisor take the dead connection down.
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(FAILURE_MS_MAX), tell).await;
    }

    fn late(&self) -> Failure {
        let detail = match (self.sequence, self.credits.borrow().covers(self.sequence)) {
            (0, _) => "the source gave no answer before the deadline".to_owned(),
            (parts, true) => {
                format!("the source was still answering at the deadline, after {parts} parts")
            }
            (parts, false) => {
                format!("the centre gave no leave to go on after {parts} parts before the deadline")
            }
        };
        Failure::new(FailureClass::Timeout, &detail)
    }
}

fn too_large(reason: TooLarge) -> Failure {
    Failure::new(FailureClass::TooLarge, &reason.to_string())
}

fn busy(dataset: &DatasetId) -> Failure {
    let detail = format!("too many requests wait for {dataset} already; ask again later");
    Failure::new(FailureClass::Refused, &detail)
}

fn link_lost(_gone: Gone) -> Failure {
    Failure::new(
        FailureClass::Offline,
        "the connection to the broker was lost while the answer was under way; ask again",
    )
}
