//! Satellites: what each was issued, and the revocation of all of it.

use spokegate_contract::Address;
use spokegate_identity::Serial;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::issued::address;
use super::{Registry, RegistryError, count, natural};

/// A satellite as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SatelliteState {
    /// Tenant and satellite.
    pub address: Address,
    /// Certificates that have not ended and are not revoked.
    pub good: u64,
    /// The last moment of the latest of these, or of any when there is none.
    pub not_after_ms: u64,
    /// The latest revocation.
    pub revoked_at_ms: Option<u64>,
    /// The tenant is suspended.
    pub suspended: bool,
}

/// How many certificates a satellite was issued since a moment.
pub(crate) async fn issued_since(
    db: &mut SqliteConnection,
    address: &Address,
    since_ms: u64,
) -> Result<u64, RegistryError> {
    let issued: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM issued WHERE tenant = ?1 AND satellite = ?2 AND issued_at >= ?3",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(count(since_ms))
    .fetch_one(db)
    .await?;
    Ok(natural(issued))
}

/// Revokes every certificate that a satellite has, the ended ones too: they could still renew. How many.
pub(crate) async fn revoke(
    db: &mut SqliteConnection,
    address: &Address,
    reason: &str,
    at_ms: u64,
) -> Result<u64, RegistryError> {
    let done = sqlx::query(
        "UPDATE issued SET revoked_at = ?3, reason = ?4
         WHERE tenant = ?1 AND satellite = ?2 AND revoked_at IS NULL",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(count(at_ms))
    .bind(reason)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Revokes one certificate of the fabric authority, whoever's it is. Its holder.
pub(crate) async fn revoke_serial(
    db: &mut SqliteConnection,
    serial: &Serial,
    reason: &str,
    at_ms: u64,
) -> Result<Option<String>, RegistryError> {
    let holder: Option<String> =
        sqlx::query_scalar("SELECT holder FROM issued WHERE serial = ?1 AND authority = 'fabric'")
            .bind(serial.as_bytes())
            .fetch_optional(&mut *db)
            .await?;
    let Some(holder) = holder else {
        return Ok(None);
    };
    sqlx::query(
        "UPDATE issued SET revoked_at = ?2, reason = ?3 WHERE serial = ?1 AND revoked_at IS NULL",
    )
    .bind(serial.as_bytes())
    .bind(count(at_ms))
    .bind(reason)
    .execute(&mut *db)
    .await?;
    // Its key must not come back by the token that it came with.
    sqlx::query(
        "UPDATE join_token SET voided_at = ?2
         WHERE id = (SELECT token FROM issued WHERE serial = ?1) AND voided_at IS NULL",
    )
    .bind(serial.as_bytes())
    .bind(count(at_ms))
    .execute(db)
    .await?;
    Ok(Some(holder))
}

/// Whether anything was ever issued to a satellite.
pub(crate) async fn is_known(
    db: &mut SqliteConnection,
    address: &Address,
) -> Result<bool, RegistryError> {
    Ok(issued_since(db, address, 0).await? > 0)
}

/// The ids of a tenant's satellites: those with a certificate, and those that a token waits for.
pub(crate) async fn names(
    db: &mut SqliteConnection,
    tenant: &str,
) -> Result<Vec<String>, RegistryError> {
    Ok(sqlx::query_scalar(
        "SELECT satellite FROM issued WHERE tenant = ?1 AND satellite IS NOT NULL
         UNION SELECT satellite FROM join_token WHERE tenant = ?1",
    )
    .bind(tenant)
    .fetch_all(db)
    .await?)
}

impl Registry {
    /// Every satellite that was ever issued a certificate, in order.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn satellites(&self, now_ms: u64) -> Result<Vec<SatelliteState>, RegistryError> {
        let rows = sqlx::query(
            "SELECT tenant, satellite, max(revoked_at) AS revoked,
             sum(revoked_at IS NULL AND not_after > ?1) AS good,
             coalesce(max(CASE WHEN revoked_at IS NULL THEN not_after END), max(not_after)) AS until,
             tenant IN (SELECT tenant FROM suspended) AS suspended
             FROM issued WHERE tenant IS NOT NULL GROUP BY tenant, satellite ORDER BY tenant, satellite",
        )
        .bind(count(now_ms))
        .fetch_all(self.pool())
        .await?;
        let state = |row: &SqliteRow| {
            Ok(SatelliteState {
                address: address(row)?,
                good: natural(row.try_get("good")?),
                not_after_ms: natural(row.try_get("until")?),
                revoked_at_ms: row.try_get::<Option<i64>, _>("revoked")?.map(natural),
                suspended: row.try_get("suspended")?,
            })
        };
        rows.iter().map(state).collect()
    }
}
