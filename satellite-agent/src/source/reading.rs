//! An HTTP answer's JSON, on its way to CBOR. Pure.

use serde_json::Value;
use spokegate_contract::limits::CHUNK_BYTES_MAX;
use spokegate_contract::{Shape, cbor};

use super::Batch;
use super::http_fault::{ANSWER_JSON_BYTES_MAX, DOCUMENT_JSON_BYTES_MAX, HttpFault};
use super::splitter::{Splitter, kind_of};

/// The body as far as it came.
pub(super) enum Reading {
    Rows(Splitter),
    Document(Vec<u8>),
    Done,
}

impl Reading {
    pub(super) fn new(shape: Shape) -> Self {
        match shape {
            Shape::Rows => Self::Rows(Splitter::default()),
            Shape::Document => Self::Document(Vec::new()),
        }
    }

    /// Takes the next piece; `bytes` counts all pieces so far.
    pub(super) fn take(&mut self, data: &[u8], bytes: u64) -> Result<Batch, HttpFault> {
        let mut batch = Batch::default();
        match self {
            Self::Rows(_) if bytes > ANSWER_JSON_BYTES_MAX => {
                return Err(HttpFault::OverLong(ANSWER_JSON_BYTES_MAX));
            }
            Self::Rows(splitter) => {
                splitter.feed(data, |row, text| encode_row(row, text, &mut batch))?
            }
            Self::Document(_) if bytes > DOCUMENT_JSON_BYTES_MAX => {
                return Err(HttpFault::OverLong(DOCUMENT_JSON_BYTES_MAX));
            }
            Self::Document(held) => held.extend_from_slice(data),
            Self::Done => {}
        }
        Ok(batch)
    }

    /// Takes note of the end; a document comes out here.
    pub(super) fn finish(&mut self) -> Result<Option<Batch>, HttpFault> {
        match std::mem::replace(self, Self::Done) {
            Self::Rows(splitter) => splitter.finish().map(|()| None).map_err(HttpFault::from),
            Self::Document(text) => encode_document(&text).map(Some),
            Self::Done => Ok(None),
        }
    }
}

fn encode_row(row: u64, text: &[u8], batch: &mut Batch) -> Result<(), HttpFault> {
    let value: Value = serde_json::from_slice(text).map_err(|error| HttpFault::RowSyntax {
        row,
        problem: error.to_string(),
    })?;
    batch
        .push(|out| cbor::from_json(&value, out))
        .map_err(|error| HttpFault::Row {
            row,
            problem: error.to_string(),
        })
}

fn encode_document(text: &[u8]) -> Result<Batch, HttpFault> {
    let first = text
        .iter()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace())
        .unwrap_or_default();
    if first == b'<' {
        return Err(HttpFault::Html);
    }
    if first != b'{' {
        return Err(HttpFault::NotDocument(kind_of(first)));
    }
    let value: Value =
        serde_json::from_slice(text).map_err(|error| HttpFault::Syntax(error.to_string()))?;
    let mut batch = Batch::default();
    batch
        .push(|out| cbor::from_json(&value, out))
        .map_err(|error| HttpFault::Document(error.to_string()))?;
    let bytes = batch.rows().next().map_or(0, <[u8]>::len);
    if bytes > CHUNK_BYTES_MAX {
        Err(HttpFault::LargeDocument(bytes))
    } else {
        Ok(batch)
    }
}
