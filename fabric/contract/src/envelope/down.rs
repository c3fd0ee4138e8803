//! Envelopes that the centre sends.

use bytes::Bytes;

use super::{Envelope, EnvelopeError, begin, decode, read_id, read_u16, read_u32, write_id};
use crate::cbor::ReadError;
use crate::limits::PARAMS_BYTES_MAX;
use crate::request_id::RequestId;

/// `down/pull/<dataset>`: asks for data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Ties the answer to the request.
    pub id: RequestId,
    /// Major version of the dataset's contract.
    pub version: u16,
    /// The parameters: CBOR of one map, at most [`PARAMS_BYTES_MAX`] bytes.
    pub params: Bytes,
    /// No answer is wanted after this: unix time in milliseconds.
    pub deadline_ms: u64,
    /// Chunks that may be sent before more credit comes.
    pub credit: u32,
}

impl Envelope for PullRequest {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.params.len().saturating_add(128));
        let mut writer = begin(&mut out, 5);
        write_id(&mut writer, self.id);
        writer.text("credit");
        writer.unsigned(self.credit.into());
        writer.text("params");
        writer.bytes(&self.params);
        writer.text("version");
        writer.unsigned(self.version.into());
        writer.text("deadline");
        writer.unsigned(self.deadline_ms);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            Ok(Self {
                id: read_id(map)?,
                credit: read_u32(map.required("credit")?)?,
                params: map.required("params")?.bytes(PARAMS_BYTES_MAX)?,
                version: read_u16(map.required("version")?)?,
                deadline_ms: map.required("deadline")?.unsigned(u64::MAX)?,
            })
        })
    }
}

/// `down/ack`: what the centre has taken over. All counts are cumulative, so a lost or repeated ack does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ack {
    /// Every push of `epoch` up to and including `sequence` is stored at the centre.
    Push {
        /// The spool that the pushes came from.
        epoch: u64,
        /// The last of them.
        sequence: u64,
    },
    /// The answer to `id` may run to `chunks` chunks in all.
    Credit {
        /// The pull.
        id: RequestId,
        /// Chunks from the first one on.
        chunks: u32,
    },
    /// Nobody waits for the answer to `id` any more.
    Cancel {
        /// The pull.
        id: RequestId,
    },
}

impl Envelope for Ack {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        match self {
            Self::Push { epoch, sequence } => {
                let mut writer = begin(&mut out, 3);
                writer.text("kind");
                writer.text("push");
                writer.text("epoch");
                writer.unsigned(*epoch);
                writer.text("sequence");
                writer.unsigned(*sequence);
            }
            Self::Credit { id, chunks } => {
                let mut writer = begin(&mut out, 3);
                write_id(&mut writer, *id);
                writer.text("kind");
                writer.text("credit");
                writer.text("chunks");
                writer.unsigned((*chunks).into());
            }
            Self::Cancel { id } => {
                let mut writer = begin(&mut out, 2);
                write_id(&mut writer, *id);
                writer.text("kind");
                writer.text("cancel");
            }
        }
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let id = match map.optional("id")? {
                Some(reader) => Some(reader.text(32)?.parse().map_err(|_| ReadError::Value)?),
                None => None,
            };
            let kind = map.required("kind")?.text(8)?;
            match (kind.as_str(), id) {
                ("push", None) => Ok(Self::Push {
                    epoch: map.required("epoch")?.unsigned(u64::MAX)?,
                    sequence: map.required("sequence")?.unsigned(u64::MAX)?,
                }),
                ("credit", Some(id)) => Ok(Self::Credit {
                    id,
                    chunks: read_u32(map.required("chunks")?)?,
                }),
                ("cancel", Some(id)) => Ok(Self::Cancel { id }),
                _ => Err(ReadError::Value.into()),
            }
        })
    }
}
