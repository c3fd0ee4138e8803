//! Bodies of the requests that the centre makes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::envelope::FailureClass;
use crate::ids::{DatasetId, SatelliteId, TenantId};
use crate::request_id::RequestId;

/// Response header that names a run of the sanitizer: 32 hexadecimal digits, new at each start.
pub const BOOT_HEADER: &str = "spokegate-boot";

/// Response header that names the sanitizer's version, at most
/// [`VERSION_TEXT_BYTES_MAX`](crate::limits::VERSION_TEXT_BYTES_MAX) bytes.
pub const VERSION_HEADER: &str = "spokegate-version";

/// Status of the answer to a request for which there is no session with the broker (421, Misdirected Request): another
/// sanitizer may have one, or this one in a moment.
pub const NO_SESSION_STATUS: u16 = 421;

/// A queue of records of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Answers to pulls.
    Reply,
    /// Data sent unasked.
    Push,
    /// Hellos, heartbeats, presence.
    Status,
    /// Who asks for a certificate; for the provisioner alone.
    Enrol,
    /// What came of commands; for the provisioner alone.
    Result,
    /// What was refused, without its content.
    Quarantine,
    /// What the sanitizer did and refused, chained by hash, the chain's end signed now and then.
    Audit,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 7] = [
        Self::Reply,
        Self::Push,
        Self::Status,
        Self::Enrol,
        Self::Result,
        Self::Quarantine,
        Self::Audit,
    ];

    /// The lane as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Push => "push",
            Self::Status => "status",
            Self::Enrol => "enrol",
            Self::Result => "result",
            Self::Quarantine => "quarantine",
            Self::Audit => "audit",
        }
    }
}

/// `POST /v1/pull`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullBody {
    /// The queue to read.
    pub lane: Lane,
    /// The boot that `ack` belongs to; empty at first. Another boot than the running one voids `ack`.
    pub boot: String,
    /// Highest cursor that the centre has taken over; all up to it is freed.
    pub ack: u64,
    /// Most records in the answer.
    pub max: u32,
    /// Most bytes in the answer; one record is handed out whatever its size.
    pub max_bytes: u64,
    /// How long to wait for a first record, in milliseconds.
    pub wait_ms: u32,
}

/// One line of the answer to `POST /v1/pull`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    /// Position in the lane, ascending within a boot.
    pub cursor: u64,
    /// The record's bytes as the worker wrote them.
    #[serde(borrow)]
    pub record: &'a RawValue,
    /// HMAC-SHA256 over the record's bytes, 64 lower-case hexadecimal digits.
    pub seal: &'a str,
}

/// `POST /v1/requests`: asks a satellite for data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// Ties the answer to the request.
    pub id: RequestId,
    /// The customer.
    pub tenant: TenantId,
    /// The agent to ask.
    pub satellite: SatelliteId,
    /// What is asked for.
    pub dataset: DatasetId,
    /// Major version of its contract.
    pub version: u16,
    /// Parameters that satisfy the contract: an object.
    pub params: serde_json::Value,
    /// No answer is wanted after this: unix time in milliseconds.
    pub deadline_ms: u64,
    /// Chunks that may be sent before more credit comes.
    pub credit: u32,
}

/// `POST /v1/acks`: what the centre has taken over. Counts are cumulative.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AckBody {
    /// Pushes that are stored.
    pub push: Vec<Watermark>,
    /// Chunks that may be sent.
    pub credit: Vec<GrantCredit>,
    /// Pulls that nobody waits for any more.
    pub cancel: Vec<Cancel>,
}

/// Every push of an epoch up to `sequence` is stored or disposed of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// The customer.
    pub tenant: TenantId,
    /// The agent.
    pub satellite: SatelliteId,
    /// The spool.
    pub epoch: u64,
    /// The last push.
    pub sequence: u64,
}

/// The answer to a pull may run to `chunks` chunks in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantCredit {
    /// The customer.
    pub tenant: TenantId,
    /// The agent.
    pub satellite: SatelliteId,
    /// The pull.
    pub id: RequestId,
    /// Chunks from the first one on.
    pub chunks: u32,
}

/// Nobody waits for the answer to a pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// The customer.
    pub tenant: TenantId,
    /// The agent.
    pub satellite: SatelliteId,
    /// The pull.
    pub id: RequestId,
}

/// `POST /v1/leases`: the tenants whose sessions the sanitizer shall hold, in the place of those of the caller's call before.
///
/// The lease runs from the moment at which the sanitizer gave `stamp` out, and a stamp counts once: a call that was held up
/// on its way lengthens nothing, whenever it arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeasesBody {
    /// The stamp of the sanitizer's last answer; 0 at first.
    pub stamp: u64,
    /// How long the lease runs, in milliseconds; at most [`LEASE_MS_MAX`](crate::limits::LEASE_MS_MAX).
    pub lease_ms: u64,
    /// The tenants.
    pub tenants: Vec<TenantId>,
}

/// The answer to `POST /v1/leases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeasesAnswer {
    /// For the next call.
    pub stamp: u64,
    /// Whether the call counted: its stamp was the last one, and its lease was not over yet.
    pub taken: bool,
    /// Another one than before when the leases had ended meanwhile: what was asked before that is lost.
    pub term: u64,
    /// Whether all tenants share one connection, so that only one sanitizer at a time may hold any.
    pub undivided: bool,
    /// Tenants of the call that this sanitizer does not serve.
    pub unknown: Vec<TenantId>,
}

/// Body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong with a request of the centre.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorDetail {
    /// The class that the run shows.
    pub class: FailureClass,
    /// One sentence.
    pub detail: String,
}
