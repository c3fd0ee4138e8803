//! The service's memory: one SQLite file in WAL mode, its schema embedded and applied at start.

use anyhow::Context as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::os::unix::fs::OpenOptionsExt as _;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub mod audit;
pub mod budgets;
pub mod pushes;
pub mod quarantine;
pub mod runs;
pub mod sanitizer_audit;
pub mod satellites;
pub mod sessions;
pub mod throttle;

/// Connections to the file. SQLite has one writer; more readers than this only queue on the disk.
const CONNECTIONS_MAX: u32 = 8;
/// Connections that do not wait for the disk. There is one writer anyway.
const QUICK_CONNECTIONS_MAX: u32 = 2;
/// How long a writer waits for another process, such as `verify-audit`, before the request fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a writer waits for its turn among our own writers before the request fails.
const TURN_WAIT_MAX: Duration = Duration::from_secs(20);

/// Entries written in one turn, where many come at once: the next writer waits no longer than for these.
const BATCH_MAX: usize = 64;

/// A cheap handle to the store. Every clone uses the same pool.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    quick: SqlitePool,
    writers: Arc<tokio::sync::Mutex<()>>,
    epochs: Arc<Mutex<pushes::NewEpochs>>,
    strangers: Arc<Mutex<audit::Strangers>>,
}

/// The turn to write. SQLite's own lock is unfair: whoever asks again most often gets it. This one is served in order.
pub(crate) struct Turn<'a> {
    store: &'a Store,
    _only: tokio::sync::MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// The pool, for one statement.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.store.pool
    }

    /// Like [`Turn::pool`], for what may be lost with the power (not with the process): it does not wait for the disk.
    pub(crate) fn quick(&self) -> &SqlitePool {
        &self.store.quick
    }

    /// Begins a transaction; drop it before the turn.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.store.pool.begin_with("BEGIN IMMEDIATE").await
    }
}

impl Store {
    /// Opens (and if need be creates) the store at `sqlite:///path`, and brings its schema up to date.
    ///
    /// # Errors
    /// When the URL is not one of SQLite, the file cannot be opened, or it was written by a newer release.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::from_str(url)
            .with_context(|| format!("read the store URL {url}"))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        keep_private(url, &options)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options.clone())
            .await
            .with_context(|| format!("open the store {url}"))?;
        let quick = SqlitePoolOptions::new()
            .max_connections(QUICK_CONNECTIONS_MAX)
            .connect_lazy_with(options.synchronous(SqliteSynchronous::Normal));
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .with_context(|| format!("bring the store {url} up to date"))?;
        Ok(Self {
            pool,
            quick,
            writers: Arc::default(),
            epochs: Arc::default(),
            strangers: Arc::default(),
        })
    }

    /// Waits for the turn to write; every statement that writes needs it.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, sqlx::Error> {
        let only = tokio::time::timeout(TURN_WAIT_MAX, self.writers.lock())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?;
        Ok(Turn {
            store: self,
            _only: only,
        })
    }

    /// The pool, for reading.
    pub(crate) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Closes the file after the last statement; later calls fail.
    pub async fn close(&self) {
        if let Err(error) = self.audit_strangers_ended(None).await {
            tracing::warn!(%error, "cannot record how many strangers were denied");
        }
        self.quick.close().await;
        self.pool.close().await;
    }
}

/// A number as SQL has it; what does not fit is as large as it gets.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number out of SQL; one below 0 was put there by somebody else, and is none.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Creates the file so that only we can read it. SQLite gives its companions (`-wal`, `-shm`) the same permissions.
fn keep_private(url: &str, options: &SqliteConnectOptions) -> anyhow::Result<()> {
    if url.contains(":memory:") {
        return Ok(());
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(options.get_filename())
        .with_context(|| format!("create the store {url}"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn nobody_else_reads_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", folder.path().display());
        let store = Store::open(&url).await.unwrap();
        store.throttle_sweep(1).await.unwrap();
        for name in ["store.db", "store.db-wal", "store.db-shm"] {
            let mode = folder.path().join(name).metadata().unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
        }
    }
}
