//! Every task of a service: tracked, watched, and stopped in two steps.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// How long aborted tasks may take to be dropped; what then still runs is a blocking call.
const ABORT_GRACE: Duration = Duration::from_secs(2);

/// Starts, tracks and stops tasks. Clones share one set.
///
/// Stopping has two steps: the *soft* token asks tasks to finish what they have begun and
/// return; the *hard* token drops them where they stand. A service in a process of its own uses
/// the set in its `Context`; each server inside takes a [`Tasks::child`], so that it can be
/// stopped alone.
#[derive(Clone, Debug)]
pub struct Tasks {
    trackers: Arc<[TaskTracker]>,
    soft: CancellationToken,
    hard: CancellationToken,
    root: Arc<Root>,
}

#[derive(Debug)]
struct Root {
    soft: CancellationToken,
    failure: Mutex<Option<TaskFailure>>,
}

/// How a [`Tasks::shutdown`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// All tasks returned in time.
    Drained,
    /// Some had to be aborted.
    Aborted,
}

/// A task that panicked or returned an error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("task {task:?} {reason}")]
pub struct TaskFailure {
    /// The name it was started with.
    pub task: &'static str,
    /// "panicked: …" or "failed: …".
    pub reason: String,
}

/// What a task may return: nothing, or a result whose error is a failure.
pub trait Outcome {
    /// The error in words, if it is one.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: fmt::Display> Outcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| format!("{error:#}"))
    }
}

impl Tasks {
    /// An empty set, for a process, a test or the demonstration.
    pub fn new() -> Self {
        let soft = CancellationToken::new();
        let root = Arc::new(Root {
            soft: soft.clone(),
            failure: Mutex::new(None),
        });
        Self {
            trackers: Arc::new([TaskTracker::new()]),
            soft,
            hard: CancellationToken::new(),
            root,
        }
    }

    /// A set inside this one: it stops when this one stops, and can be stopped alone. A failure
    /// in it stops the whole.
    pub fn child(&self) -> Self {
        let mut trackers = self.trackers.to_vec();
        trackers.push(TaskTracker::new());
        Self {
            trackers: trackers.into(),
            soft: self.soft.child_token(),
            hard: self.hard.child_token(),
            root: Arc::clone(&self.root),
        }
    }

    /// Cancelled when tasks should finish what they have begun and return.
    pub fn soft(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// Cancelled when tasks are dropped where they stand.
    pub fn hard(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Starts a task that the service cannot do without: if it panics or returns an error, that
    /// is logged and the service stops with [`Tasks::failure`] set.
    pub fn spawn<F>(&self, name: &'static str, future: F) -> AbortHandle
    where
        F: Future + Send + 'static,
        F::Output: Outcome,
    {
        let root = Arc::clone(&self.root);
        self.start(name, future, move |failure| {
            tracing::error!(task = failure.task, error = %failure.reason, "a task ended badly, the service stops");
            root.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
            root.soft.cancel();
        })
    }

    /// Starts a task whose failure the caller handles: `on_failure` is called after a panic or an
    /// error, and nothing else happens. For one connection, one tenant, one run.
    pub fn spawn_watched<F>(
        &self,
        name: &'static str,
        future: F,
        on_failure: impl FnOnce(TaskFailure) + Send + 'static,
    ) -> AbortHandle
    where
        F: Future + Send + 'static,
        F::Output: Outcome,
    {
        self.start(name, future, on_failure)
    }

    /// Runs blocking work (disk, zip) on the blocking pool, tracked. `None` when it panicked.
    pub async fn blocking<R: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let tokens = self.tokens();
        let task = tokio::task::spawn_blocking(move || {
            let result = std::panic::catch_unwind(AssertUnwindSafe(work));
            drop(tokens);
            result
        });
        match task.await {
            Ok(Ok(result)) => Some(result),
            Ok(Err(panic)) => {
                tracing::error!(
                    task = name,
                    error = panic_text(panic.as_ref()),
                    "blocking work panicked"
                );
                None
            }
            Err(_) => None,
        }
    }

    /// The first failure of an essential task, here or in any set of the same root.
    pub fn failure(&self) -> Option<TaskFailure> {
        self.root
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many tasks of this set, its children included, are running.
    pub fn running(&self) -> usize {
        self.tracker().len()
    }

    /// Asks all tasks to finish, waits at most `grace`, then aborts what is left.
    pub async fn shutdown(&self, grace: Duration) -> Shutdown {
        self.soft.cancel();
        self.tracker().close();
        if tokio::time::timeout(grace, self.tracker().wait())
            .await
            .is_ok()
        {
            return Shutdown::Drained;
        }
        self.abort().await;
        Shutdown::Aborted
    }

    /// Drops all tasks where they stand.
    pub async fn abort(&self) {
        self.soft.cancel();
        self.hard.cancel();
        self.tracker().close();
        if tokio::time::timeout(ABORT_GRACE, self.tracker().wait())
            .await
            .is_err()
        {
            tracing::warn!(
                tasks = self.running(),
                "blocking work still runs after the abort"
            );
        }
    }

    /// Returns when all tasks have ended, which they do after a stop was asked for.
    pub async fn join(&self) {
        self.soft.cancelled().await;
        self.tracker().close();
        self.tracker().wait().await;
    }

    fn tracker(&self) -> &TaskTracker {
        self.trackers
            .last()
            .expect("a set has a tracker of its own")
    }

    fn tokens(&self) -> Vec<TaskTrackerToken> {
        self.trackers.iter().map(TaskTracker::token).collect()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that all tasks are started through"
    )]
    fn start<F>(
        &self,
        name: &'static str,
        future: F,
        on_failure: impl FnOnce(TaskFailure) + Send + 'static,
    ) -> AbortHandle
    where
        F: Future + Send + 'static,
        F::Output: Outcome,
    {
        let (hard, tokens) = (self.hard.clone(), self.tokens());
        let task = async move {
            let watched = AssertUnwindSafe(async { future.await.failure() }).catch_unwind();
            let reason = match hard.run_until_cancelled_owned(watched).await {
                None | Some(Ok(None)) => None,
                Some(Ok(Some(error))) => Some(format!("failed: {error}")),
                Some(Err(panic)) => Some(format!("panicked: {}", panic_text(panic.as_ref()))),
            };
            if let Some(reason) = reason {
                on_failure(TaskFailure { task: name, reason });
            }
            drop(tokens);
        };
        tokio::spawn(task).abort_handle()
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests;
