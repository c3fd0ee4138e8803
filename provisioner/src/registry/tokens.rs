//! Join tokens.

use spokegate_contract::Address;
use spokegate_identity::PublicKey;
use spokegate_identity::proof::JoinProofKey;
use sqlx::{Row as _, SqliteConnection};

use super::issued::{address, key};
use super::{RegistryError, count, natural};

/// A token to keep. Of the secret only its hash is kept.
pub(crate) struct NewToken<'a> {
    pub(crate) id: &'a str,
    pub(crate) proof_key: &'a JoinProofKey,
    pub(crate) address: &'a Address,
    pub(crate) created_at_ms: u64,
    pub(crate) expires_at_ms: u64,
    pub(crate) approval: bool,
}

/// A token as it is kept.
pub(crate) struct StoredToken {
    pub(crate) proof_key: JoinProofKey,
    pub(crate) address: Address,
    pub(crate) expires_at_ms: u64,
    pub(crate) approval: bool,
    pub(crate) used_by: Option<PublicKey>,
    pub(crate) voided: bool,
}

pub(crate) async fn add(
    db: &mut SqliteConnection,
    token: &NewToken<'_>,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO join_token (id, secret_sha256, tenant, satellite, created_at, expires_at, approval)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(token.id)
    .bind(&token.proof_key.expose()[..])
    .bind(token.address.tenant.as_str())
    .bind(token.address.satellite.as_str())
    .bind(count(token.created_at_ms))
    .bind(count(token.expires_at_ms))
    .bind(token.approval)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn get(
    db: &mut SqliteConnection,
    id: &str,
) -> Result<Option<StoredToken>, RegistryError> {
    let row = sqlx::query("SELECT * FROM join_token WHERE id = ?1")
        .bind(id)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let hash: Vec<u8> = row.try_get("secret_sha256")?;
    let hash: [u8; 32] = hash.try_into().map_err(|_| RegistryError::Damaged {
        what: "the hash of a token",
    })?;
    Ok(Some(StoredToken {
        proof_key: JoinProofKey::from_bytes(hash),
        address: address(&row)?,
        expires_at_ms: natural(row.try_get("expires_at")?),
        approval: row.try_get("approval")?,
        used_by: key(&row, "used_by")?,
        voided: row.try_get::<Option<i64>, _>("voided_at")?.is_some(),
    }))
}

/// From now on the token is good for this key alone.
pub(crate) async fn bind_to(
    db: &mut SqliteConnection,
    id: &str,
    key: &PublicKey,
    at_ms: u64,
) -> Result<(), RegistryError> {
    sqlx::query(
        "UPDATE join_token SET used_by = ?2, used_at = ?3 WHERE id = ?1 AND used_by IS NULL",
    )
    .bind(id)
    .bind(&key.as_bytes()[..])
    .bind(count(at_ms))
    .execute(db)
    .await?;
    Ok(())
}

/// Voids every token that is out for a satellite. How many were still good.
pub(crate) async fn void(
    db: &mut SqliteConnection,
    address: &Address,
    at_ms: u64,
) -> Result<u64, RegistryError> {
    let good: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM join_token WHERE tenant = ?1 AND satellite = ?2 AND voided_at IS NULL
         AND used_by IS NULL AND expires_at >= ?3",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(count(at_ms))
    .fetch_one(&mut *db)
    .await?;
    sqlx::query(
        "UPDATE join_token SET voided_at = ?3 WHERE tenant = ?1 AND satellite = ?2 AND voided_at IS NULL",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(count(at_ms))
    .execute(db)
    .await?;
    Ok(natural(good))
}
