//! Batches: who ordered which report for many customers, and when. How far they are stands in their runs.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use spokegate_contract::TenantId;

use super::runs::{RunRow, parsed, read, text, word};
use super::{Store, signed, unsigned};
use crate::runs::{BatchId, RunState, Tally};

/// A batch as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Its id.
    pub id: BatchId,
    /// The report's id.
    pub report: String,
    /// The report's title at that time.
    pub title: String,
    /// The stable id of the person who ordered it.
    pub owner_id: String,
    /// That person's name.
    pub owner_title: String,
    /// The schedule that ordered it; empty for none.
    pub schedule: String,
    /// For whom; nobody in one of an older release.
    pub tenants: Vec<TenantId>,
    /// When, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it was cancelled; 0 when it was not.
    pub cancelled_at_ms: u64,
}

impl Store {
    /// Stores a new batch.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn batch_insert(&self, batch: &BatchRow) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO batch (id, report, title, owner_id, owner_title, schedule_id, created_at, tenants)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(batch.id.as_str())
        .bind(&batch.report)
        .bind(&batch.title)
        .bind(&batch.owner_id)
        .bind(&batch.owner_title)
        .bind(&batch.schedule)
        .bind(signed(batch.created_at_ms))
        .bind(text(&batch.tenants)?)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// A person's batch was cancelled.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn batch_cancel(
        &self,
        owner_id: &str,
        id: &BatchId,
        now_ms: u64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE batch SET cancelled_at = $3 WHERE id = $1 AND owner_id = $2 AND cancelled_at = 0")
            .bind(id.as_str())
            .bind(owner_id)
            .bind(signed(now_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// A person's own batch; `None` when it is somebody else's or nobody's.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn batch_of(
        &self,
        owner_id: &str,
        id: &BatchId,
    ) -> Result<Option<BatchRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM batch WHERE id = $1 AND owner_id = $2")
            .bind(id.as_str())
            .bind(owner_id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read_batch).transpose()
    }

    /// A person's own batches, newest first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn batches_of(
        &self,
        owner_id: &str,
        limit: u32,
    ) -> Result<Vec<BatchRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM batch WHERE owner_id = $1 ORDER BY created_at DESC, id LIMIT $2",
        )
        .bind(owner_id)
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read_batch).collect()
    }

    /// The runs of a person's batch, in the order in which they were ordered.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn runs_of_batch(
        &self,
        owner_id: &str,
        id: &BatchId,
    ) -> Result<Vec<RunRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM run WHERE batch_id = $1 AND owner_id = $2 ORDER BY tenants, id",
        )
        .bind(id.as_str())
        .bind(owner_id)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many runs of a batch stand where.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn batch_tally(&self, id: &BatchId) -> Result<Tally, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS runs FROM run WHERE batch_id = $1 GROUP BY state",
        )
        .bind(id.as_str())
        .fetch_all(self.pool())
        .await?;
        let mut tally = Tally::default();
        for row in &rows {
            let state: RunState = word(row, "state")?;
            tally.add(state, unsigned(row.try_get("runs")?));
        }
        Ok(tally)
    }

    /// Forgets batches of which no run is left.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn batches_forget(&self, created_before_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "DELETE FROM batch WHERE created_at < $1
             AND NOT EXISTS (SELECT 1 FROM run WHERE run.batch_id = batch.id)",
        )
        .bind(signed(created_before_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }
}

fn read_batch(row: &AnyRow) -> Result<BatchRow, sqlx::Error> {
    let number = |column: &str| row.try_get(column).map(unsigned);
    Ok(BatchRow {
        id: word(row, "id")?,
        report: row.try_get("report")?,
        title: row.try_get("title")?,
        owner_id: row.try_get("owner_id")?,
        owner_title: row.try_get("owner_title")?,
        schedule: row.try_get("schedule_id")?,
        tenants: parsed(row, "tenants")?,
        created_at_ms: number("created_at")?,
        cancelled_at_ms: number("cancelled_at")?,
    })
}
