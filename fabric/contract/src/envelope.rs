//! What rides in an MQTT payload: deterministic CBOR, one map, text keys, `"v": 1`, unknown keys refused.
//!
//! Bodies are byte strings that hold CBOR of their own, so that a process which only forwards a message never looks
//! into what it carries. Keys stand in the order of the wire: shorter first, then bytewise.

mod command;
mod down;
mod enrol;
mod failure;
mod up;
mod validity;

use bytes::Bytes;

pub use command::{Command, CommandFault, CommandOutcome, CommandResult, Parcel};
pub use down::{Ack, PullRequest};
pub use enrol::{Admission, Crl, Enrol, EnrolRequest, Verdict};
pub use failure::{Failure, FailureClass};
pub use up::{Announced, Digest, Hello, Part, Presence, Push, Reply, SourceHealth, Status};
pub use validity::Validity;

use crate::cbor::{MapReader, ReadError, Reader, Writer};
use crate::ids::IdError;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::request_id::RequestId;

/// Version of every envelope.
pub const VERSION: u64 = 1;

/// Most keys that any envelope has.
const KEYS_MAX: usize = 10;

/// Why a payload is not the expected envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Larger than [`MESSAGE_BYTES_MAX`].
    #[error("a message of {0} bytes, allowed are {MESSAGE_BYTES_MAX}")]
    Size(usize),
    /// Not the deterministic map that belongs here.
    #[error("not the envelope that belongs here")]
    Form(#[from] ReadError),
    /// A version that this build does not speak.
    #[error("envelope version {0}, spoken here is {VERSION}")]
    Version(u64),
    /// An id outside its grammar.
    #[error("an id outside its grammar")]
    Id(#[from] IdError),
}

/// A message that can be written to and read from a payload.
pub trait Envelope: Sized {
    /// The payload.
    fn encode(&self) -> Vec<u8>;

    /// Reads a payload whole; bodies share its memory.
    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError>;
}

/// Reads the map and its version, hands the rest to `read`, and refuses leftovers.
fn decode<T>(
    payload: &Bytes,
    read: impl FnOnce(&mut MapReader<'_>) -> Result<T, EnvelopeError>,
) -> Result<T, EnvelopeError> {
    if payload.len() > MESSAGE_BYTES_MAX {
        return Err(EnvelopeError::Size(payload.len()));
    }
    let mut reader = Reader::new(payload.clone());
    let mut map = reader.map(KEYS_MAX)?;
    let version = map.required("v")?.unsigned(u64::MAX)?;
    if version != VERSION {
        return Err(EnvelopeError::Version(version));
    }
    let value = read(&mut map)?;
    map.finish()?;
    reader.finish()?;
    Ok(value)
}

/// Starts a map of `keys` further keys after the version.
fn begin(out: &mut Vec<u8>, keys: usize) -> Writer<'_> {
    let mut writer = Writer::new(out);
    writer.map(keys.saturating_add(1));
    writer.text("v");
    writer.unsigned(VERSION);
    writer
}

fn write_id(writer: &mut Writer<'_>, id: RequestId) {
    writer.text("id");
    writer.text(&id.to_string());
}

fn read_id(map: &mut MapReader<'_>) -> Result<RequestId, ReadError> {
    map.required("id")?
        .text(32)?
        .parse()
        .map_err(|_| ReadError::Value)
}

fn read_u16(reader: &mut Reader) -> Result<u16, ReadError> {
    u16::try_from(reader.unsigned(u64::from(u16::MAX))?).map_err(|_| ReadError::Limit)
}

fn read_u32(reader: &mut Reader) -> Result<u32, ReadError> {
    u32::try_from(reader.unsigned(u64::from(u32::MAX))?).map_err(|_| ReadError::Limit)
}

#[cfg(test)]
mod tests;
