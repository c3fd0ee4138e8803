//! One pull, from its request to its last chunk.

use std::sync::Arc;

use serde_json::{Map, Value};
use spokegate_contract::limits::CREDIT_CHUNKS;
use spokegate_contract::record::RequestBody;
use spokegate_contract::{Address, DatasetId, Failure, FailureClass, RequestId};
use spokegate_relay::RequestError;
use tokio::sync::mpsc;

use super::waiting::{Expected, PullEvent};
use super::{Relay, Sanitizer, Shared};

/// What to ask of which satellite.
#[derive(Debug, Clone, PartialEq)]
pub struct PullOrder {
    /// The satellite.
    pub address: Address,
    /// What to ask for.
    pub dataset: DatasetId,
    /// Its version.
    pub version: u16,
    /// Parameters that satisfy the contract.
    pub params: Map<String, Value>,
    /// When to give up, in milliseconds since 1970.
    pub deadline_ms: u64,
}

/// A pull under way. Dropping it before its end cancels it at the satellite.
pub struct PullStream {
    shared: Arc<Shared>,
    sanitizer: usize,
    address: Address,
    id: RequestId,
    events: mpsc::Receiver<PullEvent>,
    taken: u32,
}

impl Relay {
    /// Sends a pull to the first sanitizer that takes it.
    ///
    /// # Errors
    /// With the class that a run shows: `offline` when no sanitizer answers.
    pub async fn pull(&self, order: &PullOrder) -> Result<PullStream, Failure> {
        let mut failure = Failure::new(FailureClass::Offline, "no sanitizer is configured");
        for sanitizer in self.order() {
            match self.ask(sanitizer, order).await {
                Ok(stream) => return Ok(stream),
                Err(RequestError::Refused(refused)) => failure = refused,
                Err(RequestError::Unreachable(error)) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "a request could not be handed to a sanitizer"
                    );
                    failure = Failure::new(FailureClass::Offline, "the sanitizer does not answer");
                }
            }
        }
        Err(failure)
    }

    /// Sanitizers to try, those that answer first.
    fn order(&self) -> Vec<usize> {
        let links = self.links();
        let (up, down): (Vec<_>, Vec<_>) = links.iter().enumerate().partition(|(_, link)| link.up);
        up.into_iter().chain(down).map(|(index, _)| index).collect()
    }

    async fn ask(&self, sanitizer: usize, order: &PullOrder) -> Result<PullStream, RequestError> {
        let id = RequestId::random();
        let expected = Expected {
            sanitizer,
            address: order.address.clone(),
            dataset: order.dataset.clone(),
            version: order.version,
            asked_ms: self.shared.around.clock.now_ms(),
        };
        let Some(events) = self.shared.waiting.enter(id, expected) else {
            let failure = Failure::new(
                FailureClass::Refused,
                "too many requests are under way at the centre",
            );
            return Err(RequestError::Refused(failure));
        };
        // From here on the stream's drop clears up.
        let address = order.address.clone();
        let stream = PullStream {
            shared: Arc::clone(&self.shared),
            sanitizer,
            address,
            id,
            events,
            taken: 0,
        };
        let body = RequestBody {
            id,
            tenant: order.address.tenant.clone(),
            satellite: order.address.satellite.clone(),
            dataset: order.dataset.clone(),
            version: order.version,
            params: Value::Object(order.params.clone()),
            deadline_ms: order.deadline_ms,
            credit: CREDIT_CHUNKS,
        };
        let Some(asked) = self.shared.sanitizers.get(sanitizer) else {
            return Err(RequestError::Unreachable(anyhow::anyhow!(
                "no such sanitizer"
            )));
        };
        let asked = asked.link.client().request(&body).await;
        if let Err(RequestError::Refused(_)) = asked {
            // Nothing is under way there that would have to be cancelled.
            self.shared.waiting.leave(id);
        }
        asked.map(|()| stream)
    }
}

impl PullStream {
    /// The next thing that came. A stream that breaks off reads as a failure.
    pub(crate) async fn next(&mut self) -> PullEvent {
        self.events.recv().await.unwrap_or_else(|| {
            PullEvent::Failure(Failure::new(
                FailureClass::Invalid,
                "the answer broke off or ran over its credit",
            ))
        })
    }

    /// A chunk has been taken over: one more may come.
    pub(crate) fn taken(&mut self) {
        self.taken = self.taken.saturating_add(1);
        if let Some(asked) = self.shared.sanitizers.get(self.sanitizer) {
            asked.outbox.credit(
                &self.address,
                self.id,
                self.taken.saturating_add(CREDIT_CHUNKS),
            );
        }
    }
}

impl Drop for PullStream {
    fn drop(&mut self) {
        let under_way = self.shared.waiting.leave(self.id);
        let Some(Sanitizer { outbox, .. }) = self.shared.sanitizers.get(self.sanitizer) else {
            return;
        };
        if under_way {
            outbox.cancel(&self.address, self.id);
        } else {
            outbox.ended(self.id);
        }
    }
}
