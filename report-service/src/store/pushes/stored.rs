//! Pushes as runs use them.

use bytes::Bytes;
use spokegate_contract::{Address, DatasetId, TenantId};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::store::{Store, unsigned};

/// A push as a run uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPush {
    /// Its row.
    pub id: i64,
    /// Who sent it.
    pub address: Address,
    /// The version of its contract.
    pub version: u16,
    /// When it was captured, in milliseconds since 1970.
    pub captured_at_ms: u64,
}

impl Store {
    /// The latest push of each version of a dataset from each satellite of a tenant.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn push_latest(
        &self,
        tenant: &TenantId,
        dataset: &DatasetId,
    ) -> Result<Vec<StoredPush>, sqlx::Error> {
        let rows = sqlx::query(
            "WITH placed AS (
                 SELECT id, satellite, version, captured_at, ROW_NUMBER() OVER (
                     PARTITION BY satellite, version ORDER BY captured_at DESC, id DESC) AS place
                 FROM push WHERE tenant = $1 AND dataset = $2)
             SELECT id, satellite, version, captured_at FROM placed WHERE place = 1 ORDER BY satellite, version",
        )
        .bind(tenant.as_str())
        .bind(dataset.as_str())
        .fetch_all(self.pool())
        .await?;
        let read = |row: &AnyRow| {
            let satellite: String = row.try_get("satellite")?;
            let satellite = satellite
                .parse()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(StoredPush {
                id: row.try_get("id")?,
                address: Address::new(tenant.clone(), satellite),
                version: u16::try_from(row.try_get::<i64, _>("version")?)
                    .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                captured_at_ms: unsigned(row.try_get("captured_at")?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// The body of a push; `None` when it was pruned meanwhile.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn push_body(&self, id: i64) -> Result<Option<Bytes>, sqlx::Error> {
        let body: Option<Vec<u8>> = sqlx::query_scalar("SELECT body FROM push WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        Ok(body.map(Bytes::from))
    }
}
