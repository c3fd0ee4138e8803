//! Whether a record answers the message that it came for. A worker has its tenant's seal key, so a seal says nothing of
//! which of the tenant's messages a record is about; what ingest and the supervisor know of the message does.

use crate::link::{BUDGET_CHANNEL, WorkHead};
use serde::Deserialize;
use spokegate_contract::record::Lane;
use spokegate_contract::{DatasetId, QuarantineId, RequestId, SatelliteId, TenantId};
use std::borrow::Cow;

/// What a record says of itself; the rest of it is passed over.
#[derive(Debug, Deserialize)]
struct Claims<'a> {
    at: u64,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    tenant: TenantId,
    satellite: SatelliteId,
    #[serde(borrow, default)]
    channel: Option<Cow<'a, str>>,
    #[serde(default)]
    dataset: Option<DatasetId>,
    #[serde(default)]
    version: Option<u16>,
    #[serde(default)]
    id: Option<RequestId>,
    #[serde(default)]
    file: Option<QuarantineId>,
    #[serde(default)]
    epoch: Option<u64>,
    #[serde(default)]
    sequence: Option<u64>,
    #[serde(default)]
    acked_sequence: Option<u64>,
}

/// Whether a record on this lane is about this message: by tenant, satellite and time always, and by what its kind has
/// beside them.
pub(super) fn is_of(record: &[u8], lane: Lane, origin: &WorkHead) -> bool {
    let Ok(claims) = serde_json::from_slice::<Claims<'_>>(record) else {
        return false;
    };
    let (said, came) = (
        (&claims.tenant, &claims.satellite, claims.at),
        (&origin.tenant, &origin.satellite, origin.at_ms),
    );
    let kind = &*claims.kind;
    let channel = origin.channel.as_str();
    let push = claims.epoch.zip(claims.sequence);
    said == came
        && match lane {
            Lane::Reply => {
                kind == "reply"
                    && channel == "reply"
                    && origin.id.is_some()
                    && (claims.id, &claims.dataset, claims.version)
                        == (origin.id, &origin.dataset, origin.version)
            }
            Lane::Push => {
                kind == "push"
                    && channel == "push"
                    && origin.push.is_some()
                    && (push, &claims.dataset) == (origin.push, &origin.dataset)
            }
            // The centre lets go of what a hello calls acknowledged.
            Lane::Status if kind == "hello" => {
                channel == "hello"
                    && origin.hello.is_some()
                    && claims.epoch.zip(claims.acked_sequence) == origin.hello
            }
            Lane::Status => {
                kind == channel && matches!(kind, "status" | "presence" | BUDGET_CHANNEL)
            }
            Lane::Enrol => kind == "enrol" && channel == "enrol",
            Lane::Result => kind == "result" && channel == "result",
            Lane::Quarantine => {
                kind == "quarantine"
                    && claims.channel.as_deref() == Some(channel)
                    && claims.file == Some(origin.quarantine_id())
                    && claims.id == origin.id
                    && (claims.dataset.is_none() || claims.dataset == origin.dataset)
                    && (push.is_none() || push == origin.push)
            }
            // Egress itself writes it.
            Lane::Audit => false,
        }
}

#[cfg(test)]
mod tests;
