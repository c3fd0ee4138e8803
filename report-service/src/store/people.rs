//! What is kept about people beside their sessions: passwords entered again, names and addresses held back.

use super::{Store, signed, unsigned};

/// One counter of failed sign-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThrottleRow {
    /// What is counted: `name:…`, `person:…`, `code:…` or `address:…`.
    pub bucket: String,
    /// Failures in the window.
    pub failures: u64,
    /// Unix milliseconds at which they are forgotten.
    pub window_end: u64,
}

impl Store {
    /// Notes that the password was entered again in a session.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn password_entered(&self, session_id: &str, now_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO password_entry (session_id, at) VALUES ($1, $2)
             ON CONFLICT (session_id) DO UPDATE SET at = excluded.at",
        )
        .bind(session_id)
        .bind(signed(now_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// When the password was last entered again in a session.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn password_entered_at(&self, session_id: &str) -> Result<Option<u64>, sqlx::Error> {
        let at: Option<(i64,)> =
            sqlx::query_as("SELECT at FROM password_entry WHERE session_id = $1")
                .bind(session_id)
                .fetch_optional(self.pool())
                .await?;
        Ok(at.map(|(at,)| unsigned(at)))
    }

    /// Removes entries from before `before_ms`.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn password_entries_sweep(&self, before_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM password_entry WHERE at < $1")
            .bind(signed(before_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// What failed in windows that go on, the most failures first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn throttle_list(
        &self,
        now_ms: u64,
        limit: u32,
    ) -> Result<Vec<ThrottleRow>, sqlx::Error> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT bucket, failures, window_end FROM throttle WHERE window_end > $1 AND failures > 0
             ORDER BY failures DESC, bucket LIMIT $2",
        )
        .bind(signed(now_ms))
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        let row = |(bucket, failures, window_end): (String, i64, i64)| ThrottleRow {
            bucket,
            failures: unsigned(failures),
            window_end: unsigned(window_end),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Forgets the failures of one bucket; false when there were none.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn throttle_clear(&self, bucket: &str) -> Result<bool, sqlx::Error> {
        let done = sqlx::query("DELETE FROM throttle WHERE bucket = $1")
            .bind(bucket)
            .execute(self.turn().await?.pool())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The name by which a person was last seen.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn person_title(&self, person_id: &str) -> Result<Option<String>, sqlx::Error> {
        let title: Option<(String,)> = sqlx::query_as(
            "SELECT person_title FROM session WHERE person_id = $1 ORDER BY created_at DESC LIMIT 1",
        )
        .bind(person_id)
        .fetch_optional(self.pool())
        .await?;
        Ok(title.map(|(title,)| title))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::stores;

    #[tokio::test]
    async fn a_password_entered_again_is_noted_per_session() {
        for store in stores().await {
            assert_eq!(store.password_entered_at("one").await.unwrap(), None);
            store.password_entered("one", 1_000).await.unwrap();
            store.password_entered("one", 2_000).await.unwrap();
            assert_eq!(store.password_entered_at("one").await.unwrap(), Some(2_000));
            assert_eq!(store.password_entered_at("two").await.unwrap(), None);
            store.password_entries_sweep(2_001).await.unwrap();
            assert_eq!(store.password_entered_at("one").await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn counters_are_listed_while_their_window_goes_on_and_can_be_cleared() {
        for store in stores().await {
            for _ in 0..3 {
                store.throttle_take("name:bob", 1_000, 500).await.unwrap();
            }
            store
                .throttle_take("address:192.0.2.7", 1_000, 900)
                .await
                .unwrap();
            let rows = store.throttle_list(1_200, 10).await.unwrap();
            let told: Vec<_> = rows
                .iter()
                .map(|row| (row.bucket.as_str(), row.failures))
                .collect();
            assert_eq!(told, [("name:bob", 3), ("address:192.0.2.7", 1)]);
            assert_eq!(store.throttle_list(1_600, 10).await.unwrap().len(), 1);
            assert!(store.throttle_clear("name:bob").await.unwrap());
            assert!(!store.throttle_clear("name:bob").await.unwrap(), "once");
            assert_eq!(store.throttle_list(1_200, 10).await.unwrap().len(), 1);
        }
    }
}
