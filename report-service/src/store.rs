//! The service's memory: a SQLite file in WAL mode or a PostgreSQL database, behind one code path. The schema is embedded
//! and applied at start.

use anyhow::Context as _;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Executor as _, Transaction};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, watch};

pub mod audit;
pub mod batches;
pub mod branding;
pub mod break_glass;
pub mod budgets;
pub mod everybody;
mod flag;
pub mod flows;
pub mod letters;
pub mod library;
pub(crate) mod migrations;
pub mod older;
pub mod people;
pub(crate) mod portable;
mod probe;
pub mod pushes;
pub mod quarantine;
pub mod queue;
pub mod reviews;
pub mod runs;
pub mod sanitizer_audit;
pub mod satellite_log;
pub mod satellites;
pub mod schedules;
pub mod second_factor;
pub mod secrets;
pub mod sessions;
pub mod throttle;
pub mod tokens;
mod url;

pub(crate) use flag::Flag;
pub use url::{StoreKind, StoreUrl, StoreUrlError};

/// Connections for whatever must last. SQLite has one writer; more readers than this only queue on the disk.
const CONNECTIONS_MAX: u32 = 8;
/// Connections that do not wait for the disk. In SQLite there is one writer anyway.
const QUICK_CONNECTIONS_MAX: u32 = 2;
/// How long a request waits for a connection; PostgreSQL may be away.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long a writer waits for its turn among our own writers before the request fails.
const TURN_WAIT_MAX: Duration = Duration::from_secs(20);

/// A writer waits at most ten seconds for another process, such as `verify-audit`.
const SQLITE_LASTING: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
const SQLITE_QUICK: &str =
    "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";
/// A writer waits as long as within the process; a worker that hangs in a transaction loses it.
const POSTGRES_LASTING: &str = "SET client_min_messages = warning; SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '60s'";
const POSTGRES_QUICK: &str =
    "SET client_min_messages = warning; SET lock_timeout = '20s'; SET synchronous_commit = off";
/// Transactions that read before they write go one after the other, over all workers. The number means nothing else.
const WRITERS_LOCK: &str = "SELECT pg_advisory_xact_lock(7205759403792793)";

/// Versions of a satellite's flows that are kept, unless the configuration says otherwise.
const FLOW_VERSIONS_MAX: u32 = 50;

/// Entries written in one turn, where many come at once: the next writer waits no longer than for these.
const BATCH_MAX: usize = 64;

/// A cheap handle to the store. Every clone uses the same pool.
#[derive(Clone, Debug)]
pub struct Store {
    kind: StoreKind,
    pool: AnyPool,
    quick: AnyPool,
    writers: Arc<tokio::sync::Mutex<()>>,
    epochs: Arc<Mutex<pushes::NewEpochs>>,
    strangers: Arc<Mutex<audit::Strangers>>,
    /// Versions of a satellite's flows that are kept.
    flow_versions_max: Arc<AtomicU32>,
    /// Counts what this process wrote.
    writes: watch::Sender<u64>,
}

/// The turn to write. SQLite's own lock is unfair: whoever asks again most often gets it; this one is served in order.
/// PostgreSQL takes single statements at any time, so there only transactions queue.
pub(crate) struct Turn<'a> {
    store: &'a Store,
    only: OnceLock<OwnedMutexGuard<()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.store.stir();
    }
}

impl Turn<'_> {
    /// The pool, for one statement.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.store.pool
    }

    /// Like [`Turn::pool`], for what may be lost with the power (not with the process): it does not wait for the disk.
    pub(crate) fn quick(&self) -> &AnyPool {
        &self.store.quick
    }

    /// Begins a transaction, the only one that writes; drop it before the turn. What it reads, no other transaction of
    /// any worker changes before its end.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        if self.only.get().is_none() {
            // Before the connection: writers that wait for one another must not take all of them.
            let _ = self.only.set(self.store.only_writer().await?);
        }
        match self.store.kind {
            StoreKind::Sqlite => self.store.pool.begin_with("BEGIN IMMEDIATE").await,
            StoreKind::Postgres => {
                let mut tx = self.store.pool.begin().await?;
                tx.execute(WRITERS_LOCK).await?;
                Ok(tx)
            }
        }
    }
}

impl Store {
    /// Opens the store at `sqlite:///path` (created if need be) or `postgres://user@server/database`, and brings its
    /// schema up to date.
    ///
    /// # Errors
    /// When the URL is of neither, the store cannot be reached, or it was written by a newer release.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let url =
            StoreUrl::parse(url).map_err(|error| anyhow::anyhow!("the store's URL {error}"))?;
        Self::open_at(&url).await
    }

    /// The same for a URL that was read before.
    ///
    /// # Errors
    /// See [`Store::open`].
    pub async fn open_at(url: &StoreUrl) -> anyhow::Result<Self> {
        let store = Self::connect(url).await?;
        migrations::migrator(store.kind)
            .run(&store.pool)
            .await
            .with_context(|| format!("bring the store {url} up to date"))?;
        Ok(store)
    }

    /// Holds a SQLite file for one process that serves it; nothing for PostgreSQL. Let go of it to let another one.
    ///
    /// # Errors
    /// When another process has it.
    pub fn hold(url: &StoreUrl) -> anyhow::Result<Option<std::fs::File>> {
        let Some(mut name) = url.file().map(std::path::PathBuf::into_os_string) else {
            return Ok(None);
        };
        name.push("-served");
        let file =
            open_private(Path::new(&name)).with_context(|| format!("hold the store {url}"))?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(
            |_| {
                anyhow::anyhow!(
                    "another process serves the store {url}; allowed is one for a SQLite file, \
                 hint: stop that one, or move to PostgreSQL"
                )
            },
        )?;
        Ok(Some(file))
    }

    /// Opens the store with whatever schema it has.
    pub(crate) async fn connect(url: &StoreUrl) -> anyhow::Result<Self> {
        sqlx::any::install_default_drivers();
        if let Some(file) = url.file() {
            open_private(&file).with_context(|| format!("create the store {url}"))?;
        }
        let options = AnyConnectOptions::from_str(url.expose())
            .with_context(|| format!("read the store URL {url}"))?;
        let (lasting, quick) = match url.kind() {
            StoreKind::Sqlite => (SQLITE_LASTING, SQLITE_QUICK),
            StoreKind::Postgres => (POSTGRES_LASTING, POSTGRES_QUICK),
        };
        let pool = pool_options(lasting, CONNECTIONS_MAX)
            .connect_with(options.clone())
            .await
            .with_context(|| format!("open the store {url}"))?;
        Ok(Self {
            kind: url.kind(),
            pool,
            quick: pool_options(quick, QUICK_CONNECTIONS_MAX).connect_lazy_with(options),
            writers: Arc::default(),
            epochs: Arc::default(),
            strangers: Arc::default(),
            flow_versions_max: Arc::new(AtomicU32::new(FLOW_VERSIONS_MAX)),
            writes: watch::Sender::default(),
        })
    }

    /// Which database.
    #[must_use]
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// Waits for the turn to write; every statement that writes needs it.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, sqlx::Error> {
        let only = OnceLock::new();
        if self.kind == StoreKind::Sqlite {
            let _ = only.set(self.only_writer().await?);
        }
        Ok(Turn { store: self, only })
    }

    async fn only_writer(&self) -> Result<OwnedMutexGuard<()>, sqlx::Error> {
        let writers = Arc::clone(&self.writers);
        tokio::time::timeout(TURN_WAIT_MAX, writers.lock_owned())
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)
    }

    /// Changes whenever this process may have written something. What other processes write is not heard here.
    pub(crate) fn writes(&self) -> watch::Receiver<u64> {
        self.writes.subscribe()
    }

    /// Lets open pages look again: something that is not in the store has changed.
    pub(crate) fn stir(&self) {
        self.writes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The pool, for reading.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Closes the store after the last statement; later calls fail.
    pub async fn close(&self) {
        if let Err(error) = self.audit_strangers_ended(None).await {
            tracing::warn!(%error, "cannot record how many strangers were denied");
        }
        self.quick.close().await;
        self.pool.close().await;
    }
}

fn pool_options(at_first: &'static str, connections_max: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(CONNECTION_WAIT_MAX)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(at_first).await?;
                Ok(())
            })
        })
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
fn open_private(file: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
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
