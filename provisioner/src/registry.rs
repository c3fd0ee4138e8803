//! What was issued, to whom, and what is no longer good: one SQLite file beside the authorities. The only place that
//! names sqlx.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

mod audit;
mod commands;
mod flow_sets;
mod issued;
mod list;
mod releases;
mod requests;
mod satellites;
mod secrets;
mod tokens;

pub use audit::{AuditRecord, ChainState};
pub(crate) use audit::{Entry, append};
pub(crate) use commands::{OrderEnd, OrderRecord};
pub(crate) use commands::{add as add_order, end as end_order, expire as expire_orders};
pub(crate) use flow_sets::{FlowSetRecord, add as add_flow_set};
pub(crate) use issued::{
    CertificateState, IssuedRecord, Origin, by_bundle, by_renewal, by_serial, by_token, forget,
    is_revoked_key, record,
};
pub use list::ListState;
pub(crate) use list::{
    Stored, content as list_content, keep as list_keep, present as list_present,
};
pub(crate) use releases::{ReleaseRecord, add as add_release};
pub(crate) use requests::{Asked, decide, file, get as request, of_key as request_of, waiting};
pub use requests::{OpenRequest, RequestState};
pub use satellites::SatelliteState;
pub(crate) use satellites::{is_known, issued_since, names, revoke, revoke_serial};
pub(crate) use secrets::{SecretRecord, key_of, note as note_secret};
pub(crate) use tokens::{NewToken, StoredToken, add as add_token, bind_to, get as token, void};

/// The file's name in the folder of the authorities.
pub const REGISTRY_FILE: &str = "registry.db";
/// Connections to the file. SQLite has one writer; the daemon reads from two places at once.
const CONNECTIONS_MAX: u32 = 4;
/// How long a writer waits for the other process (daemon or command) before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The registry. Cloning shares it; any number of processes may have it open.
#[derive(Clone, Debug)]
pub struct Registry {
    pool: SqlitePool,
}

/// Why the registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file cannot be made or opened, or is none of ours.
    #[error("cannot open the registry {}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A statement failed.
    #[error(
        "the registry does not answer, hint: is the disk full, or another command still writing?"
    )]
    Statement(#[from] sqlx::Error),
    /// A row holds what was never written to it.
    #[error("the registry holds {what} that cannot be read, hint: restore it from a copy")]
    Damaged {
        /// What stands there.
        what: &'static str,
    },
}

impl Registry {
    /// Opens the registry in the folder of the authorities; makes it (mode 0600) when it is missing.
    ///
    /// # Errors
    /// When the file cannot be opened or was written by a newer release.
    pub async fn open(directory: &Path) -> Result<Self, RegistryError> {
        let path = directory.join(REGISTRY_FILE);
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::Unusable {
            path: path.clone(),
            source,
        };
        keep_private(&path).map_err(|error| unusable(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await
            .map_err(|error| unusable(error.into()))?;
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .map_err(|error| unusable(error.into()))?;
        Ok(Self { pool })
    }

    /// Begins what is read and written as one. The write lock is taken at once, so that what was read still holds when
    /// it is written, whichever process writes.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, RegistryError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Closes the file after the last statement; later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn pool(&self) -> &SqlitePool {
        &self.pool
    }
}

/// Suspends a tenant; `false` when it was already.
pub(crate) async fn suspend(
    db: &mut SqliteConnection,
    tenant: &str,
    at_ms: u64,
) -> Result<bool, RegistryError> {
    let done = sqlx::query("INSERT OR IGNORE INTO suspended (tenant, at) VALUES (?1, ?2)")
        .bind(tenant)
        .bind(count(at_ms))
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes a tenant's suspension off; `false` when there was none.
pub(crate) async fn resume(db: &mut SqliteConnection, tenant: &str) -> Result<bool, RegistryError> {
    let done = sqlx::query("DELETE FROM suspended WHERE tenant = ?1")
        .bind(tenant)
        .execute(db)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether a tenant is suspended.
pub(crate) async fn is_suspended(
    db: &mut SqliteConnection,
    tenant: &str,
) -> Result<bool, RegistryError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT at FROM suspended WHERE tenant = ?1")
        .bind(tenant)
        .fetch_optional(db)
        .await?;
    Ok(found.is_some())
}

/// Creates the file so that only we can read it. SQLite gives its companions (`-wal`, `-shm`) the same permissions.
fn keep_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// SQLite's integers are signed.
fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
