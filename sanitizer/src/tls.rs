//! TLS files that may be replaced while connections come and go: looked at again and again, or when asked.

use spokegate_daemon::Context;
use spokegate_identity::{TlsError, TlsFiles};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Makes a configuration of the files.
type Load<T> = Box<dyn Fn(&TlsFiles) -> Result<Arc<T>, TlsError> + Send + Sync>;

/// A TLS configuration and the files that it comes from.
pub(crate) struct Held<T> {
    files: TlsFiles,
    load: Load<T>,
    current: Mutex<Arc<T>>,
    asked: Notify,
}

impl<T: Send + Sync + 'static> Held<T> {
    /// Loads for the first time.
    pub(crate) fn load(
        files: TlsFiles,
        load: impl Fn(&TlsFiles) -> Result<Arc<T>, TlsError> + Send + Sync + 'static,
    ) -> Result<Arc<Held<T>>, TlsError> {
        let current = Mutex::new(load(&files)?);
        Ok(Arc::new(Held {
            files,
            load: Box::new(load),
            current,
            asked: Notify::new(),
        }))
    }

    /// The configuration for the next connection.
    pub(crate) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the files read again, changed or not.
    pub(crate) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Reads the files again whenever they have changed, until the stop. What they say at fault leaves the present
    /// configuration as it is; connections that stand are not touched.
    pub(crate) async fn watch(self: Arc<Self>, hop: &'static str, context: Context) {
        let soft = context.tasks.soft();
        let mut stamps = Stamps::new(stamp(&self.files).await);
        loop {
            let asked = tokio::select! {
                () = self.asked.notified() => true,
                () = tokio::time::sleep(LOOK_INTERVAL) => false,
                () = soft.cancelled() => return,
            };
            let changed = stamps.changed(stamp(&self.files).await);
            if asked || changed {
                self.reload(hop);
            }
        }
    }

    fn reload(&self, hop: &'static str) {
        match (self.load)(&self.files) {
            Ok(new) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::info!(hop, "the TLS files were read again");
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::error!(
                    hop,
                    error,
                    "the TLS files cannot be used; what was read before stays in use"
                );
            }
        }
    }
}

/// Modification time, size and number of each file; none for one that is not there.
type Stamp = [Option<(i64, i64, u64, u64)>; 3];

async fn stamp(files: &TlsFiles) -> Stamp {
    async fn one(path: &Path) -> Option<(i64, i64, u64, u64)> {
        let found = tokio::fs::metadata(path).await.ok()?;
        Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
    }
    [
        one(&files.certificate).await,
        one(&files.key).await,
        one(&files.ca).await,
    ]
}

/// What the files looked like when they were read, and at the last look.
#[derive(Debug)]
struct Stamps {
    read: Stamp,
    seen: Stamp,
}

impl Stamps {
    fn new(now: Stamp) -> Stamps {
        Stamps {
            read: now,
            seen: now,
        }
    }

    /// Whether the files are others than those that were read. They count as such once two looks see the same:
    /// certificate and key are written one after the other.
    fn changed(&mut self, now: Stamp) -> bool {
        let settled = now == self.seen;
        self.seen = now;
        let changed = settled && now != self.read;
        if changed {
            self.read = now;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_as_changed_once_and_when_they_have_settled() {
        let at = |certificate: i64, key: i64| {
            let file = |mtime| Some((mtime, 0, 1, 1));
            [file(certificate), file(key), file(0)]
        };
        let mut stamps = Stamps::new(at(1, 1));
        let looks = [
            (at(1, 1), false),
            (at(2, 1), false),
            (at(2, 2), false),
            (at(2, 2), true),
            (at(2, 2), false),
            (at(1, 1), false),
            (at(1, 1), true),
        ];
        for (index, (now, expected)) in looks.into_iter().enumerate() {
            assert_eq!(stamps.changed(now), expected, "look {index}");
        }
    }
}
