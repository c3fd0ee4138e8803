//! One pull, from its request to its last chunk.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use spokegate_contract::limits::CREDIT_CHUNKS;
use spokegate_contract::record::RequestBody;
use spokegate_contract::{Address, DatasetId, Failure, FailureClass, RequestId};
use spokegate_relay::{Home, RequestError};
use tokio::sync::mpsc;

use super::waiting::{Expected, PullEvent};
use super::{Relay, Shared};

/// How long a pull waits for a customer's session while it moves from a sanitizer that died to another one.
const MOVE_MS_MAX: u64 = 10_000;
/// How long a pull waits for a sanitizer that starts anew, where there are no leases.
const RESTART_MS_MAX: u64 = 30_000;
/// Time between two attempts meanwhile.
const MOVE_PAUSE: Duration = Duration::from_millis(50);
/// How long a sanitizer that goes by leases may take to take a request over.
const HAND_OVER: Duration = Duration::from_secs(2);

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
    forgotten: bool,
}

/// Why a pull is not under way.
struct NotTaken {
    failure: Failure,
    /// How long after its begin a pull is still tried again: a customer that moves between sanitizers, or whose sanitizer
    /// starts anew, is served again in a moment.
    patience_ms: u64,
}

impl Relay {
    /// Sends a pull to the sanitizer that serves the customer; while the customer moves to another one, or the sanitizer
    /// starts anew, waits for that within the deadline.
    ///
    /// # Errors
    /// With the class that a run shows: `offline` when no sanitizer answers.
    pub async fn pull(&self, order: &PullOrder) -> Result<PullStream, Failure> {
        let clock = &self.shared.around.clock;
        let began_ms = clock.monotonic_ms();
        loop {
            let not_taken = match self.shared.home(&order.address.tenant) {
                Home::At(home) => self.ask_home(home, order).await,
                Home::Nowhere => Err(NotTaken {
                    failure: Failure::new(
                        FailureClass::Offline,
                        "no sanitizer serves the customer",
                    ),
                    patience_ms: MOVE_MS_MAX,
                }),
                Home::Anywhere => self.ask_any(order).await,
            };
            let not_taken = match not_taken {
                Ok(stream) => return Ok(stream),
                Err(not_taken) => not_taken,
            };
            let waited_ms = clock.monotonic_ms().saturating_sub(began_ms);
            if waited_ms >= not_taken.patience_ms || clock.now_ms() >= order.deadline_ms {
                return Err(not_taken.failure);
            }
            tokio::time::sleep(MOVE_PAUSE).await;
        }
    }

    /// Asks the sanitizer to which the customer is leased.
    async fn ask_home(&self, home: usize, order: &PullOrder) -> Result<PullStream, NotTaken> {
        let asked = tokio::time::timeout(HAND_OVER, self.ask(home, order)).await;
        let silent =
            || RequestError::Unreachable(anyhow::anyhow!("no answer to a request in time"));
        match asked.unwrap_or_else(|_| Err(silent())) {
            Ok(stream) => Ok(stream),
            Err(RequestError::Refused(failure)) => Err(NotTaken {
                failure,
                patience_ms: 0,
            }),
            Err(RequestError::NoSession(failure)) => Err(NotTaken {
                failure,
                patience_ms: MOVE_MS_MAX,
            }),
            Err(RequestError::Unreachable(error)) => Err(NotTaken {
                failure: unreachable(&error),
                patience_ms: MOVE_MS_MAX,
            }),
        }
    }

    /// Asks one sanitizer after the other.
    async fn ask_any(&self, order: &PullOrder) -> Result<PullStream, NotTaken> {
        let mut not_taken = NotTaken {
            failure: Failure::new(FailureClass::Offline, "no sanitizer is configured"),
            patience_ms: 0,
        };
        for sanitizer in self.order() {
            let patience_ms = &mut not_taken.patience_ms;
            not_taken.failure = match self.ask(sanitizer, order).await {
                Ok(stream) => return Ok(stream),
                Err(RequestError::Refused(refused)) => refused,
                Err(RequestError::NoSession(refused)) => {
                    *patience_ms = MOVE_MS_MAX.max(*patience_ms);
                    refused
                }
                Err(RequestError::Unreachable(error)) => {
                    if self.answered_lately(sanitizer) {
                        *patience_ms = RESTART_MS_MAX;
                    }
                    unreachable(&error)
                }
            };
        }
        // It may have turned out meanwhile that the sanitizers go by leases.
        if self.shared.home(&order.address.tenant) != Home::Anywhere {
            not_taken.patience_ms = MOVE_MS_MAX.max(not_taken.patience_ms);
        }
        Err(not_taken)
    }

    fn answered_lately(&self, sanitizer: usize) -> bool {
        let asked = self.shared.sanitizers.get(sanitizer);
        asked.is_some_and(|asked| {
            asked
                .link
                .answered_within(Duration::from_millis(RESTART_MS_MAX))
        })
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
            forgotten: false,
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

fn unreachable(error: &anyhow::Error) -> Failure {
    // The link says once that its sanitizer does not answer; a request is tried again and again.
    tracing::debug!(
        error = format!("{error:#}"),
        "a request could not be handed to a sanitizer"
    );
    Failure::new(FailureClass::Offline, "the sanitizer does not answer")
}

impl PullStream {
    /// The next thing that came. A stream that breaks off reads as a failure.
    pub(crate) async fn next(&mut self) -> PullEvent {
        let event = self.events.recv().await.unwrap_or_else(|| {
            PullEvent::Failure(Failure::new(
                FailureClass::Invalid,
                "the answer broke off or ran over its credit",
            ))
        });
        self.forgotten |= matches!(event, PullEvent::Forgotten);
        event
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
        if let Some(asked) = self.shared.sanitizers.get(self.sanitizer) {
            asked.outbox.ended(self.id);
        }
        // What a sanitizer has forgotten may still be under way at the satellite.
        if (under_way || self.forgotten)
            && let Some(outbox) = self.shared.outbox(&self.address.tenant, self.sanitizer)
        {
            outbox.cancel(&self.address, self.id);
        }
    }
}
