//! Records as they stand on the wire.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::envelope::Failure;
use crate::ids::{DatasetId, SatelliteId, TenantId};
use crate::quarantine_id::QuarantineId;
use crate::request_id::RequestId;

/// A record as it stands on the wire: members of all kinds side by side, in canonical order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "`super::Content` documents each member where it means something"
)]
pub struct Flat<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acked_sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<Cow<'a, str>>,
    pub at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasets: Option<Vec<Served>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub document: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<QuarantineId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    pub kind: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_red: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_due: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Cow<'a, str>>,
    pub satellite: SatelliteId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool_messages: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool_oldest: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Cow<'a, str>>,
    pub tenant: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u16>,
}

impl<'a> Flat<'a> {
    /// A record of `kind` with the members that all have.
    pub fn new(kind: &'a str, tenant: TenantId, satellite: SatelliteId, at_ms: u64) -> Self {
        Self {
            at: at_ms,
            kind: kind.into(),
            satellite,
            tenant,
            acked_sequence: None,
            action: None,
            agent_version: None,
            captured_at: None,
            channel: None,
            count: None,
            dataset: None,
            datasets: None,
            detail: None,
            document: None,
            ends_at: None,
            epoch: None,
            failure: None,
            file: None,
            first: None,
            found: None,
            hash: None,
            id: None,
            last: None,
            last_sequence: None,
            node_red: None,
            not_after: None,
            not_before: None,
            online: None,
            peer: None,
            pointer: None,
            proof: None,
            public_key: None,
            reason: None,
            request: None,
            restart_due: None,
            rows: None,
            rule: None,
            sent_at: None,
            sequence: None,
            serial: None,
            sha256: None,
            signature: None,
            size_bytes: None,
            spool_bytes: None,
            spool_messages: None,
            spool_oldest: None,
            state: None,
            subject: None,
            token: None,
            version: None,
        }
    }
}

/// A dataset that a satellite serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// Its name.
    pub dataset: DatasetId,
    /// Its major version.
    pub version: u16,
}
