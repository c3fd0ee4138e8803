//! Envelopes of commands: what the centre orders, what it sends along, and what came of it.
//!
//! A command is signed by the fabric's authority, so that neither broker nor sanitizer can give one. A parcel is not: the
//! command that announced it holds its digest.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{Envelope, EnvelopeError, begin, decode, read_id, read_u32, write_id};
use crate::cbor::{ReadError, Reader};
use crate::limits::{
    COMMAND_ARGS_BYTES_MAX, FAILURE_TEXT_BYTES_MAX, INTEGER_MAX, PARCEL_PART_BYTES,
    PARCEL_PARTS_WANTED_MAX, SIGNATURE_BYTES_MAX,
};
use crate::request_id::RequestId;
use crate::text;

/// Bytes of the longest name of a [`CommandFault`].
const FAULT_BYTES_MAX: usize = 16;

/// `down/command/<verb>`: an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Ties the result to the command.
    pub id: RequestId,
    /// What the verb needs: CBOR of one map, at most [`COMMAND_ARGS_BYTES_MAX`] bytes.
    pub args: Bytes,
    /// The command's place among those to this satellite, from 1: one is done once, and none after a later one.
    pub number: u64,
    /// Not to be begun after this: unix time in milliseconds.
    pub expires_ms: u64,
    /// ECDSA P-256 signature (ASN.1) by the fabric's authority over address, verb and all members.
    pub signature: Bytes,
}

impl Envelope for Command {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.args.len().saturating_add(256));
        let mut writer = begin(&mut out, 5);
        write_id(&mut writer, self.id);
        writer.text("args");
        writer.bytes(&self.args);
        writer.text("number");
        writer.unsigned(self.number);
        writer.text("expires");
        writer.unsigned(self.expires_ms);
        writer.text("signature");
        writer.bytes(&self.signature);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            Ok(Self {
                id: read_id(map)?,
                args: read_bytes(map.required("args")?, 1..=COMMAND_ARGS_BYTES_MAX)?,
                number: read_number(map.required("number")?)?,
                expires_ms: map.required("expires")?.unsigned(INTEGER_MAX)?,
                signature: read_bytes(map.required("signature")?, 1..=SIGNATURE_BYTES_MAX)?,
            })
        })
    }
}

/// `down/parcel`: a part of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The part: [`PARCEL_PART_BYTES`], or fewer for the last one.
    pub body: Bytes,
    /// The part's number, from 0.
    pub index: u32,
    /// SHA-256 of the whole parcel, as the command named it.
    pub digest: [u8; 32],
}

impl Envelope for Parcel {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len().saturating_add(96));
        let mut writer = begin(&mut out, 3);
        writer.text("body");
        writer.bytes(&self.body);
        writer.text("index");
        writer.unsigned(self.index.into());
        writer.text("digest");
        writer.bytes(&self.digest);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let body = read_bytes(map.required("body")?, 1..=PARCEL_PART_BYTES)?;
            let index = read_u32(map.required("index")?)?;
            let digest = map.required("digest")?.bytes(32)?;
            let digest = <[u8; 32]>::try_from(digest.as_ref()).map_err(|_| ReadError::Value)?;
            Ok(Self {
                body,
                index,
                digest,
            })
        })
    }
}

/// `up/result`: what came of a command; the last word, or a wish for parts of its parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandResult {
    /// The command.
    pub id: RequestId,
    /// Its number.
    pub number: u64,
    /// What came of it.
    pub outcome: CommandOutcome,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It is not over: parts of its parcel are wanted.
    Wants {
        /// The first part's number.
        from: u32,
        /// How many, 1 to [`PARCEL_PARTS_WANTED_MAX`].
        count: u32,
    },
    /// It was done.
    Done {
        /// One line of at most [`FAILURE_TEXT_BYTES_MAX`] bytes.
        detail: String,
    },
    /// It was not done, or was undone.
    Failed {
        /// Why.
        fault: CommandFault,
        /// One line of at most [`FAILURE_TEXT_BYTES_MAX`] bytes.
        detail: String,
    },
}

/// The ways in which a command ends other than well; each asks for another next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandFault {
    /// Its time was over when it came.
    Expired,
    /// It was tried and did not work.
    Failed,
    /// Its arguments are not what the verb needs.
    Invalid,
    /// Its parcel is not what the command announced.
    Parcel,
    /// It was done, was not healthy, and was undone.
    RolledBack,
    /// A later command was done before.
    Superseded,
    /// This satellite does not do that.
    Unsupported,
}

impl CommandFault {
    /// Every fault.
    pub const ALL: [Self; 7] = [
        Self::Expired,
        Self::Failed,
        Self::Invalid,
        Self::Parcel,
        Self::RolledBack,
        Self::Superseded,
        Self::Unsupported,
    ];

    /// The fault as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Parcel => "parcel",
            Self::RolledBack => "rolled-back",
            Self::Superseded => "superseded",
            Self::Unsupported => "unsupported",
        }
    }

    /// The fault of a wire text.
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == text)
    }
}

impl CommandOutcome {
    /// Done, with a detail that is cleaned and cut to its limit.
    pub fn done(detail: &str) -> Self {
        Self::Done {
            detail: text::one_line(detail, FAILURE_TEXT_BYTES_MAX),
        }
    }

    /// Not done, with a detail that is cleaned and cut to its limit.
    pub fn failed(fault: CommandFault, detail: &str) -> Self {
        Self::Failed {
            fault,
            detail: text::one_line(detail, FAILURE_TEXT_BYTES_MAX),
        }
    }
}

impl Envelope for CommandResult {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        match &self.outcome {
            CommandOutcome::Wants { from, count } => {
                let mut writer = begin(&mut out, 5);
                write_id(&mut writer, self.id);
                writer.text("from");
                writer.unsigned((*from).into());
                writer.text("count");
                writer.unsigned((*count).into());
                writer.text("number");
                writer.unsigned(self.number);
                writer.text("outcome");
                writer.text("wants");
            }
            CommandOutcome::Done { detail } => {
                let mut writer = begin(&mut out, 4);
                write_id(&mut writer, self.id);
                writer.text("detail");
                writer.text(detail);
                writer.text("number");
                writer.unsigned(self.number);
                writer.text("outcome");
                writer.text("done");
            }
            CommandOutcome::Failed { fault, detail } => {
                let mut writer = begin(&mut out, 5);
                write_id(&mut writer, self.id);
                writer.text("fault");
                writer.text(fault.as_str());
                writer.text("detail");
                writer.text(detail);
                writer.text("number");
                writer.unsigned(self.number);
                writer.text("outcome");
                writer.text("failed");
            }
        }
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let id = read_id(map)?;
            let from = match map.optional("from")? {
                Some(reader) => Some(read_u32(reader)?),
                None => None,
            };
            let wanted = match from {
                Some(from) => Some((from, read_wanted(map.required("count")?)?)),
                None => None,
            };
            let fault = match map.optional("fault")? {
                Some(reader) => Some(read_fault(reader)?),
                None => None,
            };
            let detail = match map.optional("detail")? {
                Some(reader) => Some(reader.text(FAILURE_TEXT_BYTES_MAX)?),
                None => None,
            };
            let number = read_number(map.required("number")?)?;
            let outcome = map.required("outcome")?.text(8)?;
            let outcome = match (outcome.as_str(), wanted, fault, detail) {
                ("wants", Some((from, count)), None, None) => CommandOutcome::Wants { from, count },
                ("done", None, None, Some(detail)) => CommandOutcome::Done { detail },
                ("failed", None, Some(fault), Some(detail)) => {
                    CommandOutcome::Failed { fault, detail }
                }
                _ => return Err(ReadError::Value.into()),
            };
            Ok(Self {
                id,
                number,
                outcome,
            })
        })
    }
}

fn read_number(reader: &mut Reader) -> Result<u64, ReadError> {
    match reader.unsigned(INTEGER_MAX)? {
        0 => Err(ReadError::Value),
        number => Ok(number),
    }
}

fn read_wanted(reader: &mut Reader) -> Result<u32, ReadError> {
    match read_u32(reader)? {
        count @ 1..=PARCEL_PARTS_WANTED_MAX => Ok(count),
        _ => Err(ReadError::Value),
    }
}

fn read_fault(reader: &mut Reader) -> Result<CommandFault, ReadError> {
    CommandFault::from_wire(&reader.text(FAULT_BYTES_MAX)?).ok_or(ReadError::Value)
}

fn read_bytes(reader: &mut Reader, length: RangeInclusive<usize>) -> Result<Bytes, ReadError> {
    let bytes = reader.bytes(*length.end())?;
    if length.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(ReadError::Value)
    }
}
