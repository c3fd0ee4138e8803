//! The centre's side of the second hop: a client of one or several sanitizers.
//!
//! Each lane of each sanitizer has one long-poll loop. A line is taken over only when its seal holds, its record is
//! canonical, its customer is known and its body satisfies the contract; what fails is counted, audited and left out.

mod client;
mod connector;
mod contracts;
mod intake;
mod lane;
mod line;
mod outbox;
mod pull;
mod seal;
mod waiting;

pub use client::Endpoint;
pub use contracts::{BodyFault, Contract, Contracts};
pub use pull::{PullOrder, PullStream};
pub use seal::SealKey;
pub(crate) use waiting::PullEvent;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use spokegate_contract::TenantId;
use spokegate_contract::record::Lane;
use spokegate_daemon::{Backoff, Clock, Tasks};

use crate::store::Store;
use client::Client;
use outbox::Outbox;
use waiting::Waiting;

/// First and longest wait after a failure, in milliseconds.
const BACKOFF_MS: (u64, u64) = (50, 5_000);

/// What the relay needs from the rest of the service.
#[derive(Clone)]
pub struct Surroundings {
    /// Where pushes, satellites and quarantine are kept.
    pub store: Store,
    /// What data must look like.
    pub contracts: Arc<Contracts>,
    /// The customers that are known here.
    pub tenants: Arc<BTreeSet<TenantId>>,
    /// Pushes older than this are pruned, unless they are the latest of their dataset.
    pub pushes_keep_ms: u64,
    /// The time.
    pub clock: Clock,
    /// Starts the loops.
    pub tasks: Tasks,
}

/// A handle to all sanitizers; cloning shares it.
#[derive(Clone)]
pub struct Relay {
    shared: Arc<Shared>,
}

struct Shared {
    links: Vec<Link>,
    waiting: Waiting,
    around: Surroundings,
}

/// One sanitizer.
struct Link {
    url: String,
    client: Client,
    outbox: Outbox,
    key: SealKey,
    up: AtomicBool,
}

/// A sanitizer as an admin page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// Its address.
    pub url: String,
    /// Whether its last answer was one.
    pub up: bool,
}

impl Relay {
    /// Reads the certificates and starts the loops. No sanitizer needs to be up yet.
    ///
    /// # Errors
    /// When a certificate file or name is not usable.
    pub fn start(
        sanitizers: Vec<(Endpoint, SealKey)>,
        around: Surroundings,
    ) -> anyhow::Result<Self> {
        let link = |(endpoint, key): (Endpoint, SealKey)| {
            let client = Client::new(&endpoint)?;
            anyhow::Ok(Link {
                url: endpoint.url,
                client,
                outbox: Outbox::default(),
                key,
                up: AtomicBool::new(false),
            })
        };
        let links = sanitizers
            .into_iter()
            .map(link)
            .collect::<Result<Vec<_>, _>>()?;
        let shared = Arc::new(Shared {
            links,
            waiting: Waiting::default(),
            around,
        });
        for sanitizer in 0..shared.links.len() {
            for lane in Lane::ALL {
                shared.around.tasks.spawn(
                    "relay lane",
                    lane::drain(Arc::clone(&shared), sanitizer, lane),
                );
            }
            shared
                .around
                .tasks
                .spawn("relay acks", send_acks(Arc::clone(&shared), sanitizer));
        }
        Ok(Self { shared })
    }

    /// The sanitizers and whether they answer.
    pub fn links(&self) -> Vec<LinkState> {
        let state = |link: &Link| LinkState {
            url: link.url.clone(),
            up: link.up.load(Ordering::Relaxed),
        };
        self.shared.links.iter().map(state).collect()
    }

    /// How many pulls are under way.
    pub fn pulls_under_way(&self) -> usize {
        self.shared.waiting.len()
    }
}

impl Link {
    /// Notes whether the sanitizer answered; says so when that changed.
    fn note(&self, answered: Result<(), &anyhow::Error>) {
        let up = answered.is_ok();
        if self.up.swap(up, Ordering::Relaxed) == up {
            return;
        }
        match answered {
            Ok(()) => tracing::info!(sanitizer = self.url, "the sanitizer answers"),
            Err(error) => tracing::warn!(
                sanitizer = self.url,
                error = format!("{error:#}"),
                "the sanitizer does not answer"
            ),
        }
        metrics::gauge!("spokegate_sanitizer_up", "sanitizer" => self.url.clone()).set(if up {
            1.0
        } else {
            0.0
        });
    }
}

/// Sends what the outbox holds, one request at a time, so that what comes meanwhile is merged.
async fn send_acks(shared: Arc<Shared>, sanitizer: usize) {
    let Some(link) = shared.links.get(sanitizer) else {
        return;
    };
    let stop = shared.around.tasks.soft();
    let mut backoff = Backoff::new(BACKOFF_MS.0, BACKOFF_MS.1);
    loop {
        let Some(acks) = stop.run_until_cancelled(link.outbox.take()).await else {
            return;
        };
        match link.client.acks(&acks).await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                tracing::debug!(
                    sanitizer = link.url,
                    error = format!("{error:#}"),
                    "acks wait"
                );
                link.outbox.put_back(acks);
                let waited = stop
                    .run_until_cancelled(tokio::time::sleep(backoff.next_delay()))
                    .await;
                if waited.is_none() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
