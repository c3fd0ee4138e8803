//! What was refused: the place and the rule, never the content.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::Store;
use super::pushes::{signed, unsigned};

/// Entries kept; the oldest go first.
const ENTRIES_MAX: i64 = 10_000;

/// A message that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The customer.
    pub tenant: String,
    /// The satellite.
    pub satellite: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The channel that it came on.
    pub channel: String,
    /// What it should have been; empty when unknown.
    pub dataset: String,
    /// The class of the reason.
    pub reason: String,
    /// The rule that it breaks.
    pub rule: String,
    /// Where in the message.
    pub pointer: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Under which it lies in the sanitizer's quarantine; empty when it does not.
    pub file: String,
    /// The sanitizer's address.
    pub sanitizer: String,
}

impl Store {
    /// Notes refused messages, each once; others may write between batches of them.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn quarantine_note(&self, entries: &[Refused]) -> Result<(), sqlx::Error> {
        for batch in entries.chunks(super::BATCH_MAX) {
            let turn = self.turn().await?;
            let mut tx = turn.begin().await?;
            for entry in batch {
                sqlx::query(
                    "INSERT INTO quarantine
                         (tenant, satellite, at, channel, dataset, reason, rule, pointer, size_bytes, sha256,
                          file, sanitizer)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
                )
                .bind(&entry.tenant)
                .bind(&entry.satellite)
                .bind(signed(entry.at_ms))
                .bind(&entry.channel)
                .bind(&entry.dataset)
                .bind(&entry.reason)
                .bind(&entry.rule)
                .bind(&entry.pointer)
                .bind(signed(entry.size_bytes))
                .bind(&entry.sha256)
                .bind(&entry.file)
                .bind(&entry.sanitizer)
                .execute(&mut *tx)
                .await?;
            }
            sqlx::query("DELETE FROM quarantine WHERE id <= (SELECT MAX(id) FROM quarantine) - ?1")
                .bind(ENTRIES_MAX)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// The latest entries, newest first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn quarantine_page(&self, limit: u32) -> Result<Vec<Refused>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM quarantine ORDER BY id DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<Refused, sqlx::Error> {
    Ok(Refused {
        tenant: row.try_get("tenant")?,
        satellite: row.try_get("satellite")?,
        at_ms: unsigned(row.try_get("at")?),
        channel: row.try_get("channel")?,
        dataset: row.try_get("dataset")?,
        reason: row.try_get("reason")?,
        rule: row.try_get("rule")?,
        pointer: row.try_get("pointer")?,
        size_bytes: unsigned(row.try_get("size_bytes")?),
        sha256: row.try_get("sha256")?,
        file: row.try_get("file")?,
        sanitizer: row.try_get("sanitizer")?,
    })
}
