//! The spool's SQLite file; sqlx stops here.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};

use super::{Acked, Kept, Marks, NewMessage, Receipt, SpoolError, open_error};
use spokegate_contract::{DatasetId, Shape};

/// How long an opening agent waits for its predecessor to let go of the file.
const BUSY_MS_MAX: u64 = 5_000;

/// 2020-01-01. A machine without a battery clock stamps what it stores before it learns the time with 1970; such a
/// message is not old.
const CLOCK_MS_MIN: i64 = 1_577_836_800_000;

#[derive(Debug)]
pub(super) struct Store {
    pool: SqlitePool,
}

impl Store {
    pub(super) async fn open(path: &Path, now_ms: u64) -> Result<Self, SpoolError> {
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder)
                .await
                .map_err(|error| open_error(path, error))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .locking_mode(SqliteLockingMode::Exclusive)
            .busy_timeout(Duration::from_millis(BUSY_MS_MAX));
        // One connection: SQLite has one writer, and transactions then never meet.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map_err(|error| open_error(path, error))?;
        sqlx::migrate!()
            .run(&pool)
            .await
            .map_err(|error| open_error(path, error))?;
        sqlx::query("INSERT INTO spool (one, epoch, base, acked, bytes) VALUES (1, ?, 0, 0, 0) ON CONFLICT DO NOTHING")
            .bind(signed(now_ms))
            .execute(&pool)
            .await
            .map_err(|error| open_error(path, error))?;
        Ok(Self { pool })
    }

    pub(super) async fn append(
        &self,
        message: &NewMessage,
        now_ms: u64,
        bytes_max: u64,
    ) -> Result<Receipt, SpoolError> {
        let size = signed(message.body.len() as u64);
        let mut transaction = self.pool.begin().await?;
        let spool = sqlx::query(
            "UPDATE spool SET bytes = bytes + ?1 WHERE bytes + ?1 <= ?2 RETURNING epoch, base",
        )
        .bind(size)
        .bind(signed(bytes_max))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(spool) = spool else {
            let bytes: i64 = sqlx::query_scalar("SELECT bytes FROM spool")
                .fetch_one(&mut *transaction)
                .await?;
            return Err(SpoolError::Full {
                bytes: unsigned(bytes),
                bytes_max,
            });
        };
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO message (dataset, version, shape, captured_ms, stored_ms, body) \
             VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(message.dataset.as_str())
        .bind(i64::from(message.version))
        .bind(message.shape.as_str())
        .bind(signed(message.captured_at_ms))
        .bind(signed(now_ms))
        .bind(message.body.as_ref())
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Receipt {
            epoch: unsigned(spool.get("epoch")),
            sequence: unsigned(id - spool.get::<i64, _>("base")),
        })
    }

    pub(super) async fn after(&self, id: i64, count: u32) -> Result<Vec<Kept>, SpoolError> {
        let rows = sqlx::query(
            "SELECT epoch, base, id, dataset, version, shape, captured_ms, body FROM message, spool \
             WHERE id > ? ORDER BY id LIMIT ?",
        )
        .bind(id)
        .bind(i64::from(count))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(kept).collect()
    }

    pub(super) async fn acknowledge(
        &self,
        epoch: u64,
        sequence: u64,
        now_ms: u64,
    ) -> Result<Acked, SpoolError> {
        let mut transaction = self.pool.begin().await?;
        let spool = sqlx::query("SELECT epoch, base, acked FROM spool")
            .fetch_one(&mut *transaction)
            .await?;
        if spool.get::<i64, _>("epoch") != signed(epoch) {
            return Ok(Acked::Foreign);
        }
        let through = spool.get::<i64, _>("base").saturating_add(signed(sequence));
        if through > last_id(&mut transaction).await? {
            new_epoch(&mut transaction, now_ms).await?;
            transaction.commit().await?;
            return Ok(Acked::RolledBack);
        }
        // The centre repeats its acks; one that is no news must not cost a write.
        if signed(sequence) <= spool.get::<i64, _>("acked") {
            return Ok(Acked::Through(through));
        }
        sqlx::query(
            "UPDATE spool SET acked = max(acked, ?2), \
             bytes = bytes - (SELECT coalesce(sum(length(body)), 0) FROM message WHERE id <= ?1)",
        )
        .bind(through)
        .bind(signed(sequence))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM message WHERE id <= ?")
            .bind(through)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Acked::Through(through))
    }

    pub(super) async fn drop_stored_before(
        &self,
        before_ms: u64,
        now_ms: u64,
    ) -> Result<u64, SpoolError> {
        let mut transaction = self.pool.begin().await?;
        // By id, not by age: a clock that was set back must not make a hole among younger messages.
        let through: Option<i64> = sqlx::query_scalar(
            "SELECT max(id) FROM message WHERE stored_ms < ? AND stored_ms >= ?",
        )
        .bind(signed(before_ms))
        .bind(CLOCK_MS_MIN)
        .fetch_one(&mut *transaction)
        .await?;
        let Some(through) = through else { return Ok(0) };
        sqlx::query(
            "UPDATE spool SET \
             bytes = bytes - (SELECT coalesce(sum(length(body)), 0) FROM message WHERE id <= ?)",
        )
        .bind(through)
        .execute(&mut *transaction)
        .await?;
        let dropped = sqlx::query("DELETE FROM message WHERE id <= ?")
            .bind(through)
            .execute(&mut *transaction)
            .await?;
        new_epoch(&mut transaction, now_ms).await?;
        transaction.commit().await?;
        Ok(dropped.rows_affected())
    }

    pub(super) async fn marks(&self) -> Result<Marks, SpoolError> {
        let mut transaction = self.pool.begin().await?;
        let last = last_id(&mut transaction).await?;
        let row = sqlx::query("SELECT epoch, base, acked, bytes, (SELECT count(*) FROM message) AS messages FROM spool")
            .fetch_one(&mut *transaction)
            .await?;
        Ok(Marks {
            epoch: unsigned(row.get("epoch")),
            last_sequence: unsigned(last - row.get::<i64, _>("base")),
            acked_sequence: unsigned(row.get("acked")),
            messages: unsigned(row.get("messages")),
            bytes: unsigned(row.get("bytes")),
        })
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

type Open<'a> = Transaction<'a, Sqlite>;

/// The highest id ever given, also when its message is gone.
async fn last_id(transaction: &mut Open<'_>) -> Result<i64, SpoolError> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'message'")
            .fetch_optional(&mut **transaction)
            .await?;
    Ok(last.unwrap_or(0))
}

/// Numbers what is left from 1 on, under an epoch above every earlier one.
async fn new_epoch(transaction: &mut Open<'_>, now_ms: u64) -> Result<(), SpoolError> {
    let last = last_id(transaction).await?;
    sqlx::query(
        "UPDATE spool SET epoch = max(epoch + 1, ?), acked = 0, \
         base = coalesce((SELECT min(id) - 1 FROM message), ?)",
    )
    .bind(signed(now_ms))
    .bind(last)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn kept(row: &SqliteRow) -> Result<Kept, SpoolError> {
    let id: i64 = row.get("id");
    let foreign = || SpoolError::Foreign { id };
    let sequence = unsigned(id - row.get::<i64, _>("base"));
    let message = NewMessage {
        dataset: DatasetId::from_str(row.get("dataset")).map_err(|_| foreign())?,
        version: u16::try_from(row.get::<i64, _>("version")).map_err(|_| foreign())?,
        shape: Shape::from_wire(row.get("shape")).ok_or_else(foreign)?,
        captured_at_ms: unsigned(row.get("captured_ms")),
        body: row.get::<Vec<u8>, _>("body").into(),
    };
    Ok(Kept {
        id,
        receipt: Receipt {
            epoch: unsigned(row.get("epoch")),
            sequence,
        },
        message,
    })
}

/// SQLite's integers are signed; times, sizes and counts stay far below 2^63.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
