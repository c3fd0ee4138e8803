//! Versions of what satellites' Node-RED keeps: the rows of their snapshots, and a version once a snapshot is whole.

mod keep;

use std::collections::BTreeSet;

use spokegate_contract::{Address, TenantId};
use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};

use super::pushes::{NewPush, Spool};
use super::{Store, signed, unsigned};
use crate::flows::changes::tally;
use crate::flows::{Changes, Count, DATASET, Row, Snapshot, TEXT_MAX, VERSION};

type Tx<'a> = Transaction<'a, Any>;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowVersion {
    /// Whose.
    pub address: Address,
    /// Its number, from 1.
    pub number: u64,
    /// SHA-256 of what it holds.
    pub snapshot: String,
    /// When the agent took it, in milliseconds since 1970.
    pub taken_at_ms: u64,
    /// When it came in.
    pub received_at_ms: u64,
    /// Characters of it.
    pub size_bytes: u64,
    /// Tabs and subflows.
    pub tabs: u64,
    /// All other nodes.
    pub nodes: u64,
    /// Entries of the library.
    pub entries: u64,
    /// Nodes with credentials, which stay in the segment.
    pub credentialed: u64,
    /// What it changes against the one before.
    pub changes: Changes,
}

/// Whether a push is a piece of a snapshot.
pub(super) fn is_piece(push: &NewPush) -> bool {
    push.dataset.as_str() == DATASET && push.version == VERSION
}

/// Takes in a piece; a version when it makes a snapshot whole that is not the newest already.
pub(super) async fn take(
    tx: &mut Tx<'_>,
    (address, epoch): &Spool,
    sequence: u64,
    push: &NewPush,
    versions_max: u32,
) -> Result<(), sqlx::Error> {
    let rows: Vec<Row> = match serde_json::from_slice(&push.body) {
        Ok(rows) => rows,
        Err(error) => {
            // Its contract has been checked.
            tracing::error!(tenant.id = %address.tenant, satellite.id = %address.satellite, %error, "rows of a snapshot cannot be read");
            return Ok(());
        }
    };
    for row in &rows {
        keep::row(tx, address, row, push.received_at_ms).await?;
    }
    let snapshots: BTreeSet<&str> = rows.iter().map(|row| row.snapshot.as_str()).collect();
    for snapshot in snapshots {
        if let Some(found) = whole(tx, address, snapshot).await? {
            add(tx, address, (*epoch, sequence), (snapshot, &found), push).await?;
        }
    }
    keep::prune(tx, address, versions_max).await
}

/// A snapshot once all of its rows are there and are what they should be; what can never be one is removed.
async fn whole(
    tx: &mut Tx<'_>,
    address: &Address,
    snapshot: &str,
) -> Result<Option<Snapshot>, sqlx::Error> {
    let standing = keep::standing(tx, address, snapshot).await?;
    if standing.size <= TEXT_MAX && standing.rows < standing.places {
        return Ok(None);
    }
    let fault = if standing.size > TEXT_MAX {
        format!("it has more than {TEXT_MAX} characters")
    } else {
        let rows = rows_of(&mut **tx, address, snapshot).await?;
        match Snapshot::of(snapshot, &rows) {
            Ok(found) => return Ok(Some(found)),
            Err(fault) => fault.to_string(),
        }
    };
    tracing::warn!(
        tenant.id = %address.tenant, satellite.id = %address.satellite, reason = fault,
        "a satellite sent what is no snapshot of its flows"
    );
    keep::forget(tx, address, snapshot).await?;
    Ok(None)
}

async fn add(
    tx: &mut Tx<'_>,
    address: &Address,
    (epoch, sequence): (u64, u64),
    (snapshot, found): (&str, &Snapshot),
    push: &NewPush,
) -> Result<(), sqlx::Error> {
    let latest = keep::latest(tx, address).await?;
    let is_old = latest.as_ref().is_some_and(|latest| {
        latest.snapshot == snapshot || (latest.epoch == epoch && latest.sequence > sequence)
    });
    if is_old {
        return Ok(());
    }
    let before = match &latest {
        Some(latest) => rows_of(&mut **tx, address, &latest.snapshot).await?,
        None => Vec::new(),
    };
    let before = latest
        .as_ref()
        .and_then(|latest| Snapshot::of(&latest.snapshot, &before).ok());
    let before = before.map(|before| before.flows).unwrap_or_default();
    let (tabs, nodes) = tally(&found.flows);
    let version = FlowVersion {
        address: address.clone(),
        number: latest.map_or(1, |latest| latest.number + 1),
        snapshot: snapshot.to_owned(),
        taken_at_ms: push.captured_at_ms.min(push.received_at_ms),
        received_at_ms: push.received_at_ms,
        size_bytes: found.size,
        tabs,
        nodes,
        entries: found.library.len() as u64,
        credentialed: found.credentialed.len() as u64,
        changes: Changes::between(&before, &found.flows),
    };
    keep::version(tx, &version, (epoch, sequence)).await
}

impl Store {
    /// How many versions of each satellite are kept from now on.
    pub fn keep_flow_versions(&self, versions_max: u32) {
        self.flow_versions_max
            .store(versions_max, std::sync::atomic::Ordering::Relaxed);
    }

    /// The newest version of each satellite: of one tenant, or of all.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn flows_latest(
        &self,
        tenant: Option<&TenantId>,
    ) -> Result<Vec<FlowVersion>, sqlx::Error> {
        let rows = sqlx::query(
            "WITH placed AS (SELECT *, ROW_NUMBER() OVER (
                 PARTITION BY tenant, satellite ORDER BY number DESC) AS place
                 FROM flow_version WHERE $1 = '' OR tenant = $1)
             SELECT * FROM placed WHERE place = 1 ORDER BY tenant, satellite",
        )
        .bind(tenant.map_or("", TenantId::as_str))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// A satellite's versions, the newest first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn flow_versions(&self, address: &Address) -> Result<Vec<FlowVersion>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM flow_version WHERE tenant = $1 AND satellite = $2 ORDER BY number DESC",
        )
        .bind(address.tenant.as_str())
        .bind(address.satellite.as_str())
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// What a version holds; `None` when it is not there.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn flow_snapshot(
        &self,
        address: &Address,
        number: u64,
    ) -> Result<Option<Snapshot>, sqlx::Error> {
        let snapshot: Option<String> = sqlx::query_scalar(
            "SELECT snapshot FROM flow_version WHERE tenant = $1 AND satellite = $2 AND number = $3",
        )
        .bind(address.tenant.as_str())
        .bind(address.satellite.as_str())
        .bind(signed(number))
        .fetch_optional(self.pool())
        .await?;
        let Some(snapshot) = snapshot else {
            return Ok(None);
        };
        let rows = rows_of(self.pool(), address, &snapshot).await?;
        let found = Snapshot::of(&snapshot, &rows);
        found
            .map(Some)
            .map_err(|fault| sqlx::Error::Decode(Box::new(fault)))
    }
}

async fn rows_of<'c>(
    from: impl sqlx::Executor<'c, Database = Any>,
    address: &Address,
    snapshot: &str,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT place, places, item, path, part, parts, body FROM flow_part
         WHERE tenant = $1 AND satellite = $2 AND snapshot = $3 ORDER BY place",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(snapshot)
    .fetch_all(from)
    .await?;
    let number = |row: &AnyRow, name: &str| {
        let number: i64 = row.try_get(name)?;
        u32::try_from(number).map_err(|error| sqlx::Error::Decode(Box::new(error)))
    };
    let read = |row: &AnyRow| {
        Ok(Row {
            snapshot: snapshot.to_owned(),
            row: number(row, "place")?,
            rows: number(row, "places")?,
            item: row.try_get("item")?,
            path: row.try_get("path")?,
            part: number(row, "part")?,
            parts: number(row, "parts")?,
            text: row.try_get("body")?,
        })
    };
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<FlowVersion, sqlx::Error> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let number = |name: &str| row.try_get(name).map(unsigned);
    let count = |of: &str| {
        Ok::<_, sqlx::Error>(Count {
            added: number(&format!("{of}_added"))?,
            removed: number(&format!("{of}_removed"))?,
            changed: number(&format!("{of}_changed"))?,
        })
    };
    let tenant = text("tenant")?.parse().map_err(undecodable)?;
    let satellite = text("satellite")?.parse().map_err(undecodable)?;
    Ok(FlowVersion {
        address: Address::new(tenant, satellite),
        number: number("number")?,
        snapshot: text("snapshot")?,
        taken_at_ms: number("taken_at")?,
        received_at_ms: number("received_at")?,
        size_bytes: number("size_bytes")?,
        tabs: number("tabs")?,
        nodes: number("nodes")?,
        entries: number("entries")?,
        credentialed: number("credentialed")?,
        changes: Changes {
            tabs: count("tabs")?,
            nodes: count("nodes")?,
        },
    })
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

#[cfg(test)]
mod tests;
