//! What comes unasked: pushes, signs of life, quarantine. Stored first; only then does anybody hear that it was.

use std::sync::Arc;

use bytes::Bytes;
use spokegate_contract::record::{BudgetState, Content, Record, Refusal};
use spokegate_contract::{Address, DatasetId};

use super::{BodyFault, Contracts, Shared};
use crate::satellite_log;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::budgets::Standing;
use crate::store::pushes::{NewPush, Spool, SpoolEvent};
use crate::store::quarantine::Refused;
use crate::store::satellite_log::NewLines;
use crate::store::satellites::{News, Sighting};
use spokegate_contract::hex;

/// A record in the form in which it is stored.
pub(super) enum Taken {
    /// Something about a spool.
    Spool(Spool, SpoolEvent),
    /// Something heard of a satellite.
    Sighting(Sighting),
    /// How a satellite stands at that sanitizer.
    Standing(Standing),
    /// Something refused.
    Refused(Refused),
    /// A push that the sanitizer let through and the centre does not.
    RefusedHere(Spool, u64, Refused),
}

impl Taken {
    /// A push, checked against its contract.
    pub(super) fn push(contracts: &Contracts, record: Record<'_>, body: Bytes) -> Self {
        let Content::Push {
            dataset,
            epoch,
            sequence,
            captured_at_ms,
            ..
        } = record.content
        else {
            return Self::Sighting(Sighting {
                address: record.address,
                at_ms: record.at_ms,
                news: News::Presence(true),
            });
        };
        let (dataset, version) = dataset;
        let spool = (record.address, epoch);
        let checked = match contracts.of_tenant(&spool.0.tenant, &dataset, version) {
            Some(contract) => contract.count(&body),
            None => Err(BodyFault::Shape("dataset of the registry")),
        };
        match checked {
            Ok(_) if dataset.as_str() == satellite_log::DATASET => {
                let new = NewLines {
                    lines: satellite_log::lines(&body),
                    received_at_ms: record.at_ms,
                    // Whoever stores it knows how much.
                    bytes_max: u64::MAX,
                };
                Self::Spool(spool, SpoolEvent::Log(sequence, new))
            }
            Ok(rows) => {
                let rows = u64::try_from(rows).unwrap_or(u64::MAX);
                let received_at_ms = record.at_ms;
                let push = NewPush {
                    dataset,
                    version,
                    captured_at_ms,
                    received_at_ms,
                    rows,
                    body,
                };
                Self::Spool(spool, SpoolEvent::Push(sequence, push))
            }
            Err(fault) => {
                let refused = refused_here(&spool.0, record.at_ms, &dataset, &fault, &body);
                Self::RefusedHere(spool, sequence, refused)
            }
        }
    }

    /// A record of the status or the quarantine lane.
    pub(super) fn other(record: Record<'_>) -> Vec<Self> {
        let Record {
            address,
            at_ms,
            content,
        } = record;
        let sighting = |news| {
            Self::Sighting(Sighting {
                address: address.clone(),
                at_ms,
                news,
            })
        };
        match content {
            Content::Presence { online } => vec![sighting(News::Presence(online))],
            Content::Hello {
                agent_version,
                epoch,
                acked_sequence,
                datasets,
                ..
            } => {
                let datasets = datasets
                    .into_iter()
                    .map(|served| (served.dataset, served.version))
                    .collect();
                let hello = sighting(News::Hello {
                    agent_version: agent_version.into_owned(),
                    datasets,
                });
                // What the satellite no longer holds never comes: waiting for it would hold back every later ack.
                vec![
                    hello,
                    Self::Spool((address, epoch), SpoolEvent::Advance(acked_sequence)),
                ]
            }
            Content::Status {
                agent_version,
                sent_at_ms,
                spool_messages,
                spool_bytes,
                spool_oldest_ms,
                node_red,
                restart_due_ms,
                certificate,
            } => {
                let (agent_version, node_red) = (agent_version.into_owned(), node_red.into_owned());
                vec![sighting(News::Status {
                    agent_version,
                    sent_at_ms,
                    spool_messages,
                    spool_bytes,
                    spool_oldest_ms,
                    node_red,
                    restart_due_ms,
                    certificate,
                })]
            }
            Content::Budget { state, until_ms } => {
                vec![Self::Standing(standing(address, at_ms, (state, until_ms)))]
            }
            Content::Quarantine(refusal) => refused_there(address, at_ms, refusal),
            Content::Reply { .. }
            | Content::Failed { .. }
            | Content::Push { .. }
            | Content::Enrol(_)
            | Content::Result(_)
            | Content::Audit(_)
            | Content::AuditRoot(_) => Vec::new(),
        }
    }
}

/// How a satellite stands; which sanitizer says so is known where it is stored.
fn standing(address: Address, at_ms: u64, (state, until_ms): (BudgetState, u64)) -> Standing {
    Standing {
        address,
        sanitizer: String::new(),
        state,
        until_ms,
        at_ms,
    }
}

/// What the sanitizer refused; a push among it will not come again.
fn refused_there(address: Address, at_ms: u64, refusal: Refusal<'_>) -> Vec<Taken> {
    let disposed = refusal.push;
    let mut taken = vec![Taken::Refused(refused(&address, at_ms, refusal))];
    if let Some((epoch, sequence)) = disposed {
        let event = SpoolEvent::Disposed(sequence);
        taken.push(Taken::Spool((address, epoch), event));
    }
    taken
}

/// Stores what was taken, then lets the satellites know.
pub(super) async fn store(
    shared: &Arc<Shared>,
    sanitizer: usize,
    taken: Vec<Taken>,
) -> anyhow::Result<()> {
    let (mut spools, mut sightings, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut standings = Vec::new();
    for taken in taken {
        match taken {
            Taken::Spool(spool, mut event) => {
                if let SpoolEvent::Log(_, new) = &mut event {
                    new.bytes_max = shared.around.log_bytes_max;
                }
                spools.push((spool, event));
            }
            Taken::Sighting(sighting) => sightings.push(sighting),
            Taken::Refused(entry) => refused.push(entry),
            Taken::Standing(standing) => standings.push(standing),
            Taken::RefusedHere(spool, sequence, entry) => {
                tracing::warn!(
                    tenant.id = entry.tenant,
                    dataset = entry.dataset,
                    reason = entry.rule,
                    "a push passed the sanitizer but not the centre's own check"
                );
                refused.push(entry);
                spools.push((spool, SpoolEvent::Disposed(sequence)));
            }
        }
    }
    let around = &shared.around;
    let url = shared.sanitizers.get(sanitizer).map(|from| from.link.url());
    for entry in &mut refused {
        entry.sanitizer = url.unwrap_or_default().to_owned();
    }
    for mut standing in standings {
        standing.sanitizer = url.unwrap_or_default().to_owned();
        note_standing(shared, &standing).await?;
    }
    if !refused.is_empty() {
        let now_ms = around.clock.now_ms();
        around.store.quarantine_note(&refused, now_ms).await?;
    }
    if !sightings.is_empty() {
        around.store.satellite_note(&sightings).await?;
    }
    if !spools.is_empty() {
        let now_ms = around.clock.now_ms();
        let received_after_ms = now_ms.saturating_sub(around.pushes_keep_ms);
        let taken = around
            .store
            .push_take(&spools, now_ms, received_after_ms)
            .await?;
        let left_out = taken.left_out;
        metrics::counter!("spokegate_reports_pushes_total")
            .increment(spools.len() as u64 - left_out);
        metrics::counter!("spokegate_reports_pushes_left_out_total").increment(left_out);
        for address in &taken.to_record {
            record_left_out(shared, address, now_ms).await?;
        }
        for ((address, epoch), sequence) in taken.watermarks {
            // Nothing disposed of yet is nothing to say.
            if let Some(outbox) = shared
                .outbox(&address.tenant, sanitizer)
                .filter(|_| sequence > 0)
            {
                outbox.stored(address, epoch, sequence);
            }
        }
    }
    Ok(())
}

/// Stores how a satellite stands; an alert, once, when it was suspended.
async fn note_standing(shared: &Shared, standing: &Standing) -> Result<(), sqlx::Error> {
    let store = &shared.around.store;
    let changed = store.budget_note(standing).await?;
    if !changed || standing.state != BudgetState::Suspended {
        return Ok(());
    }
    let subject = format!("{}/{}", standing.address.tenant, standing.address.satellite);
    tracing::error!(
        tenant.id = %standing.address.tenant, satellite.id = %standing.address.satellite, sanitizer = standing.sanitizer,
        "the sanitizer has suspended a satellite: too much of what it sent was refused"
    );
    let event = AuditEvent {
        at_ms: standing.at_ms,
        actor: "relay",
        name: "",
        action: "satellite.suspend",
        decision: Decision::Denied,
        reason: "error-budget",
        subject: &subject,
        address: "",
    };
    store.audit(event).await.map(drop)
}

/// Says, once a minute, that a satellite names more new spools than it may.
async fn record_left_out(
    shared: &Shared,
    address: &Address,
    at_ms: u64,
) -> Result<(), sqlx::Error> {
    let event = AuditEvent {
        at_ms,
        actor: "relay",
        name: "",
        action: "push.take",
        decision: Decision::Denied,
        reason: "too-many-new-spools",
        subject: &format!("{}/{}", address.tenant, address.satellite),
        address: "",
    };
    shared.around.store.audit(event).await?;
    Ok(())
}

fn refused(address: &Address, at_ms: u64, refusal: Refusal<'_>) -> Refused {
    Refused {
        tenant: address.tenant.to_string(),
        satellite: address.satellite.to_string(),
        at_ms,
        channel: refusal.channel.into_owned(),
        dataset: refusal
            .dataset
            .map(|dataset| dataset.to_string())
            .unwrap_or_default(),
        reason: refusal.reason.into_owned(),
        rule: match refusal.found {
            Some(found) => format!("{}, found {found}", refusal.rule),
            None => refusal.rule.into_owned(),
        },
        pointer: refusal.pointer.into_owned(),
        size_bytes: refusal.size_bytes,
        sha256: refusal.sha256.into_owned(),
        file: refusal.file.to_string(),
        sanitizer: String::new(),
    }
}

fn refused_here(
    address: &Address,
    at_ms: u64,
    dataset: &DatasetId,
    fault: &BodyFault,
    body: &[u8],
) -> Refused {
    let (pointer, rule) = match fault {
        BodyFault::Shape(expected) => (String::new(), format!("is no {expected}")),
        BodyFault::Rule(violation) => (violation.pointer.clone(), violation.rule.clone()),
    };
    Refused {
        tenant: address.tenant.to_string(),
        satellite: address.satellite.to_string(),
        at_ms,
        channel: "push".into(),
        dataset: dataset.to_string(),
        reason: "centre-check".into(),
        rule,
        pointer,
        size_bytes: body.len() as u64,
        sha256: hex::encode(ring::digest::digest(&ring::digest::SHA256, body).as_ref()),
        file: String::new(),
        sanitizer: String::new(),
    }
}
