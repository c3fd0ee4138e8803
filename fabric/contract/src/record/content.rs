//! Records as values.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::audit::{AuditEntry, AuditRoot};
use super::command::Came;
use super::enrolment::Enrolment;
use super::flat::{Flat, Served};
use crate::envelope::{Failure, Validity};
use crate::ids::{Address, DatasetId};
use crate::quarantine_id::QuarantineId;
use crate::request_id::RequestId;

/// Clean data, still as canonical JSON text.
#[derive(Debug)]
pub enum Data<'a> {
    /// An array of objects.
    Rows(&'a RawValue),
    /// One object.
    Document(&'a RawValue),
}

/// A record whose members fit its kind.
#[derive(Debug)]
pub struct Record<'a> {
    /// Whose message it was; from the topic that the broker enforced.
    pub address: Address,
    /// When the sanitizer received it: unix time in milliseconds.
    pub at_ms: u64,
    /// What it says.
    pub content: Content<'a>,
}

/// What a record says.
#[derive(Debug)]
pub enum Content<'a> {
    /// A part of the answer to a pull.
    Reply {
        /// The pull.
        id: RequestId,
        /// The part's number, from 0.
        sequence: u64,
        /// The dataset and its major version, as asked for.
        dataset: (DatasetId, u16),
        /// When the data was taken, where the satellite had it in memory: unix time in milliseconds, as it says.
        captured_at_ms: Option<u64>,
        /// The part.
        data: Data<'a>,
        /// Whether no part follows.
        last: bool,
    },
    /// A pull that failed; no part follows.
    Failed {
        /// The pull.
        id: RequestId,
        /// Why.
        failure: Failure,
    },
    /// Data sent unasked.
    Push {
        /// The dataset and its major version.
        dataset: (DatasetId, u16),
        /// The satellite's spool.
        epoch: u64,
        /// Number in the spool, from 1.
        sequence: u64,
        /// When the data was taken: unix time in milliseconds.
        captured_at_ms: u64,
        /// The data.
        data: Data<'a>,
    },
    /// A satellite connected.
    Hello {
        /// The agent's version.
        agent_version: Cow<'a, str>,
        /// Its spool.
        epoch: u64,
        /// Last push written to the spool.
        last_sequence: u64,
        /// Last push acknowledged to it.
        acked_sequence: u64,
        /// What it serves.
        datasets: Vec<Served>,
    },
    /// A heartbeat.
    Status {
        /// The agent's version.
        agent_version: Cow<'a, str>,
        /// The agent's clock: unix time in milliseconds.
        sent_at_ms: u64,
        /// Pushes in the spool.
        spool_messages: u64,
        /// Their bytes.
        spool_bytes: u64,
        /// When the push that waits longest was taken into the spool: unix time in milliseconds.
        spool_oldest_ms: Option<u64>,
        /// `up`, `down` or `unknown`.
        node_red: Cow<'a, str>,
        /// Since when a restart of its Node-RED is due: unix time in milliseconds.
        restart_due_ms: Option<u64>,
        /// Of its present certificate, as it says.
        certificate: Option<Validity>,
    },
    /// What the broker saw of a connection.
    Presence {
        /// Connected or not.
        online: bool,
    },
    /// How a satellite stands with its error budget; said by the sanitizer, not by the satellite.
    Budget {
        /// Its state.
        state: BudgetState,
        /// Until when, if nothing else happens: unix time in milliseconds.
        until_ms: u64,
    },
    /// Somebody asks for a certificate.
    Enrol(Enrolment<'a>),
    /// What came of a command.
    Result(Came<'a>),
    /// A message that was refused. Its content stays with the sanitizer.
    Quarantine(Refusal<'a>),
    /// Something that the sanitizer did or refused.
    Audit(AuditEntry<'a>),
    /// The signed end of the sanitizer's audit.
    AuditRoot(AuditRoot),
}

/// How a satellite stands whose messages were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetState {
    /// All it sends is taken.
    Normal,
    /// What it sends unasked is taken slowly.
    Slowed,
    /// Nothing it sends is taken.
    Suspended,
}

impl BudgetState {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Slowed => "slowed",
            Self::Suspended => "suspended",
        }
    }

    /// The state of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Normal, Self::Slowed, Self::Suspended];
        all.into_iter().find(|state| state.as_str() == name)
    }
}

/// What is known of a refused message without looking at its content.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// The channel that it came on.
    pub channel: Cow<'a, str>,
    /// The dataset, where the channel names one or the request did.
    pub dataset: Option<DatasetId>,
    /// Class of the reason.
    pub reason: Cow<'a, str>,
    /// The rule that was broken.
    pub rule: Cow<'a, str>,
    /// JSON Pointer to the place; empty for the whole.
    pub pointer: Cow<'a, str>,
    /// The refused value, where its dataset holds nothing personal and it is short.
    pub found: Option<Cow<'a, str>>,
    /// The message's size.
    pub size_bytes: u64,
    /// SHA-256 of the message in hexadecimal digits.
    pub sha256: Cow<'a, str>,
    /// The pull that it would have answered.
    pub id: Option<RequestId>,
    /// Under which it lies in the sanitizer's quarantine, if it was kept there.
    pub file: QuarantineId,
    /// The push that it was: epoch and sequence.
    pub push: Option<(u64, u64)>,
}

/// A record whose members do not fit its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// No such kind.
    #[error("a record of an unknown kind")]
    Kind,
    /// A member of this kind is missing.
    #[error("a record without its member {0:?}")]
    Missing(&'static str),
    /// A member of this kind is not spelt as it must be.
    #[error("a record whose member {0:?} is not spelt as it must be")]
    Spelling(&'static str),
}

pub(super) fn need<T>(member: Option<T>, name: &'static str) -> Result<T, RecordError> {
    member.ok_or(RecordError::Missing(name))
}

impl<'a> TryFrom<Flat<'a>> for Record<'a> {
    type Error = RecordError;

    fn try_from(mut flat: Flat<'a>) -> Result<Self, RecordError> {
        let content = match flat.kind.as_ref() {
            "reply" => reply(&mut flat)?,
            "push" => Content::Push {
                dataset: dataset(&mut flat)?,
                epoch: need(flat.epoch, "epoch")?,
                sequence: need(flat.sequence, "sequence")?,
                captured_at_ms: need(flat.captured_at, "captured_at")?,
                data: data(&flat)?,
            },
            "hello" => Content::Hello {
                agent_version: need(flat.agent_version, "agent_version")?,
                epoch: need(flat.epoch, "epoch")?,
                last_sequence: need(flat.last_sequence, "last_sequence")?,
                acked_sequence: need(flat.acked_sequence, "acked_sequence")?,
                datasets: need(flat.datasets, "datasets")?,
            },
            "status" => Content::Status {
                certificate: certificate(&flat)?,
                agent_version: need(flat.agent_version, "agent_version")?,
                sent_at_ms: need(flat.sent_at, "sent_at")?,
                spool_messages: need(flat.spool_messages, "spool_messages")?,
                spool_bytes: need(flat.spool_bytes, "spool_bytes")?,
                spool_oldest_ms: flat.spool_oldest,
                node_red: need(flat.node_red, "node_red")?,
                restart_due_ms: flat.restart_due,
            },
            "presence" => Content::Presence {
                online: need(flat.online, "online")?,
            },
            "budget" => {
                let state = need(flat.state, "state")?;
                Content::Budget {
                    state: BudgetState::from_name(&state).ok_or(RecordError::Spelling("state"))?,
                    until_ms: need(flat.ends_at, "ends_at")?,
                }
            }
            "enrol" => Content::Enrol(Enrolment::of(&mut flat)?),
            "result" => Content::Result(Came::of(&mut flat)?),
            "quarantine" => Content::Quarantine(Refusal {
                channel: need(flat.channel, "channel")?,
                dataset: flat.dataset,
                reason: need(flat.reason, "reason")?,
                rule: need(flat.rule, "rule")?,
                pointer: need(flat.pointer, "pointer")?,
                found: flat.found,
                size_bytes: need(flat.size_bytes, "size_bytes")?,
                sha256: need(flat.sha256, "sha256")?,
                id: flat.id,
                file: need(flat.file, "file")?,
                push: flat.epoch.zip(flat.sequence),
            }),
            "audit" => Content::Audit(AuditEntry::of(&mut flat)?),
            "audit-root" => Content::AuditRoot(AuditRoot::of(&flat)?),
            _ => return Err(RecordError::Kind),
        };
        Ok(Self {
            address: Address::new(flat.tenant, flat.satellite),
            at_ms: flat.at,
            content,
        })
    }
}

/// Both moments, or neither.
fn certificate(flat: &Flat<'_>) -> Result<Option<Validity>, RecordError> {
    if flat.not_after.is_none() && flat.not_before.is_none() {
        return Ok(None);
    }
    let not_after_s = need(flat.not_after, "not_after")?;
    let not_before_s = need(flat.not_before, "not_before")?;
    let validity = Validity::new(not_before_s, not_after_s);
    validity.map(Some).ok_or(RecordError::Spelling("not_after"))
}

fn reply<'a>(flat: &mut Flat<'a>) -> Result<Content<'a>, RecordError> {
    let id = need(flat.id, "id")?;
    if let Some(failure) = flat.failure.take() {
        return Ok(Content::Failed { id, failure });
    }
    Ok(Content::Reply {
        id,
        sequence: need(flat.sequence, "sequence")?,
        dataset: dataset(flat)?,
        captured_at_ms: flat.captured_at,
        data: data(flat)?,
        last: need(flat.last, "last")?,
    })
}

fn dataset(flat: &mut Flat<'_>) -> Result<(DatasetId, u16), RecordError> {
    Ok((
        need(flat.dataset.take(), "dataset")?,
        need(flat.version, "version")?,
    ))
}

fn data<'a>(flat: &Flat<'a>) -> Result<Data<'a>, RecordError> {
    match (flat.rows, flat.document) {
        (Some(rows), None) => Ok(Data::Rows(rows)),
        (None, Some(document)) => Ok(Data::Document(document)),
        _ => Err(RecordError::Missing("rows")),
    }
}
