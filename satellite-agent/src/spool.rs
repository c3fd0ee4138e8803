//! Pushes on disk until the centre has stored them.
//!
//! **Invariant**: a message leaves the folder only by the centre's ack for this spool's epoch, or by its age. The folder may
//! vanish or be put back from a copy; both end in a new epoch, never in a message that is taken for an older one.
//! **Invariant**: what has not the checksum that it was written with is never sent, and never dropped without a word.

mod aside;
mod log;
mod record;
mod state;
pub(crate) mod window;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use spokegate_contract::{DatasetId, Shape};
use spokegate_daemon::Clock;
use tokio::sync::{Mutex as Gate, Notify, oneshot};

/// Bytes that go to the disk with one wait, if so many messages come at the same time.
const COMMIT_BYTES_MAX: usize = 1 << 20;

/// A folder of messages in the order in which they came.
#[derive(Debug)]
pub(crate) struct Spool {
    log: Arc<Mutex<log::Log>>,
    waiting: Arc<Mutex<Vec<Waiting>>>,
    /// Whoever passes writes for all that wait.
    gate: Arc<Gate<()>>,
    clock: Clock,
    age_ms_max: u64,
    appended: Notify,
}

/// A message that is to be kept, and who wants to know.
#[derive(Debug)]
struct Waiting {
    message: NewMessage,
    kept: oneshot::Sender<Result<Receipt, SpoolError>>,
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
    /// Its place in the spool; grows, and is never used twice.
    pub(crate) id: u64,
    pub(crate) receipt: Receipt,
    pub(crate) message: NewMessage,
}

/// A message that is kept, without what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: u64,
    /// Datasets that are alike have the same number, in this process.
    pub(crate) dataset: u16,
    pub(crate) bytes: u64,
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
    /// When the oldest message was stored.
    pub(crate) oldest_ms: Option<u64>,
    /// Messages that grew too old, since the spool was made.
    pub(crate) expired: u64,
    /// Damaged pieces that were found, since the spool was made.
    pub(crate) damaged: u64,
}

/// Messages that grew too old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// How many there were of each dataset.
    pub(crate) by_dataset: Vec<(DatasetId, u64)>,
}

/// What an ack did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acked {
    /// Messages up to this id are gone.
    Through(u64),
    /// It is for another epoch; nothing changed.
    Foreign,
    /// It covers messages that this spool never had: it is an older copy of itself. What is left has a new epoch.
    RolledBack,
}

/// Why a message was not kept, or the spool cannot work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    /// It holds as much as it may.
    #[error(
        "the spool {path} is full: it may hold {bytes_max} bytes (spool.bytes_max) and has {bytes}"
    )]
    Full {
        path: String,
        bytes: u64,
        bytes_max: u64,
    },
    /// The disk has no room.
    #[error(
        "the disk of the spool {path} is full: the message needs {needed} bytes and {free} are free"
    )]
    DiskFull {
        path: String,
        needed: u64,
        free: u64,
    },
    /// The folder cannot be opened.
    #[error(
        "cannot open the spool {path}; hint: check the folder's permissions and that no other agent uses it"
    )]
    Open { path: String, source: io::Error },
    /// The folder cannot be read or written.
    #[error("the spool cannot be read or written")]
    Storage(#[from] io::Error),
}

/// Where a spool lies and how much it may hold.
#[derive(Debug, Clone)]
pub(crate) struct SpoolOptions {
    pub(crate) path: PathBuf,
    pub(crate) bytes_max: u64,
    pub(crate) age_ms_max: u64,
}

impl Spool {
    /// Opens the folder, or makes it with a new epoch. One process at a time.
    pub(crate) async fn open(options: &SpoolOptions, clock: Clock) -> Result<Self, SpoolError> {
        let (given, now_ms) = (options.clone(), clock.now_ms());
        let log = off_thread(move || log::Log::open(&given, now_ms)).await?;
        Ok(Self {
            log: Arc::new(Mutex::new(log)),
            waiting: Arc::default(),
            gate: Arc::default(),
            clock,
            age_ms_max: options.age_ms_max,
            appended: Notify::new(),
        })
    }

    /// Keeps a message; when this answers, it is on the disk. Messages that come meanwhile are written together.
    pub(crate) async fn append(&self, message: &NewMessage) -> Result<Receipt, SpoolError> {
        let (kept, mut answer) = oneshot::channel();
        let message = message.clone();
        lock(&self.waiting).push(Waiting { message, kept });
        loop {
            let passed = tokio::select! {
                biased;
                answered = &mut answer => return self.kept(answered),
                passed = Arc::clone(&self.gate).lock_owned() => passed,
            };
            let (log, waiting, clock) = (
                Arc::clone(&self.log),
                Arc::clone(&self.waiting),
                self.clock.clone(),
            );
            off_thread(move || {
                // Held until all is written, also when nobody waits for it any more.
                let _passed = passed;
                write_waiting(&log, &waiting, &clock);
                Ok(())
            })
            .await?;
        }
    }

    fn kept(
        &self,
        answered: Result<Result<Receipt, SpoolError>, oneshot::error::RecvError>,
    ) -> Result<Receipt, SpoolError> {
        let receipt = answered.unwrap_or_else(|_| Err(stopped()))?;
        self.appended.notify_one();
        Ok(receipt)
    }

    /// Returns once something was appended since the last call.
    pub(crate) async fn appended(&self) {
        self.appended.notified().await;
    }

    /// The messages after `id`, at most `count`, in order and without their bodies.
    pub(crate) async fn heads(&self, id: u64, count: usize) -> Result<Vec<Head>, SpoolError> {
        let log = Arc::clone(&self.log);
        off_thread(move || Ok(lock(&log).heads(id, count))).await
    }

    /// One message; none when it is gone, or damaged and therefore not to be sent.
    pub(crate) async fn read(&self, id: u64) -> Result<Option<Kept>, SpoolError> {
        let log = Arc::clone(&self.log);
        off_thread(move || lock(&log).read(id)).await
    }

    /// Takes the centre's word that all of `epoch` up to `sequence` is stored.
    pub(crate) async fn acknowledge(&self, epoch: u64, sequence: u64) -> Result<Acked, SpoolError> {
        let (log, now_ms) = (Arc::clone(&self.log), self.clock.now_ms());
        off_thread(move || lock(&log).acknowledge(epoch, sequence, now_ms)).await
    }

    /// Drops what is older than allowed, and says what that was.
    pub(crate) async fn expire(&self) -> Result<Option<Expired>, SpoolError> {
        let before_ms = self.clock.now_ms().saturating_sub(self.age_ms_max);
        let log = Arc::clone(&self.log);
        off_thread(move || lock(&log).expire(before_ms)).await
    }

    /// How the spool stands.
    pub(crate) async fn marks(&self) -> Result<Marks, SpoolError> {
        let log = Arc::clone(&self.log);
        off_thread(move || Ok(lock(&log).marks())).await
    }

    /// Notes on the disk how far it came.
    pub(crate) async fn close(&self) {
        let log = Arc::clone(&self.log);
        let closed = off_thread(move || {
            lock(&log).close();
            Ok(())
        });
        // Nothing is lost without the note.
        let _ = closed.await;
    }
}

/// Writes what waits, a bounded piece at a time, and answers each.
fn write_waiting(log: &Mutex<log::Log>, waiting: &Mutex<Vec<Waiting>>, clock: &Clock) {
    loop {
        let (mut bytes, mut count) = (0, 0);
        let mut all = lock(waiting);
        while let Some(next) = all.get(count)
            && (count == 0 || bytes + next.message.body.len() <= COMMIT_BYTES_MAX)
        {
            bytes += next.message.body.len();
            count += 1;
        }
        let taken: Vec<_> = all.drain(..count).collect();
        drop(all);
        if taken.is_empty() {
            return;
        }
        let (messages, askers): (Vec<_>, Vec<_>) =
            taken.into_iter().map(|one| (one.message, one.kept)).unzip();
        let results = lock(log).append(messages, clock.now_ms());
        for (asker, result) in askers.into_iter().zip(results) {
            // Who gave up meanwhile has a message that is kept all the same.
            let _ = asker.send(result);
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Disks wait; the runtime's threads do not.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(stopped()))
}

fn stopped() -> SpoolError {
    SpoolError::Storage(io::Error::other("the agent stops"))
}

fn open_error(path: &Path, source: io::Error) -> SpoolError {
    SpoolError::Open {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
pub(crate) mod disk_tests;
#[cfg(test)]
mod storm_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod week_tests;
