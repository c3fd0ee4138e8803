//! Pushes: stored once each, counted as disposed of only when stored.

mod epochs;
mod stored;
mod watermark;

pub(super) use epochs::NewEpochs;
pub use stored::StoredPush;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use spokegate_contract::{Address, DatasetId};
use sqlx::{Any, Transaction};

use super::satellite_log::{self, NewLines};
use super::{Store, flows, signed, unsigned};
use watermark::{Seen, Watermark};

/// Pushes kept per satellite and dataset, whatever their age.
const KEPT_PER_DATASET_MAX: i64 = 50;
/// Spools remembered per satellite, by last use. One is in use; more come when a spool is made anew.
const EPOCHS_MAX: i64 = 16;
/// Bytes of pushes written in one turn; a larger push is written alone.
const BATCH_BYTES_MAX: usize = 4 * 1_048_576;
/// Spools touched in one turn.
const BATCH_SPOOLS_MAX: usize = 16;

/// Data that a satellite sent unasked, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPush {
    /// What it is.
    pub dataset: DatasetId,
    /// The version of its contract.
    pub version: u16,
    /// When the satellite took it, in milliseconds since 1970.
    pub captured_at_ms: u64,
    /// When the sanitizer took it in.
    pub received_at_ms: u64,
    /// How many rows it has.
    pub rows: u64,
    /// Canonical JSON.
    pub body: Bytes,
}

/// What happened in a satellite's spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpoolEvent {
    /// A push arrived.
    Push(u64, NewPush),
    /// A push of lines arrived.
    Log(u64, NewLines),
    /// A push was refused and will not come again.
    Disposed(u64),
    /// The satellite holds nothing up to here any more.
    Advance(u64),
}

/// A satellite's spool: its address and its epoch.
pub type Spool = (Address, u64);

/// What became of events.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PushesTaken {
    /// The watermark of every spool concerned.
    pub watermarks: Vec<(Spool, u64)>,
    /// How many events were left out, to come again, because their satellite named too many new spools.
    pub left_out: u64,
    /// The satellites of which that is to be recorded: each once per window.
    pub to_record: Vec<Address>,
}

impl Store {
    /// Takes in what happened in spools, batch by batch; others may write between two of them. Events of further new
    /// spools than a satellite may name at a time are left out: not stored and without a watermark.
    ///
    /// # Errors
    /// When the store cannot write. Earlier batches are then stored; given again, they are dropped as repeats.
    pub async fn push_take(
        &self,
        events: &[(Spool, SpoolEvent)],
        now_ms: u64,
        received_after_ms: u64,
    ) -> Result<PushesTaken, sqlx::Error> {
        let (events, mut taken) = self.admit(events, now_ms).await?;
        let mut watermarks = BTreeMap::new();
        let mut rest = &events[..];
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(batch_length(rest));
            rest = later;
            let turn = self.turn().await?;
            let mut tx = turn.begin().await?;
            let keep = Keep {
                received_after_ms,
                flow_versions_max: self.flow_versions_max.load(Ordering::Relaxed),
            };
            let written = take_batch(&mut tx, batch, now_ms, keep).await?;
            tx.commit().await?;
            watermarks.extend(written);
        }
        taken.watermarks = watermarks.into_iter().collect();
        Ok(taken)
    }

    /// The events of spools that are known, or new and not too many.
    async fn admit<'a>(
        &self,
        events: &'a [(Spool, SpoolEvent)],
        now_ms: u64,
    ) -> Result<(Vec<&'a (Spool, SpoolEvent)>, PushesTaken), sqlx::Error> {
        let addresses: BTreeSet<&Address> =
            events.iter().map(|((address, _), _)| address).collect();
        let mut known: BTreeMap<&Address, BTreeSet<i64>> = BTreeMap::new();
        for address in addresses {
            let epochs: Vec<i64> = sqlx::query_scalar(
                "SELECT epoch FROM push_epoch WHERE tenant = $1 AND satellite = $2",
            )
            .bind(address.tenant.as_str())
            .bind(address.satellite.as_str())
            .fetch_all(self.pool())
            .await?;
            known.insert(address, epochs.into_iter().collect());
        }
        let mut taken = PushesTaken::default();
        let mut new_epochs = self
            .epochs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let admitted = events
            .iter()
            .filter(|((address, epoch), _)| {
                if known[address].contains(&signed(*epoch)) {
                    return true;
                }
                let verdict = new_epochs.take(address, *epoch, now_ms);
                if let Err(refused) = verdict {
                    taken.left_out += 1;
                    if refused.first {
                        taken.to_record.push(address.clone());
                    }
                }
                verdict.is_ok()
            })
            .collect();
        Ok((admitted, taken))
    }
}

type Tx<'a> = Transaction<'a, Any>;

/// What of it stays.
#[derive(Clone, Copy)]
struct Keep {
    received_after_ms: u64,
    flow_versions_max: u32,
}

/// How many of these events are written in one turn; at least one.
fn batch_length(events: &[&(Spool, SpoolEvent)]) -> usize {
    let (mut bytes, mut spools) = (0, BTreeSet::new());
    let fits = events
        .iter()
        .take(super::BATCH_MAX)
        .take_while(|(spool, event)| {
            bytes += match event {
                SpoolEvent::Push(_, push) => push.body.len(),
                SpoolEvent::Log(_, new) => new.lines.iter().map(|line| line.line.len()).sum(),
                SpoolEvent::Disposed(_) | SpoolEvent::Advance(_) => 0,
            };
            spools.insert(spool);
            bytes <= BATCH_BYTES_MAX && spools.len() <= BATCH_SPOOLS_MAX
        })
        .count();
    fits.max(1)
}

async fn take_batch(
    tx: &mut Tx<'_>,
    events: &[&(Spool, SpoolEvent)],
    now_ms: u64,
    keep: Keep,
) -> Result<Vec<(Spool, u64)>, sqlx::Error> {
    let mut spools: BTreeMap<&Spool, (Watermark, Watermark)> = BTreeMap::new();
    for (spool, event) in events {
        let (watermark, _) = match spools.entry(spool) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let known = read_watermark(tx, spool).await?;
                entry.insert((known.clone(), known))
            }
        };
        match event {
            SpoolEvent::Push(sequence, push) => {
                if watermark.take(*sequence) == Seen::New {
                    take(tx, spool, *sequence, push, keep).await?;
                }
            }
            SpoolEvent::Log(sequence, new) => {
                if watermark.take(*sequence) == Seen::New {
                    satellite_log::note(tx, &spool.0, new).await?;
                }
            }
            SpoolEvent::Disposed(sequence) => {
                watermark.take(*sequence);
            }
            SpoolEvent::Advance(sequence) => watermark.advance(*sequence),
        }
    }
    for (spool, (watermark, known)) in &spools {
        if watermark != known {
            write_watermark(tx, spool, watermark, known, now_ms).await?;
        }
    }
    Ok(spools
        .into_iter()
        .map(|(spool, (watermark, _))| (spool.clone(), watermark.contiguous()))
        .collect())
}

/// Stores a push: as it is, or as a piece of a satellite's flows.
async fn take(
    tx: &mut Tx<'_>,
    spool: &Spool,
    sequence: u64,
    push: &NewPush,
    keep: Keep,
) -> Result<(), sqlx::Error> {
    if flows::is_piece(push) {
        return flows::take(tx, spool, sequence, push, keep.flow_versions_max).await;
    }
    insert(tx, spool, sequence, push).await?;
    prune(tx, &spool.0, push, keep.received_after_ms).await
}

async fn read_watermark(
    tx: &mut Tx<'_>,
    (address, epoch): &Spool,
) -> Result<Watermark, sqlx::Error> {
    let watermark: Option<i64> = sqlx::query_scalar(
        "SELECT watermark FROM push_epoch WHERE tenant = $1 AND satellite = $2 AND epoch = $3",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(signed(*epoch))
    .fetch_optional(&mut **tx)
    .await?;
    let above: Vec<i64> = sqlx::query_scalar(
        "SELECT sequence FROM push_above WHERE tenant = $1 AND satellite = $2 AND epoch = $3",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(signed(*epoch))
    .fetch_all(&mut **tx)
    .await?;
    Ok(Watermark::new(
        watermark.map_or(0, unsigned),
        above.into_iter().map(unsigned),
    ))
}

async fn write_watermark(
    tx: &mut Tx<'_>,
    (address, epoch): &Spool,
    watermark: &Watermark,
    known: &Watermark,
    now_ms: u64,
) -> Result<(), sqlx::Error> {
    let (tenant, satellite, epoch) = (
        address.tenant.as_str(),
        address.satellite.as_str(),
        signed(*epoch),
    );
    sqlx::query(
        // Later than every other spool of the satellite, even when the clock went back: the one written is never last.
        "INSERT INTO push_epoch (tenant, satellite, epoch, watermark, touched_at)
         SELECT $1, $2, $3, $4, CASE WHEN $5 > last.at THEN $5 ELSE last.at END FROM
             (SELECT COALESCE(MAX(touched_at), 0) + 1 AS at FROM push_epoch
                 WHERE tenant = $1 AND satellite = $2) AS last WHERE TRUE
         ON CONFLICT (tenant, satellite, epoch) DO UPDATE
             SET watermark = excluded.watermark, touched_at = excluded.touched_at",
    )
    .bind(tenant)
    .bind(satellite)
    .bind(epoch)
    .bind(signed(watermark.contiguous()))
    .bind(signed(now_ms))
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM push_above WHERE tenant = $1 AND satellite = $2 AND epoch = $3 AND sequence <= $4")
        .bind(tenant)
        .bind(satellite)
        .bind(epoch)
        .bind(signed(watermark.contiguous()))
        .execute(&mut **tx)
        .await?;
    for sequence in watermark
        .above()
        .filter(|sequence| !known.is_above(*sequence))
    {
        sqlx::query(
            "INSERT INTO push_above (tenant, satellite, epoch, sequence) VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant)
        .bind(satellite)
        .bind(epoch)
        .bind(signed(sequence))
        .execute(&mut **tx)
        .await?;
    }
    forget_spools(tx, address).await
}

/// Forgets the spools of a satellite that were used longest ago.
async fn forget_spools(tx: &mut Tx<'_>, address: &Address) -> Result<(), sqlx::Error> {
    for table in ["push_epoch", "push_above"] {
        // Names of our own tables, not text from elsewhere.
        let forget = format!(
            "DELETE FROM {table} WHERE tenant = $1 AND satellite = $2 AND epoch NOT IN
             (SELECT epoch FROM push_epoch WHERE tenant = $1 AND satellite = $2 ORDER BY touched_at DESC LIMIT $3)"
        );
        sqlx::query(sqlx::AssertSqlSafe(forget))
            .bind(address.tenant.as_str())
            .bind(address.satellite.as_str())
            .bind(EPOCHS_MAX)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx<'_>,
    spool: &Spool,
    sequence: u64,
    push: &NewPush,
) -> Result<(), sqlx::Error> {
    let (address, epoch) = spool;
    sqlx::query(
        "INSERT INTO push (tenant, satellite, epoch, sequence, dataset, version, captured_at, received_at, row_count, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (tenant, satellite, epoch, sequence) DO NOTHING",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(signed(*epoch))
    .bind(signed(sequence))
    .bind(push.dataset.as_str())
    .bind(i64::from(push.version))
    // A clock that runs ahead must not make old data look fresh for ever.
    .bind(signed(push.captured_at_ms.min(push.received_at_ms)))
    .bind(signed(push.received_at_ms))
    .bind(signed(push.rows))
    .bind(push.body.as_ref())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn prune(
    tx: &mut Tx<'_>,
    address: &Address,
    push: &NewPush,
    received_after_ms: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH kept AS (
             SELECT id, received_at, ROW_NUMBER() OVER (ORDER BY captured_at DESC, id DESC) AS place FROM push
             WHERE tenant = $1 AND satellite = $2 AND dataset = $3 AND version = $4)
         DELETE FROM push WHERE id IN (
             SELECT id FROM kept WHERE place > 1 AND (place > $5 OR received_at < $6))",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(push.dataset.as_str())
    .bind(i64::from(push.version))
    .bind(KEPT_PER_DATASET_MAX)
    .bind(signed(received_after_ms))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
