//! The last checked answer of needs that may fall back on it; sealed, one per customer, data and parameters.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Store, signed, unsigned};

/// Answers kept of one customer, and their bytes together. Where there are more, they go in turn: the oldest of whoever has
/// most there, so that nobody's variants push out what others asked for.
const PER_TENANT_MAX: i64 = 64;
const TENANT_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// Whose and which data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OlderKey {
    /// The customer.
    pub tenant: String,
    /// The dataset or source, with its kind before it.
    pub name: String,
    /// SHA-256 of the parameters.
    pub params: String,
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OlderData {
    /// The version of its contract.
    pub version: u16,
    /// When it was captured, in milliseconds since 1970.
    pub captured_at_ms: u64,
    /// The bodies, sealed.
    pub sealed: Vec<u8>,
}

impl Store {
    /// Keeps an answer in the place of the one before, unless that is newer; `owner_id` is who asked first.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn older_put(
        &self,
        key: &OlderKey,
        data: &OlderData,
        owner_id: &str,
    ) -> Result<(), sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        sqlx::query(
            "INSERT INTO older_data (tenant, name, params, version, captured_at, bytes, sealed, owner_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (tenant, name, params) DO UPDATE
                 SET version = excluded.version, captured_at = excluded.captured_at, bytes = excluded.bytes,
                     sealed = excluded.sealed
                 WHERE excluded.captured_at >= older_data.captured_at",
        )
        .bind(&key.tenant)
        .bind(&key.name)
        .bind(&key.params)
        .bind(i64::from(data.version))
        .bind(signed(data.captured_at_ms))
        .bind(i64::try_from(data.sealed.len()).unwrap_or(i64::MAX))
        .bind(&data.sealed)
        .bind(owner_id)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "WITH turns AS (
                 SELECT name, params, captured_at, bytes, ROW_NUMBER() OVER (
                     PARTITION BY owner_id ORDER BY captured_at DESC, name, params) AS turn
                 FROM older_data WHERE tenant = $1),
             placed AS (
                 SELECT name, params,
                     ROW_NUMBER() OVER (ORDER BY turn, captured_at DESC, name, params) AS place,
                     SUM(bytes) OVER (ORDER BY turn, captured_at DESC, name, params) AS together
                 FROM turns)
             DELETE FROM older_data WHERE tenant = $1 AND EXISTS (
                 SELECT 1 FROM placed WHERE placed.name = older_data.name AND placed.params = older_data.params
                     AND (place > $2 OR together > $3))",
        )
        .bind(&key.tenant)
        .bind(PER_TENANT_MAX)
        .bind(TENANT_BYTES_MAX)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }

    /// The answer that is kept, when it was captured since.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn older_get(
        &self,
        key: &OlderKey,
        since_ms: u64,
    ) -> Result<Option<OlderData>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT version, captured_at, sealed FROM older_data
             WHERE tenant = $1 AND name = $2 AND params = $3 AND captured_at >= $4",
        )
        .bind(&key.tenant)
        .bind(&key.name)
        .bind(&key.params)
        .bind(signed(since_ms))
        .fetch_optional(self.pool())
        .await?;
        let read = |row: AnyRow| {
            Ok(OlderData {
                version: u16::try_from(row.try_get::<i64, _>("version")?)
                    .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                captured_at_ms: unsigned(row.try_get("captured_at")?),
                sealed: row.try_get("sealed")?,
            })
        };
        row.map(read).transpose()
    }

    /// Forgets what was captured before.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn older_forget(&self, before_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM older_data WHERE captured_at < $1")
            .bind(signed(before_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stores;

    fn key(params: &str) -> OlderKey {
        OlderKey {
            tenant: "acme".into(),
            name: "dataset:devices".into(),
            params: params.into(),
        }
    }

    fn data(captured_at_ms: u64, bytes: usize) -> OlderData {
        OlderData {
            version: 1,
            captured_at_ms,
            sealed: vec![7; bytes],
        }
    }

    #[tokio::test]
    async fn the_newest_answer_of_each_kind_is_kept_within_bounds() {
        for store in stores().await {
            let store: &Store = &store;
            store
                .older_put(&key("a"), &data(2_000, 3), "main:alice")
                .await
                .unwrap();
            store
                .older_put(&key("a"), &data(1_000, 4), "main:alice")
                .await
                .unwrap();
            let got = store.older_get(&key("a"), 2_000).await.unwrap();
            assert_eq!(got, Some(data(2_000, 3)), "the newer one stays");
            assert_eq!(store.older_get(&key("a"), 2_001).await.unwrap(), None);
            assert_eq!(store.older_get(&key("b"), 0).await.unwrap(), None);
            let other = OlderKey {
                tenant: "globex".into(),
                ..key("a")
            };
            assert_eq!(store.older_get(&other, 0).await.unwrap(), None);
            store
                .older_put(&other, &data(1, 1), "main:alice")
                .await
                .unwrap();
            for number in 0..u64::try_from(PER_TENANT_MAX).unwrap() {
                let key = key(&format!("n{number}"));
                store
                    .older_put(&key, &data(3_000 + number, 1), "main:alice")
                    .await
                    .unwrap();
            }
            assert_eq!(
                store.older_get(&key("a"), 0).await.unwrap(),
                None,
                "the oldest went"
            );
            assert!(
                store.older_get(&other, 0).await.unwrap().is_some(),
                "another's stays"
            );
            let large = usize::try_from(TENANT_BYTES_MAX).unwrap() - 1;
            store
                .older_put(&key("large"), &data(9_000, large), "main:alice")
                .await
                .unwrap();
            assert!(store.older_get(&key("n63"), 0).await.unwrap().is_some());
            assert_eq!(
                store.older_get(&key("n62"), 0).await.unwrap(),
                None,
                "too much together"
            );
            store.older_forget(9_000).await.unwrap();
            assert_eq!(store.older_get(&key("n63"), 0).await.unwrap(), None);
            assert!(store.older_get(&key("large"), 0).await.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn nobody_s_variants_push_out_what_others_asked_for() {
        for store in stores().await {
            let store: &Store = &store;
            for owner in ["main:bob", "main:carol"] {
                for number in 0..3 {
                    let key = key(&format!("{owner}{number}"));
                    store
                        .older_put(&key, &data(number, 9), owner)
                        .await
                        .unwrap();
                }
            }
            let many = u64::try_from(PER_TENANT_MAX).unwrap() * 2;
            for number in 0..many {
                let (key, data) = (key(&format!("n{number}")), data(9_000 + number, 9));
                store.older_put(&key, &data, "main:alice").await.unwrap();
            }
            let has =
                async |params: &str| store.older_get(&key(params), 0).await.unwrap().is_some();
            for owner in ["main:bob", "main:carol"] {
                for number in 0..3 {
                    assert!(has(&format!("{owner}{number}")).await, "{owner} {number}");
                }
            }
            let left = u64::try_from(PER_TENANT_MAX).unwrap() - 6;
            assert!(has(&format!("n{}", many - left)).await, "her newest stay");
            assert!(!has(&format!("n{}", many - left - 1)).await, "and no more");
            // One who asks for the same is given it, and it stays whose it was.
            let again = data(99_000, 9);
            store
                .older_put(&key("main:bob0"), &again, "main:alice")
                .await
                .unwrap();
            assert!(has(&format!("n{}", many - left)).await && has("main:bob0").await);
        }
    }
}
