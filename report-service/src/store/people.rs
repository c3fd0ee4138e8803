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
