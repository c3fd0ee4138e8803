//! The revocation list: what belongs on it, and the present one.

use sha2::{Digest as _, Sha256};
use spokegate_contract::TenantId;
use spokegate_identity::Serial;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::issued::serial;
use super::{Registry, RegistryError, count, natural};

/// The reason of a certificate whose tenant is suspended.
const HOLD: &str = "certificate-hold";

/// A certificate stays on the list this long after its end: for a broker whose clock is behind it has not ended.
const CLOCK_SKEW_MS: u64 = 3_600_000;

/// A certificate on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) serial: Serial,
    pub(crate) reason: String,
    pub(crate) at_ms: u64,
}

/// The present list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListState {
    /// Its number; every list has a higher one than the list before.
    pub number: u64,
    /// When it was made.
    pub made_at_ms: u64,
    /// How many certificates stand on it.
    pub entries: u64,
    /// The signed list.
    pub der: Vec<u8>,
}

/// A list to keep.
pub(crate) struct Stored<'a> {
    pub(crate) number: u64,
    pub(crate) made_at_ms: u64,
    pub(crate) listed: &'a [Listed],
    pub(crate) der: &'a [u8],
}

/// What belongs on the list: certificates of the fabric authority that have not ended, by anybody's clock, and are revoked,
/// or whose tenant is suspended. By serial, so that the same content is the same list.
pub(crate) async fn content(
    db: &mut SqliteConnection,
    now_ms: u64,
) -> Result<Vec<Listed>, RegistryError> {
    let rows = sqlx::query(
        "SELECT serial, coalesce(issued.reason, ?2) AS reason, coalesce(revoked_at, suspended.at) AS since
         FROM issued LEFT JOIN suspended ON suspended.tenant = issued.tenant
         WHERE authority = 'fabric' AND not_after >= ?1 AND (revoked_at IS NOT NULL OR suspended.at IS NOT NULL)
         ORDER BY serial",
    )
    .bind(count(now_ms.saturating_sub(CLOCK_SKEW_MS)))
    .bind(HOLD)
    .fetch_all(db)
    .await?;
    let listed = |row: &SqliteRow| {
        Ok(Listed {
            serial: serial(row)?,
            reason: row.try_get("reason")?,
            at_ms: natural(row.try_get("since")?),
        })
    };
    rows.iter().map(listed).collect()
}

/// The present list, and whether it has this content.
pub(crate) async fn present(
    db: &mut SqliteConnection,
    listed: &[Listed],
) -> Result<Option<(ListState, bool)>, RegistryError> {
    let row = sqlx::query("SELECT * FROM revocation_list")
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        let content: Vec<u8> = row.try_get("content")?;
        Ok((read(&row)?, content == digest(listed)))
    })
    .transpose()
}

pub(crate) async fn keep(
    db: &mut SqliteConnection,
    list: &Stored<'_>,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT OR REPLACE INTO revocation_list (only, number, made_at, entries, content, der)
         VALUES (1, ?1, ?2, ?3, ?4, ?5)",
    )
    .bind(count(list.number))
    .bind(count(list.made_at_ms))
    .bind(count(list.listed.len() as u64))
    .bind(digest(list.listed))
    .bind(list.der)
    .execute(db)
    .await?;
    Ok(())
}

impl Registry {
    /// The present list; none before the first was made.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn list(&self) -> Result<Option<ListState>, RegistryError> {
        let row = sqlx::query("SELECT * FROM revocation_list")
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The number of the present list, 0 before the first; cheap enough to be asked several times a second.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn list_number(&self) -> Result<u64, RegistryError> {
        let number: Option<i64> = sqlx::query_scalar("SELECT number FROM revocation_list")
            .fetch_optional(self.pool())
            .await?;
        Ok(natural(number.unwrap_or(0)))
    }

    /// The suspended tenants, and since when.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn suspended(&self) -> Result<Vec<(TenantId, u64)>, RegistryError> {
        let rows = sqlx::query("SELECT tenant, at FROM suspended ORDER BY tenant")
            .fetch_all(self.pool())
            .await?;
        let read = |row: &SqliteRow| {
            let tenant: String = row.try_get("tenant")?;
            let tenant = tenant.parse().map_err(|_| RegistryError::Damaged {
                what: "the name of a tenant",
            })?;
            Ok((tenant, natural(row.try_get("at")?)))
        };
        rows.iter().map(read).collect()
    }

    /// How many requests wait for approval.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn requests_waiting(&self, now_ms: u64) -> Result<u64, RegistryError> {
        let mut db = self.pool().acquire().await?;
        super::requests::waiting(&mut db, now_ms).await
    }
}

fn digest(listed: &[Listed]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for Listed {
        serial,
        reason,
        at_ms,
    } in listed
    {
        hasher.update(format!("{serial} {reason} {at_ms}\n"));
    }
    hasher.finalize().to_vec()
}

fn read(row: &SqliteRow) -> Result<ListState, RegistryError> {
    Ok(ListState {
        number: natural(row.try_get("number")?),
        made_at_ms: natural(row.try_get("made_at")?),
        entries: natural(row.try_get("entries")?),
        der: row.try_get("der")?,
    })
}
