//! Letters: what waits, and what became of it.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::runs::{parsed, text, word};
use super::{Store, signed, unsigned};
use crate::mail::LetterRow;

impl Store {
    /// Puts a letter by.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn letter_insert(&self, row: &LetterRow) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO letter (id, owner_id, run_id, batch_id, letter, state, next_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&row.id)
        .bind(&row.owner_id)
        .bind(&row.run)
        .bind(&row.batch)
        .bind(text(&row.letter)?)
        .bind(row.state.as_str())
        .bind(signed(row.next_at_ms))
        .bind(signed(row.created_at_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// Letters to look at now, the oldest first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn letters_due(&self, now_ms: u64) -> Result<Vec<LetterRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM letter WHERE state = 'waiting' AND next_at <= $1 ORDER BY next_at, id LIMIT 100",
        )
        .bind(signed(now_ms))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Takes a letter until a time; `false` when another worker has.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn letter_take(&self, row: &LetterRow, until_ms: u64) -> Result<bool, sqlx::Error> {
        let taken = sqlx::query(
            "UPDATE letter SET next_at = $3 WHERE id = $1 AND next_at = $2 AND state = 'waiting'",
        )
        .bind(&row.id)
        .bind(signed(row.next_at_ms))
        .bind(signed(until_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// What became of a letter that was taken.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn letter_settle(&self, row: &LetterRow) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE letter SET state = $2, attempts = $3, next_at = $4, note = $5, sent_at = $6 WHERE id = $1",
        )
        .bind(&row.id)
        .bind(row.state.as_str())
        .bind(signed(row.attempts))
        .bind(signed(row.next_at_ms))
        .bind(&row.note)
        .bind(signed(row.sent_at_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// The letters about a run or a batch, whose id this is.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn letters_about(&self, id: &str) -> Result<Vec<LetterRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM letter WHERE run_id = $1 OR batch_id = $1 ORDER BY created_at, id",
        )
        .bind(id)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Forgets letters that were put by before a time.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn letters_forget(&self, created_before_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM letter WHERE created_at < $1")
            .bind(signed(created_before_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<LetterRow, sqlx::Error> {
    let number = |column: &str| row.try_get(column).map(unsigned);
    Ok(LetterRow {
        id: row.try_get("id")?,
        owner_id: row.try_get("owner_id")?,
        run: row.try_get("run_id")?,
        batch: row.try_get("batch_id")?,
        letter: parsed(row, "letter")?,
        state: word(row, "state")?,
        attempts: number("attempts")?,
        next_at_ms: number("next_at")?,
        note: row.try_get("note")?,
        created_at_ms: number("created_at")?,
        sent_at_ms: number("sent_at")?,
    })
}
