//! What of a need came so far, counted against the limits of a pull.

use ring::digest::{Context, SHA256};
use serde_json::Map;
use spokegate_contract::limits::{PULL_BYTES_MAX, PULL_CHUNKS_MAX, PULL_ROWS_MAX};
use spokegate_contract::{Failure, FailureClass};

use super::Fetched;
use crate::render::{Chunk, Values};

/// Rows or a document while they come.
pub(super) struct Gathered {
    chunks: Vec<Chunk>,
    pub(super) rows: u64,
    pub(super) document: Option<Map<String, serde_json::Value>>,
    digest: Context,
    bytes: u64,
    bodies: u32,
    /// The oldest moment that a satellite named for its part.
    captured_at_ms: Option<u64>,
}

/// What was gathered before a pull that may have to be asked again.
pub(super) struct Mark {
    parts: usize,
    rows: u64,
    digest: Context,
    bytes: u64,
    bodies: u32,
    captured_at_ms: Option<u64>,
}

impl Gathered {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            parts: self.chunks.len(),
            rows: self.rows,
            digest: self.digest.clone(),
            bytes: self.bytes,
            bodies: self.bodies,
            captured_at_ms: self.captured_at_ms,
        }
    }

    /// Throws away what came since.
    pub(super) fn back_to(&mut self, mark: &Mark) {
        self.chunks.truncate(mark.parts);
        self.digest = mark.digest.clone();
        (self.rows, self.bytes, self.bodies) = (mark.rows, mark.bytes, mark.bodies);
        self.captured_at_ms = mark.captured_at_ms;
    }

    pub(super) fn new() -> Self {
        Self {
            chunks: Vec::new(),
            rows: 0,
            document: None,
            digest: Context::new(&SHA256),
            bytes: 0,
            bodies: 0,
            captured_at_ms: None,
        }
    }

    /// Notes when a part was taken, where its satellite had it in memory.
    pub(super) fn captured(&mut self, at_ms: Option<u64>) {
        let known = self.captured_at_ms.into_iter().chain(at_ms);
        self.captured_at_ms = known.min();
    }

    /// Counts a body against the limits.
    pub(super) fn note(&mut self, body: &[u8]) -> Result<(), Failure> {
        self.digest.update(body);
        self.bytes = self.bytes.saturating_add(body.len() as u64);
        self.bodies = self.bodies.saturating_add(1);
        // JSON is larger than the CBOR that the limit counts on the wire, never more than twice for real data.
        if self.bytes > PULL_BYTES_MAX.saturating_mul(2) || self.bodies > PULL_CHUNKS_MAX {
            return Err(Failure::new(
                FailureClass::TooLarge,
                &format!("more than {} MB", PULL_BYTES_MAX >> 20),
            ));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, chunk: Chunk) -> Result<(), Failure> {
        self.rows = self.rows.saturating_add(chunk.rows);
        self.chunks.push(chunk);
        if self.rows > PULL_ROWS_MAX {
            return Err(Failure::new(
                FailureClass::TooLarge,
                &format!("more than {PULL_ROWS_MAX} rows"),
            ));
        }
        Ok(())
    }

    /// All of it, of `captured_at_ms` or of the earlier moment that a satellite named.
    pub(super) fn finish(self, captured_at_ms: u64) -> Fetched {
        let from_memory = self.captured_at_ms.is_some();
        let named_ms = self.captured_at_ms.unwrap_or(captured_at_ms);
        let captured_at_ms = captured_at_ms.min(named_ms);
        let mut digest = [0; 32];
        digest.copy_from_slice(self.digest.finish().as_ref());
        let (data, count) = match self.document {
            Some(document) => (Values::from(document), 1),
            None => (Values::Rows(self.chunks), self.rows),
        };
        Fetched {
            data,
            count,
            captured_at_ms,
            from_memory,
            digest,
            older: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(named: &[Option<u64>]) -> u64 {
        let mut gathered = Gathered::new();
        named.iter().for_each(|at_ms| gathered.captured(*at_ms));
        gathered.finish(1_000).captured_at_ms
    }

    #[test]
    fn data_is_as_old_as_its_oldest_part_says() {
        assert_eq!(finished(&[]), 1_000);
        assert_eq!(finished(&[None, None]), 1_000);
        assert_eq!(finished(&[Some(700), None, Some(800)]), 700);
        // A clock that runs ahead makes nothing younger than it is.
        assert_eq!(finished(&[Some(5_000)]), 1_000);
    }

    #[test]
    fn what_is_thrown_away_does_not_count() {
        let mut gathered = Gathered::new();
        gathered.captured(Some(900));
        let mark = gathered.mark();
        gathered.captured(Some(100));
        gathered.back_to(&mark);
        let fetched = gathered.finish(1_000);
        assert_eq!((fetched.captured_at_ms, fetched.from_memory), (900, true));
        assert!(!Gathered::new().finish(1_000).from_memory);
    }
}
