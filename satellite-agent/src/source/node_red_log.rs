//! The agent's own source: the log of the Node-RED that it keeps.

use std::fmt;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use spokegate_contract::envelope::SourceHealth;
use spokegate_contract::{Failure, FailureClass, cbor};

use super::{Answer, Batch, Source};
use crate::keeper::Lines;

/// Lines without a word on how many.
const TAIL: u64 = 200;
const TAIL_MAX: u64 = 10_000;
/// Rows of a batch.
const BATCH_ROWS: usize = 500;

/// Answers from the lines that are in memory.
pub(crate) struct LogSource(Lines);

impl LogSource {
    pub(crate) fn new(lines: Lines) -> Self {
        Self(lines)
    }
}

impl fmt::Debug for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSource").finish_non_exhaustive()
    }
}

impl Source for LogSource {
    fn ask<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>> {
        async move {
            let number = |name: &str| params.get(name).and_then(Value::as_u64);
            let tail = number("tail").unwrap_or(TAIL).min(TAIL_MAX);
            let rows = self.0.last(tail, number("after")).rows;
            Ok(Box::new(LogAnswer(rows.into_iter())) as Box<dyn Answer>)
        }
        .boxed()
    }

    fn origin(&self) -> String {
        "the log of the kept Node-RED".to_owned()
    }

    fn asks_node_red(&self) -> bool {
        false
    }

    fn health(&self) -> BoxFuture<'_, SourceHealth> {
        async { SourceHealth::Up }.boxed()
    }
}

struct LogAnswer(std::vec::IntoIter<Value>);

impl Answer for LogAnswer {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>> {
        async move {
            let mut batch = Batch::default();
            for row in self.0.by_ref().take(BATCH_ROWS) {
                let written = batch.push(|out| cbor::from_json(&row, out));
                written.map_err(|error| Failure::new(FailureClass::Invalid, &error.to_string()))?;
            }
            Ok((batch.len() > 0).then_some(batch))
        }
        .boxed()
    }
}
