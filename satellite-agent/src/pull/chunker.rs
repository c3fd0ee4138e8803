//! Packs encoded rows into the numbered chunks of an answer.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use spokegate_contract::limits::{
    CHUNK_BYTES_MAX, CHUNK_BYTES_TARGET, CHUNK_ROWS_MAX, PULL_BYTES_MAX, PULL_CHUNKS_MAX,
    PULL_ROWS_MAX,
};

/// The first chunk closes early, so that the stations behind start while this one still reads; each next one may have
/// twice as many bytes until the target is reached.
const FIRST_CHUNK_BYTES: usize = 16_384;
/// Room for the longest array head in front of the rows: their number is known only when the chunk closes.
const HEAD_BYTES_MAX: usize = 3;
/// Most bytes of one encoded row.
const ROW_BYTES_MAX: usize = CHUNK_BYTES_MAX - HEAD_BYTES_MAX;

/// A part of an answer that is ready to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Counts from 0.
    pub(crate) sequence: u32,
    /// A CBOR array of rows.
    pub(crate) body: Bytes,
    /// On the final chunk: SHA-256 over the bodies of all chunks.
    pub(crate) last: Option<[u8; 32]>,
}

/// Why an answer cannot be sent whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooLarge {
    #[error("row {row} has {bytes} bytes, at most {ROW_BYTES_MAX} can be sent")]
    Row { row: u64, bytes: usize },
    #[error("the answer has more than {PULL_ROWS_MAX} rows; ask for less")]
    Rows,
    #[error("the answer has more than {PULL_BYTES_MAX} bytes; ask for less")]
    Bytes,
    #[error("the answer has more than {PULL_CHUNKS_MAX} chunks; ask for less")]
    Chunks,
}

/// Holds at most one open chunk. A chunk is closed by the row that no longer fits, so the last one is known to be the
/// last, and only an empty table has an empty chunk.
pub(crate) struct Chunker {
    open: Vec<u8>,
    open_rows: usize,
    rows: u64,
    bytes: u64,
    sequence: u32,
    digest: Sha256,
}

impl Chunker {
    pub(crate) fn new() -> Self {
        let open = vec![0; HEAD_BYTES_MAX];
        Self {
            open,
            open_rows: 0,
            rows: 0,
            bytes: 0,
            sequence: 0,
            digest: Sha256::new(),
        }
    }

    /// Takes one encoded row; answers the chunk that it closed, if any.
    pub(crate) fn push(&mut self, row: &[u8]) -> Result<Option<Chunk>, TooLarge> {
        self.rows += 1;
        if row.len() > ROW_BYTES_MAX {
            return Err(TooLarge::Row {
                row: self.rows,
                bytes: row.len(),
            });
        }
        if self.rows > PULL_ROWS_MAX {
            return Err(TooLarge::Rows);
        }
        let full = self.open_rows == CHUNK_ROWS_MAX || self.open.len() + row.len() > self.target();
        let closed = if self.open_rows > 0 && full {
            Some(self.close(false)?)
        } else {
            None
        };
        self.open.extend_from_slice(row);
        self.open_rows += 1;
        Ok(closed)
    }

    /// Rows taken so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The final chunk.
    pub(crate) fn finish(mut self) -> Result<Chunk, TooLarge> {
        self.close(true)
    }

    fn target(&self) -> usize {
        let doubled = FIRST_CHUNK_BYTES
            .checked_shl(self.sequence.min(8))
            .unwrap_or(CHUNK_BYTES_TARGET);
        doubled.min(CHUNK_BYTES_TARGET)
    }

    fn close(&mut self, last: bool) -> Result<Chunk, TooLarge> {
        if self.sequence == PULL_CHUNKS_MAX {
            return Err(TooLarge::Chunks);
        }
        let next = Vec::with_capacity(if last { 0 } else { self.open.capacity() });
        let mut buffer = std::mem::replace(&mut self.open, next);
        self.open.resize(HEAD_BYTES_MAX, 0);
        let start = write_head(&mut buffer, self.open_rows);
        let body = Bytes::from(buffer).slice(start..);
        self.bytes += body.len() as u64;
        if self.bytes > PULL_BYTES_MAX {
            return Err(TooLarge::Bytes);
        }
        self.digest.update(&body);
        let last = last.then(|| self.digest.clone().finalize().into());
        let chunk = Chunk {
            sequence: self.sequence,
            body,
            last,
        };
        self.open_rows = 0;
        self.sequence += 1;
        Ok(chunk)
    }
}

/// Writes the array head right before the rows and answers where it begins (RFC 8949 §3: major type 4).
fn write_head(buffer: &mut [u8], rows: usize) -> usize {
    let (head, length): ([u8; HEAD_BYTES_MAX], usize) =
        match u16::try_from(rows).unwrap_or(u16::MAX).to_be_bytes() {
            [0, few @ ..24] => ([0, 0, 0x80 | few], 1),
            [0, some] => ([0, 0x98, some], 2),
            [high, low] => ([0x99, high, low], 3),
        };
    buffer[..HEAD_BYTES_MAX].copy_from_slice(&head);
    HEAD_BYTES_MAX - length
}

#[cfg(test)]
mod tests;
