//! Counters of failed sign-ins, stored so that a restart forgives nobody.

use super::{Store, signed};
use sqlx::Row as _;

impl Store {
    /// Counts one attempt against `bucket` before it is made and returns the number in this window.
    /// A window that has passed starts anew. Counting first keeps parallel attempts below the limit too.
    ///
    /// # Errors
    /// When the store cannot write; the caller must then refuse the attempt.
    pub async fn throttle_take(
        &self,
        bucket: &str,
        now_ms: u64,
        window_ms: u64,
    ) -> Result<u64, sqlx::Error> {
        let (now, end) = (signed(now_ms), signed(now_ms.saturating_add(window_ms)));
        let row = sqlx::query(
            "INSERT INTO throttle (bucket, failures, window_end) VALUES ($1, 1, $3)
             ON CONFLICT (bucket) DO UPDATE SET
                 failures = CASE WHEN throttle.window_end <= $2 THEN 1 ELSE throttle.failures + 1 END,
                 window_end = CASE WHEN throttle.window_end <= $2 THEN $3 ELSE throttle.window_end END
             RETURNING failures",
        )
        .bind(bucket)
        .bind(now)
        .bind(end)
        .fetch_one(self.turn().await?.pool())
        .await?;
        Ok(u64::try_from(row.try_get::<i64, _>("failures")?).unwrap_or(u64::MAX))
    }

    /// Forgets the failures of some buckets and takes back one counted attempt of others, all or nothing.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn throttle_settle(
        &self,
        forgotten: &[String],
        given_back: &[String],
    ) -> Result<(), sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        for bucket in forgotten {
            sqlx::query("DELETE FROM throttle WHERE bucket = $1")
                .bind(bucket)
                .execute(&mut *tx)
                .await?;
        }
        for bucket in given_back {
            sqlx::query(
                "UPDATE throttle SET failures = failures - 1 WHERE bucket = $1 AND failures > 0",
            )
            .bind(bucket)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await
    }

    /// Removes windows that have passed.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn throttle_sweep(&self, now_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM throttle WHERE window_end <= $1")
            .bind(signed(now_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}
