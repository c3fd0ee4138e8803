//! Rows and versions as they are written, and what of them goes.

use spokegate_contract::Address;
use sqlx::Row as _;

use super::{FlowVersion, Tx};
use crate::flows::Row;
use crate::store::{signed, unsigned};

/// Snapshots that are not whole, of each satellite. One is coming; another may have been cut off.
const UNFINISHED_MAX: i64 = 2;
/// Characters of all versions of a satellite; the oldest go first, the newest stays.
const VERSIONS_BYTES_MAX: i64 = 64 * 1_048_576;

/// How far a snapshot is.
pub(super) struct Standing {
    /// Rows that are there.
    pub(super) rows: u64,
    /// Rows that there should be.
    pub(super) places: u64,
    /// Their characters.
    pub(super) size: u64,
}

/// The newest version, as far as the next one needs it.
pub(super) struct Latest {
    pub(super) number: u64,
    pub(super) snapshot: String,
    pub(super) epoch: u64,
    pub(super) sequence: u64,
}

pub(super) async fn row(
    tx: &mut Tx<'_>,
    address: &Address,
    row: &Row,
    received_at_ms: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO flow_part (tenant, satellite, snapshot, place, places, item, path, part, parts, body, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(&row.snapshot)
    .bind(i64::from(row.row))
    .bind(i64::from(row.rows))
    .bind(&row.item)
    .bind(&row.path)
    .bind(i64::from(row.part))
    .bind(i64::from(row.parts))
    .bind(&row.text)
    .bind(signed(received_at_ms))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub(super) async fn standing(
    tx: &mut Tx<'_>,
    address: &Address,
    snapshot: &str,
) -> Result<Standing, sqlx::Error> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS found, COALESCE(MAX(places), 1) AS places,
             CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) AS size
         FROM flow_part WHERE tenant = $1 AND satellite = $2 AND snapshot = $3",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(snapshot)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Standing {
        rows: unsigned(row.try_get("found")?),
        places: unsigned(row.try_get("places")?),
        size: unsigned(row.try_get("size")?),
    })
}

pub(super) async fn latest(
    tx: &mut Tx<'_>,
    address: &Address,
) -> Result<Option<Latest>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT number, snapshot, epoch, sequence FROM flow_version
         WHERE tenant = $1 AND satellite = $2 ORDER BY number DESC LIMIT 1",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        Ok(Latest {
            number: unsigned(row.try_get("number")?),
            snapshot: row.try_get("snapshot")?,
            epoch: unsigned(row.try_get("epoch")?),
            sequence: unsigned(row.try_get("sequence")?),
        })
    })
    .transpose()
}

pub(super) async fn version(
    tx: &mut Tx<'_>,
    version: &FlowVersion,
    (epoch, sequence): (u64, u64),
) -> Result<(), sqlx::Error> {
    let mut query = sqlx::query(
        "INSERT INTO flow_version (tenant, satellite, snapshot, number, taken_at, received_at, epoch, sequence, size_bytes,
             tabs, nodes, entries, credentialed,
             tabs_added, tabs_removed, tabs_changed, nodes_added, nodes_removed, nodes_changed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
    )
    .bind(version.address.tenant.as_str())
    .bind(version.address.satellite.as_str())
    .bind(&version.snapshot);
    let (tabs, nodes) = (version.changes.tabs, version.changes.nodes);
    let numbers = [
        version.number,
        version.taken_at_ms,
        version.received_at_ms,
        epoch,
        sequence,
        version.size_bytes,
        version.tabs,
        version.nodes,
        version.entries,
        version.credentialed,
        tabs.added,
        tabs.removed,
        tabs.changed,
        nodes.added,
        nodes.removed,
        nodes.changed,
    ];
    for number in numbers {
        query = query.bind(signed(number));
    }
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Removes a snapshot's rows, unless a version holds it.
pub(super) async fn forget(
    tx: &mut Tx<'_>,
    address: &Address,
    snapshot: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM flow_part WHERE tenant = $1 AND satellite = $2 AND snapshot = $3 AND snapshot NOT IN
             (SELECT snapshot FROM flow_version WHERE tenant = $1 AND satellite = $2)",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(snapshot)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes a satellite's versions that are too many or too large together, and rows that belong to none.
pub(super) async fn prune(
    tx: &mut Tx<'_>,
    address: &Address,
    versions_max: u32,
) -> Result<(), sqlx::Error> {
    for (number, snapshot) in too_many(tx, address, versions_max).await? {
        sqlx::query(
            "DELETE FROM flow_version WHERE tenant = $1 AND satellite = $2 AND number = $3",
        )
        .bind(address.tenant.as_str())
        .bind(address.satellite.as_str())
        .bind(number)
        .execute(&mut **tx)
        .await?;
        forget(tx, address, &snapshot).await?;
    }
    forget_cut_off(tx, address).await
}

/// Number and snapshot of the versions that go.
async fn too_many(
    tx: &mut Tx<'_>,
    address: &Address,
    versions_max: u32,
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    sqlx::query_as(
        "WITH placed AS (
             SELECT number, snapshot, ROW_NUMBER() OVER (ORDER BY number DESC) AS place,
                 SUM(size_bytes) OVER (ORDER BY number DESC) AS together
             FROM flow_version WHERE tenant = $1 AND satellite = $2)
         SELECT number, snapshot FROM placed WHERE place > 1 AND (place > $3 OR together > $4)",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(i64::from(versions_max))
    .bind(VERSIONS_BYTES_MAX)
    .fetch_all(&mut **tx)
    .await
}

/// Removes snapshots that are not whole, but the latest.
async fn forget_cut_off(tx: &mut Tx<'_>, address: &Address) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM flow_part WHERE tenant = $1 AND satellite = $2
             AND snapshot NOT IN (SELECT snapshot FROM flow_version WHERE tenant = $1 AND satellite = $2)
             AND snapshot NOT IN (SELECT snapshot FROM (
                 SELECT snapshot, MAX(received_at) AS last FROM flow_part WHERE tenant = $1 AND satellite = $2
                     AND snapshot NOT IN (SELECT snapshot FROM flow_version WHERE tenant = $1 AND satellite = $2)
                 GROUP BY snapshot ORDER BY last DESC, snapshot LIMIT $3) AS coming)",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(UNFINISHED_MAX)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
