//! Files on their way in: how many at the same time, and of whom.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::errors::PageError;
use super::multipart;

/// Files that are taken at the same time.
const ALL_MAX: usize = 4;
/// The longest wait for one's turn.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The files that are being taken. Cloning shares it.
#[derive(Clone)]
pub struct Uploading {
    all: Arc<Semaphore>,
    sessions: Arc<Mutex<HashSet<String>>>,
}

/// Leave to send one; dropping it lets the next one.
pub(crate) struct Turn {
    uploading: Uploading,
    session: String,
    all: Option<OwnedSemaphorePermit>,
}

impl Default for Uploading {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(ALL_MAX)),
            sessions: Arc::default(),
        }
    }
}

impl Uploading {
    /// Leave to send a file of at most so many bytes: before anything of it is read.
    ///
    /// # Errors
    /// When it is said to be larger, or it is not this session's turn.
    pub(crate) async fn admit(
        &self,
        session: &str,
        headers: &HeaderMap,
        bytes_max: usize,
    ) -> Result<Turn, PageError> {
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Err(multipart::too_large(bytes_max));
        }
        let turn = self.turn(session).await;
        turn.ok_or_else(|| {
            PageError::unavailable("Other files are being taken now, yours or of others.")
        })
    }

    /// Waits for one's turn for a while; `None` when there is none, at once where the session is sending a file already.
    async fn turn(&self, session: &str) -> Option<Turn> {
        self.turn_within(session, WAIT_MAX).await
    }

    async fn turn_within(&self, session: &str, wait: Duration) -> Option<Turn> {
        if !self.sessions().insert(session.to_owned()) {
            return None;
        }
        let mut turn = Turn {
            uploading: self.clone(),
            session: session.to_owned(),
            all: None,
        };
        let all = Arc::clone(&self.all).acquire_owned();
        // The semaphore is never closed.
        turn.all = Some(tokio::time::timeout(wait, all).await.ok()?.ok()?);
        Some(turn)
    }

    fn sessions(&self) -> MutexGuard<'_, HashSet<String>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all = None;
        self.uploading.sessions().remove(&self.session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_sends_one_file_at_a_time_and_all_of_them_a_few() {
        let uploading = Uploading::default();
        let turn = async |session: &str| {
            let wait = Duration::from_millis(100);
            uploading.turn_within(session, wait).await
        };
        let mut held = Vec::new();
        for session in ["a", "b", "c", "d"] {
            held.push(turn(session).await.expect("there is room"));
            assert!(turn(session).await.is_none(), "one of a session");
        }
        assert!(turn("e").await.is_none(), "that is all");
        assert!(
            turn("e").await.is_none(),
            "and whoever gave up may come again"
        );
        held.pop();
        let next = turn("e").await;
        assert!(next.is_some());
        assert!(turn("d").await.is_none());
        drop((held, next));
        assert!(turn("a").await.is_some() && turn("d").await.is_some());
    }
}
