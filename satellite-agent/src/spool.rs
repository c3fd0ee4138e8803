//! Pushes on disk until the centre has stored them.
//!
//! **Invariant**: a message leaves the file only by the centre's ack for this file's epoch, or by its age. The file may
//! vanish or be put back from a copy; both end in a new epoch, never in a message that is taken for an older one.

mod store;
pub(crate) mod window;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use spokegate_contract::{DatasetId, Shape};
use spokegate_daemon::Clock;
use tokio::sync::Notify;

/// A file of messages in the order in which they came.
#[derive(Debug)]
pub(crate) struct Spool {
    store: store::Store,
    clock: Clock,
    bytes_max: u64,
    age_ms_max: u64,
    appended: Notify,
}

/// A message to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewMessage {
    pub(crate) dataset: DatasetId,
    pub(crate) version: u16,
    pub(crate) shape: Shape,
    pub(crate) captured_at_ms: u64,
    /// CBOR of one array of maps, or of one map.
    pub(crate) body: Bytes,
}

/// A message that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its place in the file; grows, and is never used twice.
    pub(crate) id: i64,
    pub(crate) receipt: Receipt,
    pub(crate) message: NewMessage,
}

/// What names a push on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) epoch: u64,
    /// From 1 in each epoch.
    pub(crate) sequence: u64,
}

/// How the spool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) epoch: u64,
    pub(crate) last_sequence: u64,
    pub(crate) acked_sequence: u64,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// What an ack did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acked {
    /// Messages up to this id are gone.
    Through(i64),
    /// It is for another epoch; nothing changed.
    Foreign,
    /// It covers messages that this file never had: the file is an older copy of itself. What is left has a new epoch.
    RolledBack,
}

/// Why a message was not kept, or the spool cannot work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// It holds as much as it may.
    #[error("the spool is full: it may hold {bytes_max} bytes and has {bytes}")]
    Full { bytes: u64, bytes_max: u64 },
    /// The file cannot be opened.
    #[error(
        "cannot open the spool {path}; hint: check the folder's permissions and that no other agent uses it; \
         if the file is damaged, move it aside and a new one is made"
    )]
    Open {
        path: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file cannot be read or written.
    #[error("the spool cannot be read or written")]
    Storage(#[from] sqlx::Error),
    /// The file holds a row that this version did not write.
    #[error("the spool's message {id} is not readable")]
    Foreign { id: i64 },
}

/// Where a spool lies and how much it may hold.
#[derive(Debug, Clone)]
pub(crate) struct SpoolOptions {
    pub(crate) path: PathBuf,
    pub(crate) bytes_max: u64,
    pub(crate) age_ms_max: u64,
}

impl Spool {
    /// Opens the file, or makes it with a new epoch. One process at a time.
    pub(crate) async fn open(options: &SpoolOptions, clock: Clock) -> Result<Self, SpoolError> {
        let store = store::Store::open(&options.path, clock.now_ms()).await?;
        Ok(Self {
            store,
            clock,
            bytes_max: options.bytes_max,
            age_ms_max: options.age_ms_max,
            appended: Notify::new(),
        })
    }

    /// Keeps a message; when this answers, it is on the disk.
    pub(crate) async fn append(&self, message: &NewMessage) -> Result<Receipt, SpoolError> {
        let receipt = self
            .store
            .append(message, self.clock.now_ms(), self.bytes_max)
            .await?;
        self.appended.notify_one();
        Ok(receipt)
    }

    /// Returns once something was appended since the last call.
    pub(crate) async fn appended(&self) {
        self.appended.notified().await;
    }

    /// The messages after `id`, at most `count`, in order.
    pub(crate) async fn after(&self, id: i64, count: u32) -> Result<Vec<Kept>, SpoolError> {
        self.store.after(id, count).await
    }

    /// Takes the centre's word that all of `epoch` up to `sequence` is stored.
    pub(crate) async fn acknowledge(&self, epoch: u64, sequence: u64) -> Result<Acked, SpoolError> {
        self.store
            .acknowledge(epoch, sequence, self.clock.now_ms())
            .await
    }

    /// Drops what is older than allowed; answers how many messages that were. The rest then has a new epoch, for in the
    /// old one the centre would wait for the dropped numbers.
    pub(crate) async fn expire(&self) -> Result<u64, SpoolError> {
        let now_ms = self.clock.now_ms();
        self.store
            .drop_stored_before(now_ms.saturating_sub(self.age_ms_max), now_ms)
            .await
    }

    /// How the spool stands.
    pub(crate) async fn marks(&self) -> Result<Marks, SpoolError> {
        self.store.marks().await
    }

    /// Closes the file.
    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}

fn open_error(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SpoolError {
    SpoolError::Open {
        path: path.display().to_string(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests;
