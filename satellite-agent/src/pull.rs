//! Answers pulls: many at once, each under its own deadline and the centre's credit.

mod answer;
mod chunker;
mod credit;
mod deadline;
mod memory;
mod share;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spokegate_contract::envelope::{Part, PullRequest, Reply};
use spokegate_contract::{
    Address, Channel, DatasetId, Envelope, Failure, FailureClass, RequestId, Topic,
};
use spokegate_daemon::{Clock, Tasks};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::credit::Credit;
use self::memory::Memory;
use self::share::Shares;
use crate::bindings::Bindings;
use crate::config::PullConfig;
use crate::link::Session;
use crate::uplink::Uplink;

/// Pulls running and waiting together; one more is refused at once.
const PULLS_MAX: usize = 512;

/// Takes requests and runs them.
#[derive(Clone)]
pub(crate) struct Pulls(Arc<Shared>);

struct Shared {
    bindings: Arc<Bindings>,
    reply_topic: String,
    uplink: Uplink,
    clock: Clock,
    tasks: Tasks,
    shares: Shares,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Memory,
    running: HashMap<RequestId, Running>,
}

struct Running {
    credit: watch::Sender<Credit>,
    cancel: CancellationToken,
}

/// A pull's entry among the running ones, removed when it is dropped.
struct Entry {
    shared: Arc<Shared>,
    id: RequestId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.state().running.remove(&self.id);
    }
}

impl Pulls {
    pub(crate) fn new(
        address: Address,
        bindings: Arc<Bindings>,
        config: &PullConfig,
        uplink: Uplink,
        clock: Clock,
        tasks: Tasks,
    ) -> Self {
        Self(Arc::new(Shared {
            shares: Shares::new(config, &bindings),
            bindings,
            reply_topic: Topic::new(address, Channel::Reply).to_string(),
            uplink,
            clock,
            tasks,
            state: Mutex::default(),
        }))
    }

    /// Starts answering, unless the request is being answered or has come over this connection before. Never waits.
    pub(crate) fn start(&self, session: &Session, dataset: DatasetId, request: PullRequest) {
        let id = request.id;
        let (credit, credits) = watch::channel(Credit::new(request.credit));
        let cancel = self.0.tasks.soft().child_token();
        {
            let mut state = self.0.state();
            let is_repeat = !state.seen.insert(id, session.number());
            if is_repeat || state.running.contains_key(&id) {
                return tracing::debug!(message.id = %id, "a repeated request is not answered twice");
            }
            if state.running.len() >= PULLS_MAX {
                drop(state);
                let detail =
                    format!("the satellite is busy with {PULLS_MAX} requests; ask again later");
                let reply = failure(id, 0, Failure::new(FailureClass::Refused, &detail));
                session.offer(&self.0.reply_topic, reply.encode());
                return;
            }
            state.running.insert(
                id,
                Running {
                    credit,
                    cancel: cancel.clone(),
                },
            );
        }
        let entry = Entry {
            shared: Arc::clone(&self.0),
            id,
        };
        let job = answer::Job::new(Arc::clone(&self.0), dataset, request, credits);
        let task = async move {
            let _entry = entry;
            // Dropping the job ends its request to the source.
            if cancel.run_until_cancelled(job.run()).await.is_none() {
                tracing::debug!(message.id = %id, "a pull was cancelled");
            }
        };
        self.0.tasks.spawn_watched("pull", task, |failure| {
            tracing::error!(error = %failure, "a pull ended badly");
        });
    }

    /// Takes the centre's leave for more chunks.
    pub(crate) fn credit(&self, id: RequestId, chunks: u32) {
        if let Some(running) = self.0.state().running.get(&id) {
            running
                .credit
                .send_if_modified(|credit| credit.raise(chunks));
        }
    }

    /// Ends a pull that nobody waits for.
    pub(crate) fn cancel(&self, id: RequestId) {
        if let Some(running) = self.0.state().running.get(&id) {
            running.cancel.cancel();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(id: RequestId, sequence: u32, failure: Failure) -> Reply {
    Reply {
        id,
        sequence,
        captured_at_ms: None,
        part: Part::Failure(failure),
    }
}
