//! The heads of all frames.

use serde::{Deserialize, Serialize};
use spokegate_contract::limits::JSON_FACTOR_MAX;
use spokegate_contract::record::{BudgetState, Lane};
use spokegate_contract::{DatasetId, FailureClass, QuarantineId, RequestId, SatelliteId, TenantId};
use std::collections::BTreeMap;

use crate::sandbox::Layers;
use crate::setup::{EgressSetup, IngestSetup, WorkerSetup};

/// To the ingest process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToIngest {
    /// Its part of the configuration; the first frame.
    Setup(Box<IngestSetup>),
    /// The TLS files are to be read again.
    Reload,
    /// A message has left the worker: its window place is free.
    Done {
        /// The lane.
        tenant: TenantId,
        /// The message.
        token: u64,
        /// Whether it was refused.
        refused: bool,
    },
    /// The centre calls; the body is its JSON.
    Call {
        /// Ties the outcome to the call.
        call: u64,
        /// Which call.
        verb: CallVerb,
    },
}

/// From the ingest process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FromIngest {
    /// It has closed its confinement; the first frame.
    Confined(Layers),
    /// A message; the body is the payload as it came.
    Message(WorkHead),
    /// A tenant's session came or went.
    Session {
        /// The tenant.
        tenant: TenantId,
        /// Whether it is there.
        up: bool,
    },
    /// A tenant's lease began or ended.
    Lease {
        /// The tenant.
        tenant: TenantId,
        /// Whether it is held.
        held: bool,
    },
    /// The answer to a call; the body is the answer's, if it has one.
    Outcome(Outcome),
    /// Counters since the start.
    Counters(BTreeMap<String, u64>),
}

/// To a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToWorker {
    /// Its part of the configuration; the first frame.
    Setup(WorkerSetup),
    /// A message to judge; the body is the payload.
    Work(WorkHead),
}

/// From a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FromWorker {
    /// Locked down and ready; names the layers of the confinement.
    Ready(Layers),
    /// It cannot work.
    Unfit(String),
    /// The answer to one message; the body is its records, one after the other.
    Answer(AnswerHead),
}

/// To the egress process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToEgress {
    /// Its part of the configuration; the first frame.
    Setup(Box<EgressSetup>),
    /// The TLS files are to be read again.
    Reload,
    /// A sealed record; the body is the record.
    Record {
        /// The message that it came for, by ingest's knowledge of it; the tenant's room is taken.
        origin: Box<WorkHead>,
        /// Where it goes and what seals it.
        record: RecordHead,
    },
    /// The answer to a call; the body is the answer's, if it has one.
    Outcome(Outcome),
    /// What `GET /v1/status` shows; the body is its JSON.
    Status,
    /// Something for the audit.
    Audit(Note),
    /// The ingest process has ended: it knew which requests are open, and what was called has no outcome.
    RequestsLost,
}

/// Something that the sanitizer did or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// Unix time in milliseconds.
    pub at_ms: u64,
    /// What, as `noun.verb`.
    pub action: String,
    /// Why: a typed reason, or empty.
    pub reason: String,
    /// Upon what.
    pub subject: String,
    /// How often.
    pub count: u64,
}

/// From the egress process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FromEgress {
    /// It has closed its confinement; the first frame.
    Confined(Layers),
    /// It listens.
    Listening(std::net::SocketAddr),
    /// The centre calls; the body is its JSON.
    Call {
        /// Ties the outcome to the call.
        call: u64,
        /// Which call.
        verb: CallVerb,
    },
    /// The centre has taken records over.
    Freed {
        /// The tenant whose room they took.
        tenant: TenantId,
        /// Bytes of the records.
        bytes: u64,
    },
    /// Counters since the start.
    Counters(BTreeMap<String, u64>),
}

/// What the centre may ask of the first hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CallVerb {
    /// `POST /v1/requests`
    Requests,
    /// `POST /v1/acks`
    Acks,
    /// `POST /v1/admissions`
    Admissions,
    /// `POST /v1/commands`
    Commands,
    /// `PUT /v1/crl`
    Crl,
    /// `POST /v1/leases`
    Leases(Holder),
}

/// Who leases sessions: each service of the centre its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Holder {
    /// The report service: customers.
    Reports,
    /// The provisioner: the enrolment door.
    Provisioner,
}

/// The answer to a call: an HTTP status and, unless it went well, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The call.
    pub call: u64,
    /// HTTP status.
    pub status: u16,
    /// The class, when it failed.
    pub class: Option<FailureClass>,
    /// One line, when it failed.
    pub detail: String,
}

/// A message on its way through a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkHead {
    /// Its number, given by ingest.
    pub token: u64,
    /// From the topic.
    pub tenant: TenantId,
    /// From the topic.
    pub satellite: SatelliteId,
    /// When it came, unix time in milliseconds.
    pub at_ms: u64,
    /// From the topic: reply, push, hello, status, enrol, result or presence.
    pub channel: String,
    /// From the topic of a push, or of the request that a reply answers.
    pub dataset: Option<DatasetId>,
    /// Contract version of the request that a reply answers.
    pub version: Option<u16>,
    /// The request that a reply answers.
    pub id: Option<RequestId>,
    /// Epoch and sequence of a push whose envelope can be read.
    pub push: Option<(u64, u64)>,
    /// Epoch of the spool and last acknowledged push, of a hello whose envelope can be read.
    pub hello: Option<(u64, u64)>,
    /// Set when the message is refused already; a worker then only writes the records.
    pub condemned: Option<Condemned>,
}

impl WorkHead {
    /// Under which the message is kept when it is refused.
    #[must_use]
    pub(crate) fn quarantine_id(&self) -> QuarantineId {
        QuarantineId::new(self.at_ms, self.token)
    }
}

/// Why a message was refused before or instead of a worker's judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condemned {
    /// The kind of fault.
    pub reason: Reason,
    /// The rule in that kind.
    pub rule: String,
}

/// The kind of fault of a refused message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// The envelope is none.
    Envelope,
    /// The body is not in the strict form.
    Form,
    /// The body breaks its contract.
    Contract,
    /// A chunk is missing.
    Sequence,
    /// The digest over all chunks differs.
    Digest,
    /// A limit of the whole answer.
    TooLarge,
    /// The worker crashed over it.
    Crash,
    /// The worker took too long over it.
    Stall,
    /// Its satellite is suspended; nobody has looked at it.
    Budget,
}

impl Reason {
    /// The name in records.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::Envelope => "envelope",
            Reason::Form => "form",
            Reason::Contract => "contract",
            Reason::Sequence => "sequence",
            Reason::Digest => "digest",
            Reason::TooLarge => "too-large",
            Reason::Crash => "crash",
            Reason::Stall => "stall",
            Reason::Budget => "budget",
        }
    }

    /// The class that a pull ends with.
    #[must_use]
    pub(crate) fn class(self) -> FailureClass {
        match self {
            Reason::TooLarge => FailureClass::TooLarge,
            Reason::Budget => FailureClass::Refused,
            _ => FailureClass::Invalid,
        }
    }
}

/// The channel on which the supervisor has a worker write down how a satellite stands; no topic has it.
pub(crate) const BUDGET_CHANNEL: &str = "budget";

/// The payload of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BudgetNews {
    /// Its state.
    pub state: BudgetState,
    /// Until when: unix time in milliseconds.
    pub until_ms: u64,
}

/// A worker's answer to one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnswerHead {
    /// The message.
    pub token: u64,
    /// Its records, in the order of the body.
    pub records: Vec<RecordHead>,
    /// Set when the message was refused.
    pub refusal: Option<RefusalHead>,
}

impl AnswerHead {
    /// Most bytes of the records of an answer to a payload of this length.
    #[must_use]
    pub(crate) fn bytes_max(payload: usize) -> usize {
        payload
            .saturating_mul(JSON_FACTOR_MAX)
            .saturating_add(ANSWER_BYTES_AROUND_MAX)
    }

    /// Whether this is one answer: a record, or a refusal with what tells of it.
    #[must_use]
    pub(crate) fn is_one(&self) -> bool {
        let lanes: Vec<Lane> = self.records.iter().map(|record| record.lane).collect();
        match (lanes.as_slice(), &self.refusal) {
            ([lane], None) => *lane != Lane::Quarantine,
            ([] | [Lane::Quarantine] | [Lane::Quarantine, Lane::Reply], Some(_)) => true,
            _ => false,
        }
    }
}

/// Most bytes of an answer that do not come from the payload: what stands around the data, or a refusal's two records.
const ANSWER_BYTES_AROUND_MAX: usize = 4 * 1024;

/// A record: where it goes, how long it is and what seals it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordHead {
    /// The lane.
    pub lane: Lane,
    /// Bytes of the record.
    pub length: u32,
    /// HMAC-SHA256 over the record, in hexadecimal.
    pub seal: String,
}

/// Why a message was refused, for the quarantine's own file and the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefusalHead {
    /// The kind of fault.
    pub reason: Reason,
    /// The rule.
    pub rule: String,
    /// The place.
    pub pointer: String,
    /// The refused value, where the dataset says that others may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_record_or_one_refusal() {
        let check = |lanes: &[Lane], refused: bool, expected: bool| {
            let record = |lane: &Lane| RecordHead {
                lane: *lane,
                length: 0,
                seal: String::new(),
            };
            let refusal = RefusalHead {
                reason: Reason::Form,
                rule: String::new(),
                pointer: String::new(),
                found: None,
            };
            let answer = AnswerHead {
                token: 1,
                records: lanes.iter().map(record).collect(),
                refusal: refused.then_some(refusal),
            };
            assert_eq!(answer.is_one(), expected, "{lanes:?} {refused}");
        };
        check(&[Lane::Reply], false, true);
        check(&[Lane::Push], false, true);
        check(&[Lane::Quarantine], true, true);
        check(&[Lane::Quarantine, Lane::Reply], true, true);
        check(&[], true, true);
        check(&[], false, false);
        check(&[Lane::Quarantine], false, false);
        check(&[Lane::Reply], true, false);
        check(&[Lane::Reply, Lane::Reply], false, false);
        check(&[Lane::Status, Lane::Push], false, false);
        check(&[Lane::Quarantine, Lane::Quarantine], true, false);
        check(&[Lane::Quarantine, Lane::Reply, Lane::Reply], true, false);
    }
}
