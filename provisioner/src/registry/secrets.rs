//! Which secrets satellites keep, and to which key they are sealed.

use spokegate_contract::{Address, SecretName, TenantId};
use spokegate_identity::PublicKey;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::issued::address;
use super::{Registry, RegistryError, count, natural};

/// A secret that a satellite keeps, or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretRecord {
    /// Whose it is.
    pub(crate) address: Address,
    /// Its name.
    pub(crate) name: SecretName,
    /// It was removed.
    pub(crate) removed: bool,
    /// The number of the command that did it.
    pub(crate) number: u64,
    /// When that was known here.
    pub(crate) at_ms: u64,
}

/// The key of the latest certificate of a satellite that is good.
pub(crate) async fn key_of(
    db: &mut SqliteConnection,
    address: &Address,
    now_ms: u64,
) -> Result<Option<PublicKey>, RegistryError> {
    let key: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT public_key FROM issued WHERE tenant = ?1 AND satellite = ?2 AND revoked_at IS NULL AND not_after > ?3
         ORDER BY issued_at DESC, not_after DESC LIMIT 1",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(count(now_ms))
    .fetch_optional(db)
    .await?;
    key.map(|key| {
        PublicKey::from_bytes(&key).map_err(|_| RegistryError::Damaged {
            what: "a public key",
        })
    })
    .transpose()
}

/// Notes what a satellite did with a secret; what a later command did stays.
pub(crate) async fn note(
    db: &mut SqliteConnection,
    secret: &SecretRecord,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO secret (tenant, satellite, name, removed, number, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (tenant, satellite, name) DO UPDATE SET removed = ?4, number = ?5, at = ?6 WHERE number < ?5",
    )
    .bind(secret.address.tenant.as_str())
    .bind(secret.address.satellite.as_str())
    .bind(secret.name.as_str())
    .bind(secret.removed)
    .bind(count(secret.number))
    .bind(count(secret.at_ms))
    .execute(db)
    .await?;
    Ok(())
}

impl Registry {
    /// The secrets that a tenant's satellites keep or kept, by satellite and name.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) async fn secrets(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<SecretRecord>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM secret WHERE tenant = ?1 ORDER BY satellite, name")
            .bind(tenant.as_str())
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<SecretRecord, RegistryError> {
    let name: String = row.try_get("name")?;
    let damaged = |_| RegistryError::Damaged {
        what: "the name of a secret",
    };
    Ok(SecretRecord {
        address: address(row)?,
        name: name.parse().map_err(damaged)?,
        removed: row.try_get("removed")?,
        number: natural(row.try_get("number")?),
        at_ms: natural(row.try_get("at")?),
    })
}
