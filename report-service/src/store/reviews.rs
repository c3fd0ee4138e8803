//! Where the review of documents stands.

use sqlx::Row as _;

use super::runs::{RunRow, read, text};
use super::{Store, signed};
use crate::runs::{Review, RunFile};

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

    /// A document was released or rejected; `false` when that was decided before, or when its files are not those any
    /// more that were looked at.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_reviewed(
        &self,
        seen: &RunRow,
        review: Review,
        (reviewer, reason): (&str, &str),
        now_ms: u64,
    ) -> Result<bool, sqlx::Error> {
        let Some(files) = self.files_as_seen(seen).await? else {
            return Ok(false);
        };
        let decided = sqlx::query(
            "UPDATE run SET review = $2, reviewer = $3, review_reason = $4, reviewed_at = $5
             WHERE id = $1 AND review = 'waiting' AND state = 'done' AND files = $6",
        )
        .bind(seen.id.as_str())
        .bind(review.as_str())
        .bind(reviewer)
        .bind(reason)
        .bind(signed(now_ms))
        .bind(files)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(decided.rows_affected() == 1)
    }

    /// A draft was edited; `false` when it is none any more, or when its files are not those any more that were edited.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_edited(&self, seen: &RunRow, files: &[RunFile]) -> Result<bool, sqlx::Error> {
        let Some(before) = self.files_as_seen(seen).await? else {
            return Ok(false);
        };
        let edited = sqlx::query(
            "UPDATE run SET files = $2, file_bytes = $3
             WHERE id = $1 AND review = 'waiting' AND state = 'done' AND files = $4",
        )
        .bind(seen.id.as_str())
        .bind(text(&files)?)
        .bind(signed(files.first().map_or(0, |file| file.bytes)))
        .bind(before)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(edited.rows_affected() == 1)
    }

    /// The files of a run as they are written in the store, where they are still those that were seen.
    async fn files_as_seen(&self, seen: &RunRow) -> Result<Option<String>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM run WHERE id = $1")
            .bind(seen.id.as_str())
            .fetch_optional(self.pool())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let is_same = read(&row)?.files == seen.files;
        let written: String = row.try_get("files")?;
        Ok(is_same.then_some(written))
    }
}

#[cfg(test)]
mod tests;
