//! The pull itself: over the relay like a run's, judged like a run's, and nothing is kept of it but what the page shows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use spokegate_contract::{Address, Failure, FailureClass, Shape};

use super::tries::{Outcome, TryId};
use crate::relay::{BodyFault, Contract, PullEvent, PullOrder, PullStream};
use crate::runs::Bounds;
use crate::state::AppState;

/// How long a try may take, in milliseconds.
const TRY_MS: u64 = 60_000;
/// What the satellite gets less, so that its own word on a time-out can arrive.
const RETURN_MS: u64 = 500;
/// How often it is asked when the sanitizer starts anew under it.
const ATTEMPTS_MAX: u32 = 3;

/// What to try.
pub(super) struct Order {
    /// As it holds for the customer.
    pub(super) contract: Arc<Contract>,
    pub(super) address: Address,
    pub(super) params: Map<String, Value>,
}

impl Order {
    /// What is asked of whom, as the audit trail has it.
    pub(super) fn about(&self) -> String {
        let dataset = &self.contract.dataset;
        format!("{} v{} of {}", dataset.id, dataset.version, self.address)
    }
}

/// Starts the pull; the page follows it by its id.
pub(super) fn start(state: &AppState, id: TryId, order: Order) {
    let (tasks, state) = (state.tasks.clone(), state.clone());
    let lost = (state.clone(), id.clone());
    let work = async move {
        let began_ms = state.clock.monotonic_ms();
        let pull = pull(&state, &id, &order);
        let pulled = tokio::time::timeout(Duration::from_millis(TRY_MS), pull).await;
        let pulled = pulled.unwrap_or_else(|_| Err(Failure::new(FailureClass::Timeout, "")));
        let took_ms = state.clock.monotonic_ms().saturating_sub(began_ms);
        state.tries.change(&id, |tried| {
            tried.took_ms = took_ms;
            tried.outcome = pulled.map_or_else(Outcome::Failed, |()| Outcome::Holds);
        });
        state.store.stir();
    };
    tasks.spawn_watched("try a pull", work, move |failure| {
        tracing::error!(error = %failure.reason, "a pull could not be tried");
        let (state, id) = lost;
        let broken = Failure::new(FailureClass::Invalid, "the centre could not read it");
        state
            .tries
            .change(&id, |tried| tried.outcome = Outcome::Failed(broken));
    });
}

async fn pull(state: &AppState, id: &TryId, order: &Order) -> Result<(), Failure> {
    let dataset = &order.contract.dataset;
    let asked = PullOrder {
        address: order.address.clone(),
        dataset: dataset.id.clone(),
        version: dataset.version,
        params: order.params.clone(),
        deadline_ms: state.clock.now_ms().saturating_add(TRY_MS - RETURN_MS),
    };
    for _ in 0..ATTEMPTS_MAX {
        let mut stream = state.engine.relay().pull(&asked).await?;
        if drain(state, id, order, &mut stream).await? {
            return Ok(());
        }
        // What came before is void.
        state.tries.change(id, |tried| tried.forget());
    }
    let detail = "the sanitizer keeps starting anew";
    Err(Failure::new(FailureClass::Offline, detail))
}

/// Takes every chunk; false when the sanitizer lost the pull.
async fn drain(
    state: &AppState,
    id: &TryId,
    order: &Order,
    stream: &mut PullStream,
) -> Result<bool, Failure> {
    let mut bounds = Bounds::new(order.contract.dataset.limits);
    loop {
        let (body, last) = match stream.next().await {
            PullEvent::Rows { body, last, .. } => (body, last),
            PullEvent::Document { body, .. } => (body, true),
            PullEvent::Failure(failure) => return Err(failure),
            PullEvent::Forgotten => return Ok(false),
        };
        let bytes = body.len();
        bounds.bytes(bytes)?;
        let rows = judged(state, &order.contract, body).await?;
        bounds.rows(rows.len() as u64)?;
        state.tries.change(id, |tried| tried.part(bytes, &rows));
        state.store.stir();
        stream.taken();
        if last {
            return Ok(true);
        }
    }
}

/// The rows of a body that satisfies the contract; a document is one.
async fn judged(
    state: &AppState,
    contract: &Arc<Contract>,
    body: Bytes,
) -> Result<Vec<Map<String, Value>>, Failure> {
    let contract = Arc::clone(contract);
    let work = move || match contract.dataset.shape {
        Shape::Rows => contract.rows(&body),
        Shape::Document => contract.document(&body).map(|document| vec![document]),
    };
    let judged = state.tasks.blocking("judge a pull", work).await;
    let unread = || BodyFault::Shape("text that can be read");
    judged
        .unwrap_or_else(|| Err(unread()))
        .map_err(|fault| Failure::new(FailureClass::Invalid, &fault.to_string()))
}
