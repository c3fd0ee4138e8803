//! Versions of flow sets.

use spokegate_contract::FlowSetId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Registry, RegistryError, count, natural};
use crate::module::ModuleNote;

/// One version of a flow set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlowSetRecord {
    /// The set.
    pub(crate) name: FlowSetId,
    /// 1, 2, … of each set.
    pub(crate) version: u64,
    /// By which its parcel is found.
    pub(crate) digest: [u8; 32],
    /// Length of the parcel.
    pub(crate) bytes: u64,
    /// Nodes in it, tabs among them.
    pub(crate) nodes: u64,
    /// Tabs in it.
    pub(crate) tabs: u64,
    /// Modules that go with it.
    pub(crate) modules: Vec<ModuleNote>,
    /// Where it came from, for people.
    pub(crate) source: String,
    /// When it was imported.
    pub(crate) imported_at_ms: u64,
}

/// Adds a version behind all others of its set, unless the newest holds the same; the newest then, and whether it is new.
pub(crate) async fn add(
    db: &mut SqliteConnection,
    mut record: FlowSetRecord,
) -> Result<(FlowSetRecord, bool), RegistryError> {
    let newest =
        sqlx::query("SELECT * FROM flow_set WHERE name = ?1 ORDER BY version DESC LIMIT 1")
            .bind(record.name.as_str())
            .fetch_optional(&mut *db)
            .await?;
    let newest = newest.as_ref().map(read).transpose()?;
    record.version = match newest {
        Some(newest) if newest.digest == record.digest => return Ok((newest, false)),
        Some(newest) => newest.version.saturating_add(1),
        None => 1,
    };
    sqlx::query(
        "INSERT INTO flow_set (name, version, digest, bytes, nodes, tabs, source, imported_at, modules)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(record.name.as_str())
    .bind(count(record.version))
    .bind(&record.digest[..])
    .bind(count(record.bytes))
    .bind(count(record.nodes))
    .bind(count(record.tabs))
    .bind(&record.source)
    .bind(count(record.imported_at_ms))
    .bind(serde_json::json!(record.modules).to_string())
    .execute(db)
    .await?;
    Ok((record, true))
}

impl Registry {
    /// All versions of all sets or of one, the newest of each first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) async fn flow_sets(
        &self,
        name: Option<&FlowSetId>,
    ) -> Result<Vec<FlowSetRecord>, RegistryError> {
        let rows = sqlx::query(
            "SELECT * FROM flow_set WHERE ?1 IS NULL OR name = ?1 ORDER BY name, version DESC",
        )
        .bind(name.map(FlowSetId::as_str))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<FlowSetRecord, RegistryError> {
    let damaged = || RegistryError::Damaged { what: "a flow set" };
    let digest: Vec<u8> = row.try_get("digest")?;
    let name: String = row.try_get("name")?;
    let modules: String = row.try_get("modules")?;
    Ok(FlowSetRecord {
        name: name.parse().map_err(|_| damaged())?,
        version: natural(row.try_get("version")?),
        digest: digest.try_into().map_err(|_| damaged())?,
        bytes: natural(row.try_get("bytes")?),
        nodes: natural(row.try_get("nodes")?),
        tabs: natural(row.try_get("tabs")?),
        modules: serde_json::from_str(&modules).map_err(|_| damaged())?,
        source: row.try_get("source")?,
        imported_at_ms: natural(row.try_get("imported_at")?),
    })
}
