//! Envelopes that a satellite sends, and the presence that the broker publishes in its place.

use bytes::Bytes;

use super::{
    Envelope, EnvelopeError, Failure, FailureClass, Validity, begin, decode, read_id, read_u16,
    read_u32, write_id,
};
use crate::cbor::{MapReader, ReadError, Writer};
use crate::dataset::Shape;
use crate::ids::DatasetId;
use crate::limits::{
    CHUNK_BYTES_MAX, FAILURE_TEXT_BYTES_MAX, HELLO_DATASETS_MAX, ID_BYTES_MAX, INTEGER_MAX,
    VERSION_TEXT_BYTES_MAX,
};
use crate::request_id::RequestId;

/// SHA-256 over the bodies of all chunks of an answer, in order.
pub type Digest = [u8; 32];

/// `up/reply`: one part of the answer to a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The pull.
    pub id: RequestId,
    /// The part's number, from 0.
    pub sequence: u32,
    /// When the data was taken, where the satellite had it in memory: unix time in milliseconds. Agents of before, and sources
    /// that are asked each time, say nothing of it; a failure never does.
    pub captured_at_ms: Option<u64>,
    /// What it brings.
    pub part: Part,
}

/// What a reply brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Rows of a table; the last chunk carries the digest. An empty table is one chunk with an empty array.
    Rows {
        /// CBOR of one array of maps.
        body: Bytes,
        /// On the last chunk, and only there.
        last: Option<Digest>,
    },
    /// A document, whole.
    Document {
        /// CBOR of one map.
        body: Bytes,
    },
    /// No answer, or no more of it.
    Failure(Failure),
}

fn write_shape(writer: &mut Writer<'_>, shape: Shape) {
    writer.text("shape");
    writer.text(shape.as_str());
}

fn read_shape(map: &mut MapReader<'_>) -> Result<Shape, ReadError> {
    Shape::from_wire(&map.required("shape")?.text(8)?).ok_or(ReadError::Value)
}

impl Envelope for Reply {
    fn encode(&self) -> Vec<u8> {
        let body_bytes = match &self.part {
            Part::Rows { body, .. } | Part::Document { body } => body.len(),
            Part::Failure(failure) => failure.detail.len(),
        };
        let mut out = Vec::with_capacity(body_bytes.saturating_add(160));
        let captured_at_ms = match &self.part {
            Part::Failure(_) => None,
            Part::Rows { .. } | Part::Document { .. } => self.captured_at_ms,
        };
        let has_last = matches!(&self.part, Part::Rows { last: Some(_), .. });
        let keys = match (has_last, captured_at_ms) {
            (true, Some(_)) => 6,
            (true, None) | (false, Some(_)) => 5,
            (false, None) => 4,
        };
        let mut writer = begin(&mut out, keys);
        write_id(&mut writer, self.id);
        match &self.part {
            Part::Rows { body, last } => {
                writer.text("body");
                writer.bytes(body);
                if let Some(digest) = last {
                    writer.text("last");
                    writer.bytes(digest);
                }
                write_shape(&mut writer, Shape::Rows);
            }
            Part::Document { body } => {
                writer.text("body");
                writer.bytes(body);
                write_shape(&mut writer, Shape::Document);
            }
            Part::Failure(failure) => {
                writer.text("class");
                writer.text(failure.class.as_str());
                writer.text("detail");
                writer.text(&failure.detail);
            }
        }
        if let Some(captured_at_ms) = captured_at_ms {
            writer.text("captured");
            writer.unsigned(captured_at_ms);
        }
        writer.text("sequence");
        writer.unsigned(self.sequence.into());
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let id = read_id(map)?;
            let mut captured_at_ms = None;
            let part = match map.optional("body")? {
                Some(reader) => {
                    let body = reader.bytes(CHUNK_BYTES_MAX)?;
                    let part = read_body(map, body)?;
                    if let Some(reader) = map.optional("captured")? {
                        captured_at_ms = Some(reader.unsigned(INTEGER_MAX)?);
                    }
                    part
                }
                None => {
                    let class = map.required("class")?.text(16)?;
                    let class = FailureClass::from_wire(&class).ok_or(ReadError::Value)?;
                    let detail = map.required("detail")?.text(FAILURE_TEXT_BYTES_MAX)?;
                    Part::Failure(Failure { class, detail })
                }
            };
            Ok(Self {
                id,
                captured_at_ms,
                part,
                sequence: read_u32(map.required("sequence")?)?,
            })
        })
    }
}

fn read_body(map: &mut MapReader<'_>, body: Bytes) -> Result<Part, ReadError> {
    let last = match map.optional("last")? {
        Some(reader) => {
            Some(Digest::try_from(reader.bytes(32)?.as_ref()).map_err(|_| ReadError::Value)?)
        }
        None => None,
    };
    match (read_shape(map)?, last) {
        (Shape::Rows, last) => Ok(Part::Rows { body, last }),
        (Shape::Document, None) => Ok(Part::Document { body }),
        (Shape::Document, Some(_)) => Err(ReadError::UnknownKey),
    }
}

/// `up/push/<dataset>`: data sent unasked, kept by the satellite until it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The spool that it comes from: unix time in milliseconds when the spool was made.
    pub epoch: u64,
    /// Its number in the epoch, from 1.
    pub sequence: u64,
    /// Major version of the dataset's contract.
    pub version: u16,
    /// When the data was taken: unix time in milliseconds.
    pub captured_at_ms: u64,
    /// What the body holds.
    pub shape: Shape,
    /// CBOR of one array of maps, or of one map.
    pub body: Bytes,
}

impl Envelope for Push {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len().saturating_add(160));
        let mut writer = begin(&mut out, 6);
        writer.text("body");
        writer.bytes(&self.body);
        writer.text("epoch");
        writer.unsigned(self.epoch);
        write_shape(&mut writer, self.shape);
        writer.text("version");
        writer.unsigned(self.version.into());
        writer.text("captured");
        writer.unsigned(self.captured_at_ms);
        writer.text("sequence");
        writer.unsigned(self.sequence);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            Ok(Self {
                body: map.required("body")?.bytes(CHUNK_BYTES_MAX)?,
                epoch: map.required("epoch")?.unsigned(INTEGER_MAX)?,
                shape: read_shape(map)?,
                version: read_u16(map.required("version")?)?,
                captured_at_ms: map.required("captured")?.unsigned(INTEGER_MAX)?,
                sequence: map.required("sequence")?.unsigned(INTEGER_MAX)?,
            })
        })
    }
}

/// A dataset that a satellite serves, in one major version.
pub type Announced = (DatasetId, u16);

/// `up/hello`: said on each connection before anything else, and again with each heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The agent's version.
    pub agent_version: String,
    /// The agent's clock: unix time in milliseconds.
    pub at_ms: u64,
    /// The spool's epoch.
    pub epoch: u64,
    /// Number of the last push that was written to the spool; 0 if none.
    pub last_sequence: u64,
    /// Number of the last push that the centre acknowledged; 0 if none.
    pub acked_sequence: u64,
    /// What the satellite serves.
    pub datasets: Vec<Announced>,
}

impl Envelope for Hello {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let mut writer = begin(&mut out, 6);
        writer.text("at");
        writer.unsigned(self.at_ms);
        writer.text("acked");
        writer.unsigned(self.acked_sequence);
        writer.text("agent");
        writer.text(&self.agent_version);
        writer.text("epoch");
        writer.unsigned(self.epoch);
        writer.text("datasets");
        writer.array(self.datasets.len());
        for (dataset, version) in &self.datasets {
            writer.map(2);
            writer.text("id");
            writer.text(dataset.as_str());
            writer.text("version");
            writer.unsigned((*version).into());
        }
        writer.text("sequence");
        writer.unsigned(self.last_sequence);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let at_ms = map.required("at")?.unsigned(INTEGER_MAX)?;
            let acked_sequence = map.required("acked")?.unsigned(INTEGER_MAX)?;
            let agent_version = map.required("agent")?.text(VERSION_TEXT_BYTES_MAX)?;
            let epoch = map.required("epoch")?.unsigned(INTEGER_MAX)?;
            let reader = map.required("datasets")?;
            let count = reader.array(HELLO_DATASETS_MAX)?;
            let mut datasets = Vec::with_capacity(count);
            for _ in 0..count {
                let mut entry = reader.map(2)?;
                let dataset = entry.required("id")?.text(ID_BYTES_MAX)?.parse()?;
                datasets.push((dataset, read_u16(entry.required("version")?)?));
                entry.finish()?;
            }
            let last_sequence = map.required("sequence")?.unsigned(INTEGER_MAX)?;
            Ok(Self {
                agent_version,
                at_ms,
                epoch,
                last_sequence,
                acked_sequence,
                datasets,
            })
        })
    }
}

/// What an agent knows of the Node-RED beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceHealth {
    /// It answers.
    Up,
    /// It does not answer.
    Down,
    /// Nobody asked it yet.
    Unknown,
}

impl SourceHealth {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Up, Self::Down, Self::Unknown];

    /// The state as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// `up/status`: the heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The agent's version.
    pub agent_version: String,
    /// The agent's clock: unix time in milliseconds.
    pub at_ms: u64,
    /// Pushes in the spool.
    pub spool_messages: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// When the push that waits longest was taken into the spool: unix time in milliseconds. Nothing when none waits.
    pub spool_oldest_ms: Option<u64>,
    /// The Node-RED beside it.
    pub node_red: SourceHealth,
    /// Since when a restart of the Node-RED that it keeps is due: unix time in milliseconds. Nothing when none is.
    pub restart_due_ms: Option<u64>,
    /// Of the agent's present certificate. Agents of before say nothing of it.
    pub certificate: Option<Validity>,
}

impl Envelope for Status {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let certificate_keys = self.certificate.map_or(0, |_| 2_usize);
        let oldest_keys = self.spool_oldest_ms.map_or(0, |_| 1_usize);
        let due_keys = self.restart_due_ms.map_or(0, |_| 1_usize);
        let keys = certificate_keys
            .saturating_add(oldest_keys)
            .saturating_add(due_keys)
            .saturating_add(5);
        let mut writer = begin(&mut out, keys);
        writer.text("at");
        writer.unsigned(self.at_ms);
        writer.text("agent");
        writer.text(&self.agent_version);
        writer.text("node_red");
        writer.text(self.node_red.as_str());
        if let Some(validity) = self.certificate {
            validity.write(&mut writer);
        }
        if let Some(due_ms) = self.restart_due_ms {
            writer.text("restart_due");
            writer.unsigned(due_ms);
        }
        writer.text("spool_bytes");
        writer.unsigned(self.spool_bytes);
        if let Some(oldest_ms) = self.spool_oldest_ms {
            writer.text("spool_oldest");
            writer.unsigned(oldest_ms);
        }
        writer.text("spool_messages");
        writer.unsigned(self.spool_messages);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let at_ms = map.required("at")?.unsigned(INTEGER_MAX)?;
            let agent_version = map.required("agent")?.text(VERSION_TEXT_BYTES_MAX)?;
            let node_red = map.required("node_red")?.text(8)?;
            let node_red = SourceHealth::ALL
                .into_iter()
                .find(|h| h.as_str() == node_red)
                .ok_or(ReadError::Value)?;
            let certificate = Validity::read(map)?;
            let due = map.optional("restart_due")?;
            let restart_due_ms = due.map(|reader| reader.unsigned(INTEGER_MAX)).transpose()?;
            let spool_bytes = map.required("spool_bytes")?.unsigned(INTEGER_MAX)?;
            let oldest = map.optional("spool_oldest")?;
            let spool_oldest_ms = oldest.map(|reader| reader.unsigned(INTEGER_MAX));
            let spool_messages = map.required("spool_messages")?.unsigned(INTEGER_MAX)?;
            Ok(Self {
                agent_version,
                at_ms,
                spool_messages,
                spool_bytes,
                spool_oldest_ms: spool_oldest_ms.transpose()?,
                node_red,
                restart_due_ms,
                certificate,
            })
        })
    }
}

/// `up/presence`: whether a satellite is connected, as the broker saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Connected or not.
    pub online: bool,
    /// The broker's clock: unix time in milliseconds.
    pub at_ms: u64,
}

impl Envelope for Presence {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        let mut writer = begin(&mut out, 2);
        writer.text("at");
        writer.unsigned(self.at_ms);
        writer.text("online");
        writer.bool(self.online);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            Ok(Self {
                at_ms: map.required("at")?.unsigned(INTEGER_MAX)?,
                online: map.required("online")?.bool()?,
            })
        })
    }
}
