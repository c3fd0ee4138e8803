//! Where the review of documents stands.

use super::runs::{RunRow, read, text};
use super::{Store, signed};
use crate::runs::{Review, RunFile, RunId};

impl Store {
    /// Documents that wait for their review, whoever ordered them, the oldest first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn runs_in_review(&self, limit: u32) -> Result<Vec<RunRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM run WHERE review = 'waiting' AND state = 'done' ORDER BY created_at, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// A document was released or rejected; `false` when that was decided before.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_reviewed(
        &self,
        id: &RunId,
        review: Review,
        reviewer: &str,
        reason: &str,
        now_ms: u64,
    ) -> Result<bool, sqlx::Error> {
        let decided = sqlx::query(
            "UPDATE run SET review = $2, reviewer = $3, review_reason = $4, reviewed_at = $5
             WHERE id = $1 AND review = 'waiting' AND state = 'done'",
        )
        .bind(id.as_str())
        .bind(review.as_str())
        .bind(reviewer)
        .bind(reason)
        .bind(signed(now_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(decided.rows_affected() == 1)
    }

    /// A draft was edited; `false` when it is none any more.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_edited(&self, id: &RunId, files: &[RunFile]) -> Result<bool, sqlx::Error> {
        let edited = sqlx::query(
            "UPDATE run SET files = $2, file_bytes = $3 WHERE id = $1 AND review = 'waiting' AND state = 'done'",
        )
        .bind(id.as_str())
        .bind(text(&files)?)
        .bind(signed(files.first().map_or(0, |file| file.bytes)))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(edited.rows_affected() == 1)
    }
}
