//! Where data comes from: one trait, so that other kinds join without a change elsewhere.

mod cache;
pub(crate) mod file;
pub(crate) mod http;
mod http_fault;
pub(crate) mod node_red;
pub(crate) mod node_red_log;
pub(crate) mod params;
mod reading;
mod splitter;
pub(crate) mod table;

pub(crate) use cache::{Cached, Shelf};

use std::fmt;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use spokegate_contract::Failure;
use spokegate_contract::envelope::SourceHealth;

/// Something that can be asked for a dataset. Every failure is written for the person who can mend it.
pub(crate) trait Source: fmt::Debug + Send + Sync {
    /// Asks; returns once the answer begins. Dropping the future or the answer ends the request.
    fn ask<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>>;

    /// What stands behind the source, such as a host and port; sources that share it are probed once.
    fn origin(&self) -> String;

    /// Whether a Node-RED stands behind it, of which its health tells.
    fn asks_node_red(&self) -> bool {
        true
    }

    /// Whether whatever stands behind the source answers at all.
    fn health(&self) -> BoxFuture<'_, SourceHealth>;
}

/// An answer that arrives piece by piece.
pub(crate) trait Answer: Send {
    /// The next rows, or the one document; `None` at the end.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>>;

    /// When the data was taken, where the source keeps answers for a while: unix time in milliseconds. Nothing: just now.
    fn captured_at_ms(&self) -> Option<u64> {
        None
    }
}

/// Rows as CBOR maps, one after the other in one buffer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// The rows in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..*end])
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of memory that it takes.
    fn size(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }

    /// Lets `write` append one row; what a failed write left behind is cut off.
    fn push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.bytes.len();
        let written = write(&mut self.bytes);
        if written.is_err() {
            self.bytes.truncate(start);
            return written;
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }
}
