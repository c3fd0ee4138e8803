//! What the second hop means for runs: pulls under way, pushes that come, what the centre acknowledges.
//!
//! `spokegate-relay` polls the sanitizers and checks each line. A record is taken over here only when its customer is
//! known and its body satisfies the contract; what fails is counted, audited and left out.

mod contracts;
mod intake;
mod lane;
mod outbox;
mod pull;
mod trail;
mod waiting;

pub use contracts::{BodyFault, Contract, Contracts};
pub use pull::{PullOrder, PullStream};
pub(crate) use waiting::PullEvent;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use spokegate_contract::TenantId;
use spokegate_contract::envelope::Validity;
use spokegate_contract::record::Lane;
use spokegate_daemon::{Backoff, Clock, Tasks};
use spokegate_relay::{BACKOFF_MS, Home, Leases, Link, Lost};

use crate::store::Store;
use lane::Share;
use outbox::Outbox;
use waiting::Waiting;

/// The lanes that are the report service's.
pub(crate) const LANES: [Lane; 4] = [Lane::Reply, Lane::Push, Lane::Status, Lane::Quarantine];

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
    /// Bytes of lines of its Node-RED that are kept of a satellite.
    pub log_bytes_max: u64,
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
    sanitizers: Vec<Sanitizer>,
    /// Set when the loops begin.
    leases: OnceLock<Arc<Leases>>,
    waiting: Waiting,
    around: Surroundings,
}

/// One sanitizer, and what it has to be told.
struct Sanitizer {
    link: Arc<Link>,
    outbox: Outbox,
}

/// A sanitizer as an admin page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// Its address.
    pub url: String,
    /// Whether its last answer was one.
    pub up: bool,
    /// Its version; nothing before its first answer, and from one that names none.
    pub version: Option<String>,
    /// Of the certificate that it showed at the last connection, which was checked.
    pub certificate: Option<Validity>,
    /// The customers that are leased to it; nothing when it goes by no leases and serves all that it knows.
    pub tenants: Option<Vec<TenantId>>,
}

impl Relay {
    /// Makes everything ready and starts the loops. No sanitizer needs to be up yet.
    pub fn start(links: Vec<Link>, around: Surroundings) -> Self {
        let relay = Self::prepare(links, around);
        relay.begin();
        relay
    }

    /// Makes everything ready. The loops begin with [`Relay::begin`]: the records of a sanitizer go to one reader.
    pub fn prepare(links: Vec<Link>, around: Surroundings) -> Self {
        let sanitizer = |link: Link| Sanitizer {
            link: Arc::new(link),
            outbox: Outbox::default(),
        };
        Self {
            shared: Arc::new(Shared {
                sanitizers: links.into_iter().map(sanitizer).collect(),
                leases: OnceLock::new(),
                waiting: Waiting::default(),
                around,
            }),
        }
    }

    /// Starts the loops, once. They end with the service.
    pub fn begin(&self) {
        let shared = &self.shared;
        let mut begins = false;
        shared.leases.get_or_init(|| {
            begins = true;
            lease(&shared.sanitizers, &shared.waiting, &shared.around)
        });
        if !begins {
            return;
        }
        let tasks = &shared.around.tasks;
        for (sanitizer, Sanitizer { link, .. }) in shared.sanitizers.iter().enumerate() {
            for lane in LANES {
                let share = Arc::new(Share::new(Arc::clone(shared), sanitizer, lane));
                tasks.spawn("relay lane", Arc::clone(link).drain(share, tasks.clone()));
            }
            tasks.spawn("relay audit", trail::run(Arc::clone(shared), sanitizer));
            tasks.spawn("relay acks", send_acks(Arc::clone(shared), sanitizer));
        }
    }

    /// The sanitizers and whether they answer.
    pub fn links(&self) -> Vec<LinkState> {
        let state = |(place, Sanitizer { link, .. }): (usize, &Sanitizer)| LinkState {
            url: link.url().to_owned(),
            up: link.is_up(),
            version: link.version(),
            certificate: link.certificate(),
            tenants: self
                .shared
                .leases
                .get()
                .and_then(|leases| leases.held(place)),
        };
        self.shared
            .sanitizers
            .iter()
            .enumerate()
            .map(state)
            .collect()
    }

    /// How many pulls are under way.
    pub fn pulls_under_way(&self) -> usize {
        self.shared.waiting.len()
    }
}

impl Shared {
    /// Where a tenant is served now; nowhere before the loops begin.
    fn home(&self, tenant: &TenantId) -> Home {
        let leases = self.leases.get();
        leases.map_or(Home::Nowhere, |leases| leases.home(tenant))
    }

    /// Where to say something to a tenant's satellite: at the sanitizer that serves it or will in a moment, or else at the
    /// one that did.
    fn outbox(&self, tenant: &TenantId, before: usize) -> Option<&Outbox> {
        let sanitizer = self
            .leases
            .get()
            .and_then(|leases| leases.bound_for(tenant))
            .unwrap_or(before);
        self.sanitizers
            .get(sanitizer)
            .map(|sanitizer| &sanitizer.outbox)
    }
}

/// Leases every customer to the sanitizers; pulls that one of them loses are asked again.
fn lease(sanitizers: &[Sanitizer], waiting: &Waiting, around: &Surroundings) -> Arc<Leases> {
    let links = sanitizers
        .iter()
        .map(|sanitizer| Arc::clone(&sanitizer.link));
    let waiting = waiting.clone();
    Leases::start(
        links.collect(),
        around.tenants.iter().cloned().collect(),
        around.clock.clone(),
        &around.tasks,
        move |lost| match lost {
            Lost::All(sanitizer) => waiting.forgotten_by(sanitizer, None),
            Lost::Tenant(sanitizer, tenant) => waiting.forgotten_by(sanitizer, Some(&tenant)),
        },
    )
}

/// Sends what the outbox holds, one request at a time, so that what comes meanwhile is merged.
async fn send_acks(shared: Arc<Shared>, sanitizer: usize) {
    let Some(Sanitizer { link, outbox }) = shared.sanitizers.get(sanitizer) else {
        return;
    };
    let stop = shared.around.tasks.soft();
    let mut backoff = Backoff::new(BACKOFF_MS.0, BACKOFF_MS.1);
    loop {
        let Some(acks) = stop.run_until_cancelled(outbox.take()).await else {
            return;
        };
        match link.client().acks(&acks).await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                tracing::debug!(
                    sanitizer = link.url(),
                    error = format!("{error:#}"),
                    "acks wait"
                );
                outbox.put_back(acks);
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
