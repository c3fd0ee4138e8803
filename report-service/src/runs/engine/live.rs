//! A run that has not ended, as it is known here.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::runs::Progress;

/// A run that waits, is under way here, or is under way in another worker.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) owner_id: String,
    /// Whether it is under way here.
    pub(super) here: bool,
    pub(super) progress: watch::Sender<Progress>,
    /// Its owner cancelled it.
    pub(super) cancel: CancellationToken,
    /// Another worker has it by now.
    pub(super) lost: CancellationToken,
    /// Sees what has not been stored yet.
    said: std::sync::Arc<std::sync::Mutex<watch::Receiver<Progress>>>,
}

impl Live {
    /// One that is not under way here.
    pub(super) fn elsewhere(owner_id: &str) -> Self {
        let (progress, said) = watch::channel(Progress::queued());
        Self {
            owner_id: owner_id.to_owned(),
            here: false,
            progress,
            cancel: CancellationToken::new(),
            lost: CancellationToken::new(),
            said: std::sync::Arc::new(std::sync::Mutex::new(said)),
        }
    }

    /// The same run under way here: whoever watches it while it waits watches it on.
    pub(super) fn taken(&self) -> Self {
        Self {
            here: true,
            progress: self.progress.clone(),
            said: std::sync::Arc::new(std::sync::Mutex::new(self.progress.subscribe())),
            ..Self::elsewhere(&self.owner_id)
        }
    }

    /// Shows how it stands.
    pub(super) fn show(&self, now: Progress) {
        self.progress.send_if_modified(|shown| {
            let changed = *shown != now;
            *shown = now;
            changed
        });
    }

    /// How it stands, when that has changed since this was asked last.
    pub(super) fn unsaid(&self) -> Option<Progress> {
        let mut said = self
            .said
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let changed = said.has_changed().unwrap_or(false);
        changed.then(|| said.borrow_and_update().clone())
    }
}
