//! Answers that stand for a while: who asks the same again within the age is answered from memory, and the source is left alone.
//!
//! **Invariant**: an answer stands for the dataset, the version and the parameters that it was asked with, and for nothing else;
//! a failure stands for nothing. **Invariant**: whoever gets a kept answer learns when it was taken.

mod shelf;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use spokegate_contract::envelope::SourceHealth;
use spokegate_contract::{DatasetId, Failure};
use spokegate_daemon::Clock;

use super::{Answer, Batch, Source};
use shelf::{Key, Moment};

pub(crate) use shelf::Shelf;

/// A source whose answers are kept for a while.
#[derive(Debug)]
pub(crate) struct Cached {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) dataset: DatasetId,
    pub(crate) version: u16,
    pub(crate) max_age_ms: u64,
    /// Shared by all sources of the agent.
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) clock: Clock,
}

impl Source for Cached {
    fn ask<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>> {
        async move {
            let key = Key::new(&self.dataset, self.version, params);
            if let Some(kept) = self.kept(&key) {
                return Ok(kept);
            }
            let flight = self.shelf.flight(&key);
            let mut failed = flight.lock().await;
            // Whoever was before has brought it, or knows why not; who gave up in the middle leaves neither.
            if let Some(kept) = self.kept(&key) {
                return Ok(kept);
            }
            if let Some(failure) = failed.clone() {
                return Err(failure);
            }
            let asked = self.ask_source(&key, params).await;
            *failed = asked.as_ref().err().cloned();
            // Who comes from now on asks anew.
            self.shelf.land(&key, &flight);
            asked
        }
        .boxed()
    }

    fn origin(&self) -> String {
        self.source.origin()
    }

    fn asks_node_red(&self) -> bool {
        self.source.asks_node_red()
    }

    fn health(&self) -> BoxFuture<'_, SourceHealth> {
        self.source.health()
    }
}

impl Cached {
    fn now(&self) -> Moment {
        Moment {
            at_ms: self.clock.now_ms(),
            monotonic_ms: self.clock.monotonic_ms(),
        }
    }

    fn kept(&self, key: &Key) -> Option<Box<dyn Answer>> {
        let (batches, taken) = self.shelf.get(key, self.now())?;
        count("memory");
        Some(Box::new(Kept {
            batches,
            next: 0,
            captured_at_ms: taken.at_ms,
        }))
    }

    /// Reads the whole answer, as long as it is one that can be kept; what is larger goes on as it comes.
    async fn ask_source(
        &self,
        key: &Key,
        params: &Map<String, Value>,
    ) -> Result<Box<dyn Answer>, Failure> {
        // As old as the question: what the source read first may be of that moment.
        let taken = self.now();
        let mut answer = self.source.ask(params).await?;
        let (mut batches, mut bytes) = (Vec::new(), 0);
        let mut rest = None;
        while let Some(batch) = answer.next().await? {
            bytes += batch.size();
            batches.push(batch);
            if bytes > self.shelf.answer_bytes_max() {
                rest = Some(answer);
                break;
            }
        }
        let captured_at_ms = taken.at_ms;
        let Some(rest) = rest else {
            let batches: Arc<[Batch]> = batches.into();
            self.shelf
                .put(key.clone(), Arc::clone(&batches), taken, self.max_age_ms);
            count("source");
            return Ok(Box::new(Kept {
                batches,
                next: 0,
                captured_at_ms,
            }));
        };
        count("too-large");
        Ok(Box::new(Passed {
            read: batches.into_iter(),
            rest,
            captured_at_ms,
        }))
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("spokegate_agent_cache_total", "outcome" => outcome).increment(1);
}

/// An answer out of memory.
struct Kept {
    batches: Arc<[Batch]>,
    next: usize,
    captured_at_ms: u64,
}

impl Answer for Kept {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>> {
        let batch = self.batches.get(self.next).cloned();
        self.next += 1;
        async move { Ok(batch) }.boxed()
    }

    fn captured_at_ms(&self) -> Option<u64> {
        Some(self.captured_at_ms)
    }
}

/// An answer that is too large to be kept.
struct Passed {
    read: std::vec::IntoIter<Batch>,
    rest: Box<dyn Answer>,
    captured_at_ms: u64,
}

impl Answer for Passed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>> {
        match self.read.next() {
            Some(batch) => async move { Ok(Some(batch)) }.boxed(),
            None => self.rest.next(),
        }
    }

    fn captured_at_ms(&self) -> Option<u64> {
        Some(self.captured_at_ms)
    }
}

#[cfg(test)]
mod tests;
