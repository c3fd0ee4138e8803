//! Versions of the agent.

use spokegate_identity::release::{Release, SignedRelease, Version};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Registry, RegistryError, count, natural};

/// One build of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReleaseRecord {
    /// As its key signed it.
    pub(crate) signed: SignedRelease,
    /// By which its parcel is found.
    pub(crate) digest: [u8; 32],
    /// When it was added.
    pub(crate) added_at_ms: u64,
}

/// Adds a build; `false` when this version has another for the same machines.
pub(crate) async fn add(
    db: &mut SqliteConnection,
    release: &Release,
    signed: &SignedRelease,
    now_ms: u64,
) -> Result<bool, RegistryError> {
    // The same build may be signed anew, after a change of keys.
    let added = sqlx::query(
        "INSERT INTO release (version, architecture, digest, signed, added_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (version, architecture) DO UPDATE SET signed = ?4 WHERE digest = ?3",
    )
    .bind(release.version.to_string())
    .bind(release.architecture.as_str())
    .bind(&release.digest[..])
    .bind(signed.to_json())
    .bind(count(now_ms))
    .execute(db)
    .await?;
    Ok(added.rows_affected() > 0)
}

impl Registry {
    /// The builds of all versions, the newest version first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) async fn releases(&self) -> Result<Vec<ReleaseRecord>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM release ORDER BY architecture")
            .fetch_all(self.pool())
            .await?;
        let mut releases = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        releases.sort_by_key(|release| std::cmp::Reverse(release.signed.version()));
        Ok(releases)
    }

    /// The builds of one version.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) async fn builds(
        &self,
        version: Version,
    ) -> Result<Vec<ReleaseRecord>, RegistryError> {
        let mut releases = self.releases().await?;
        releases.retain(|release| release.signed.version() == version);
        Ok(releases)
    }
}

fn read(row: &SqliteRow) -> Result<ReleaseRecord, RegistryError> {
    let damaged = || RegistryError::Damaged { what: "a release" };
    let signed: String = row.try_get("signed")?;
    let digest: Vec<u8> = row.try_get("digest")?;
    Ok(ReleaseRecord {
        signed: SignedRelease::from_json(signed.as_bytes()).map_err(|_| damaged())?,
        digest: digest.try_into().map_err(|_| damaged())?,
        added_at_ms: natural(row.try_get("added_at")?),
    })
}
