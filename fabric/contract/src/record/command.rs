//! Commands on the second hop: what the provisioner orders, and what came of it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::content::need;
use super::enrolment::{base64, digits};
use super::{BodyError, Flat, RecordError};
use crate::envelope::{Command, CommandFault, Parcel};
use crate::hex;
use crate::ids::{Address, SatelliteId, TenantId};
use crate::limits::{
    COMMAND_ARGS_BYTES_MAX, INTEGER_MAX, PARCEL_PART_BYTES, PARCEL_PARTS_WANTED_MAX,
    SIGNATURE_BYTES_MAX,
};
use crate::request_id::RequestId;
use crate::topic::Verb;

/// What came of a command, as its satellite says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came<'a> {
    /// It is not over: parts of its parcel are wanted.
    Wants {
        /// The command.
        id: RequestId,
        /// The first part's number.
        from: u32,
        /// How many.
        count: u32,
    },
    /// It was done.
    Done {
        /// The command.
        id: RequestId,
        /// One line.
        detail: Cow<'a, str>,
    },
    /// It was not done, or was undone.
    Failed {
        /// The command.
        id: RequestId,
        /// Why.
        fault: CommandFault,
        /// One line.
        detail: Cow<'a, str>,
    },
}

impl<'a> Came<'a> {
    pub(super) fn of(flat: &mut Flat<'a>) -> Result<Self, RecordError> {
        let id = need(flat.id, "id")?;
        let (wanted, fault) = (flat.first.zip(flat.count), flat.reason.take());
        match (
            need(flat.state.take(), "state")?.as_ref(),
            wanted,
            fault,
            flat.detail.take(),
        ) {
            ("wants", Some((first, count)), None, None) => {
                let from = u32::try_from(first).map_err(|_| RecordError::Spelling("first"))?;
                let count = u32::try_from(count)
                    .ok()
                    .filter(|count| (1..=PARCEL_PARTS_WANTED_MAX).contains(count))
                    .ok_or(RecordError::Spelling("count"))?;
                Ok(Self::Wants { id, from, count })
            }
            ("done", None, None, Some(detail)) => Ok(Self::Done { id, detail }),
            ("failed", None, Some(fault), Some(detail)) => Ok(Self::Failed {
                id,
                fault: CommandFault::from_wire(&fault).ok_or(RecordError::Spelling("reason"))?,
                detail,
            }),
            _ => Err(RecordError::Spelling("state")),
        }
    }

    /// The same without borrowing from the batch.
    #[must_use]
    pub fn into_owned(self) -> Came<'static> {
        match self {
            Self::Wants { id, from, count } => Came::Wants { id, from, count },
            Self::Done { id, detail } => Came::Done {
                id,
                detail: detail.into_owned().into(),
            },
            Self::Failed { id, fault, detail } => Came::Failed {
                id,
                fault,
                detail: detail.into_owned().into(),
            },
        }
    }
}

/// `POST /v1/commands`: orders and parts of parcels, at most [`COMMANDS_MAX`](crate::limits::COMMANDS_MAX) in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandsBody {
    /// Orders.
    pub commands: Vec<CommandBody>,
    /// Parts of parcels that satellites asked for.
    pub parcels: Vec<ParcelBody>,
}

/// One order of the provisioner, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    /// The customer.
    pub tenant: TenantId,
    /// The agent.
    pub satellite: SatelliteId,
    /// The verb's name.
    pub verb: String,
    /// Ties the result to the command.
    pub id: RequestId,
    /// The encoded arguments, as base64.
    pub args: String,
    /// The command's place among those to this satellite.
    pub number: u64,
    /// Not to be begun after this: unix time in milliseconds.
    pub expires_ms: u64,
    /// The authority's signature, in hexadecimal digits.
    pub signature: String,
}

impl CommandBody {
    /// The order for `address`, as the second hop writes it.
    pub fn new(address: Address, verb: Verb, command: &Command) -> Self {
        let Address { tenant, satellite } = address;
        Self {
            tenant,
            satellite,
            verb: verb.as_str().to_owned(),
            id: command.id,
            args: STANDARD.encode(&command.args),
            number: command.number,
            expires_ms: command.expires_ms,
            signature: hex::encode(&command.signature),
        }
    }

    /// The verb, and the envelope that carries the order.
    ///
    /// # Errors
    /// Names the member that is misspelt or too long.
    pub fn command(&self) -> Result<(Verb, Command), BodyError> {
        let verb = Verb::from_name(&self.verb).ok_or_else(|| BodyError {
            member: "verb",
            allowed: Verb::ALL.map(Verb::as_str).join(", "),
        })?;
        let command = Command {
            id: self.id,
            args: base64(&self.args, COMMAND_ARGS_BYTES_MAX, "args")?,
            number: whole(self.number, 1, "number")?,
            expires_ms: whole(self.expires_ms, 0, "expires_ms")?,
            signature: digits(&self.signature, SIGNATURE_BYTES_MAX, "signature")?,
        };
        Ok((verb, command))
    }
}

fn whole(number: u64, least: u64, member: &'static str) -> Result<u64, BodyError> {
    if (least..=INTEGER_MAX).contains(&number) {
        Ok(number)
    } else {
        Err(BodyError {
            member,
            allowed: format!("{least} to {INTEGER_MAX}"),
        })
    }
}

/// One part of a parcel, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelBody {
    /// The customer.
    pub tenant: TenantId,
    /// The agent.
    pub satellite: SatelliteId,
    /// SHA-256 of the whole parcel, in hexadecimal digits.
    pub digest: String,
    /// The part's number, from 0.
    pub index: u32,
    /// The part, as base64.
    pub body: String,
}

impl ParcelBody {
    /// The part for `address`, as the second hop writes it.
    pub fn new(address: Address, parcel: &Parcel) -> Self {
        let Address { tenant, satellite } = address;
        Self {
            tenant,
            satellite,
            digest: hex::encode(&parcel.digest),
            index: parcel.index,
            body: STANDARD.encode(&parcel.body),
        }
    }

    /// The envelope that carries the part.
    ///
    /// # Errors
    /// Names the member that is misspelt or too long.
    pub fn parcel(&self) -> Result<Parcel, BodyError> {
        let digest = digits(&self.digest, 32, "digest")?;
        let digest = <[u8; 32]>::try_from(digest.as_ref()).map_err(|_| BodyError {
            member: "digest",
            allowed: "32 bytes in hexadecimal digits".to_owned(),
        })?;
        Ok(Parcel {
            body: self.part()?,
            index: self.index,
            digest,
        })
    }

    fn part(&self) -> Result<Bytes, BodyError> {
        base64(&self.body, PARCEL_PART_BYTES, "body")
    }
}
