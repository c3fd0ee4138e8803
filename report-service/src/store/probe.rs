//! Whether the store takes something and gives it back.

use super::{Store, signed, unsigned};

impl Store {
    /// Writes a time under a name and reads it back.
    ///
    /// # Errors
    /// When the store does not do the one or the other.
    pub async fn probe(&self, name: &str, now_ms: u64) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "INSERT INTO health_probe (name, at) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        )
        .bind(name)
        .bind(signed(now_ms))
        .execute(self.turn().await?.pool())
        .await?;
        let read: i64 = sqlx::query_scalar("SELECT at FROM health_probe WHERE name = $1")
            .bind(name)
            .fetch_one(self.pool())
            .await?;
        Ok(unsigned(read) == now_ms)
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn what_is_written_is_read_back_and_a_closed_store_says_so() {
        for store in crate::testing::stores().await {
            for now_ms in [5, 5, 9] {
                assert!(store.probe("here", now_ms).await.unwrap());
            }
            store.close().await;
            assert!(store.probe("here", 10).await.is_err());
        }
    }
}
