//! Files that may be replaced while what they say is in use: looked at again and again, or when asked.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::Context;

/// Time between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Reads the files.
type Load<T> = Box<dyn Fn() -> anyhow::Result<Arc<T>> + Send + Sync>;

/// What some files say, such as a TLS configuration, read anew when they change.
pub struct Watched<T> {
    files: Vec<PathBuf>,
    load: Load<T>,
    current: Mutex<Arc<T>>,
    asked: Notify,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads for the first time; `load` reads the files named and no others.
    ///
    /// # Errors
    /// What `load` says.
    pub fn load(
        files: Vec<PathBuf>,
        load: impl Fn() -> anyhow::Result<Arc<T>> + Send + Sync + 'static,
    ) -> anyhow::Result<Arc<Self>> {
        let current = Mutex::new(load()?);
        Ok(Arc::new(Self {
            files,
            load: Box::new(load),
            current,
            asked: Notify::new(),
        }))
    }

    /// What the files said when they were last read.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the files read again, changed or not.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Reads the files again whenever they have changed, until the stop. When they are at fault, what was read before
    /// stays. The log calls them `name`.
    pub async fn watch(self: Arc<Self>, name: &'static str, context: Context) {
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
                self.reload(name);
            }
        }
    }

    fn reload(&self, name: &'static str) {
        match (self.load)() {
            Ok(new) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = new;
                tracing::info!(files = name, "the files were read again");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    files = name,
                    error,
                    "the files cannot be used; what was read before stays in use"
                );
            }
        }
    }
}

/// Modification time, size and number of each file; none for one that is not there.
type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

async fn stamp(files: &[PathBuf]) -> Stamp {
    async fn one(path: &Path) -> Option<(i64, i64, u64, u64)> {
        let found = tokio::fs::metadata(path).await.ok()?;
        Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
    }
    let mut stamp = Vec::with_capacity(files.len());
    for file in files {
        stamp.push(one(file).await);
    }
    stamp
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
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
            read: now.clone(),
            seen: now,
        }
    }

    /// Whether the files are others than those that were read. They count as such once two looks see the same:
    /// certificate and key are written one after the other.
    fn changed(&mut self, now: Stamp) -> bool {
        let settled = now == self.seen;
        self.seen.clone_from(&now);
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
            vec![file(certificate), file(key), None]
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
