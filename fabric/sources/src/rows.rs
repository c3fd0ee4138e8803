//! Rows on their way out of a source: put together to chunks, counted against the limits.

use bytes::Bytes;
use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass};
use tokio::sync::mpsc;

/// Bytes after which a chunk is passed on.
const CHUNK_BYTES: usize = 98_304;
/// Chunks that wait for whoever checks them; the source waits when there are more.
pub const CHUNKS_WAITING: usize = 4;

/// The limits of one fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows.
    pub rows: u64,
    /// Bytes of the rows' JSON.
    pub bytes: u64,
    /// Milliseconds from the question to the last row.
    pub time_ms: u64,
}

/// Where a source puts its rows.
pub struct Outlet {
    chunks: mpsc::Sender<Result<Bytes, Failure>>,
    limits: Limits,
    rows: u64,
    bytes: u64,
    body: Vec<u8>,
}

impl Outlet {
    /// One that sends chunks there: JSON arrays of rows.
    #[must_use]
    pub fn new(chunks: mpsc::Sender<Result<Bytes, Failure>>, limits: Limits) -> Self {
        Self {
            chunks,
            limits,
            rows: 0,
            bytes: 0,
            body: Vec::new(),
        }
    }

    /// What it is now, for a thread that gives it back; an empty one stays.
    #[must_use]
    pub fn taken(&mut self) -> Self {
        let empty = Self::new(self.chunks.clone(), self.limits);
        std::mem::replace(self, empty)
    }

    /// Takes a row; a full chunk is to be passed on.
    fn take(&mut self, row: Map<String, Value>) -> Result<Option<Bytes>, Failure> {
        let before = self.body.len();
        self.body.push(if before == 0 { b'[' } else { b',' });
        serde_json::to_writer(&mut self.body, &Value::Object(row))
            .map_err(|error| Failure::new(FailureClass::SourceError, &error.to_string()))?;
        self.rows += 1;
        self.bytes += (self.body.len() - before) as u64;
        let Limits { rows, bytes, .. } = self.limits;
        if self.rows > rows {
            return Err(too_large(&format!("more than {rows} rows")));
        }
        if self.bytes > bytes {
            return Err(too_large(&format!("more than {bytes} bytes")));
        }
        Ok((self.body.len() >= CHUNK_BYTES).then(|| self.chunk()))
    }

    /// Takes a row and passes full chunks on. An error also when nobody waits for it any more.
    pub async fn row(&mut self, row: Map<String, Value>) -> Result<(), Failure> {
        match self.take(row)? {
            Some(chunk) => self.pass(chunk).await,
            None => Ok(()),
        }
    }

    /// The same on a thread that may wait.
    pub fn blocking_row(&mut self, row: Map<String, Value>) -> Result<(), Failure> {
        match self.take(row)? {
            Some(chunk) => {
                let passed = self.chunks.blocking_send(Ok(chunk));
                passed.map_err(|_| gone())
            }
            None => Ok(()),
        }
    }

    /// Passes on what is left.
    pub async fn end(mut self, result: Result<(), Failure>) {
        let last = match result {
            Ok(()) => Ok(self.chunk()),
            Err(failure) => Err(failure),
        };
        // Nobody waits any more: then there is nobody to tell.
        let _ = self.chunks.send(last).await;
    }

    async fn pass(&mut self, chunk: Bytes) -> Result<(), Failure> {
        self.chunks.send(Ok(chunk)).await.map_err(|_| gone())
    }

    fn chunk(&mut self) -> Bytes {
        let mut body = std::mem::take(&mut self.body);
        if body.is_empty() {
            body.push(b'[');
        }
        body.push(b']');
        body.into()
    }
}

fn too_large(detail: &str) -> Failure {
    Failure::new(FailureClass::TooLarge, detail)
}

fn gone() -> Failure {
    Failure::new(FailureClass::SourceError, "nobody waits for the rows")
}
