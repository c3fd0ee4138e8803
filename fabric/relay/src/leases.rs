//! Keeps the leases of all sanitizers: a loop for each over the assignment that they share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spokegate_contract::TenantId;
use spokegate_daemon::{Clock, Tasks};

use crate::client::CallError;
use crate::link::Link;
use crate::share::{Home, Lost, Share};

/// Time between two looks at what is due.
const LOOK: Duration = Duration::from_millis(100);
/// Status of the answer of a sanitizer that goes by no leases.
const FREE_STATUS: u16 = 404;

/// Told what is lost of what was asked; called now and then, and must not wait.
type OnLost = Box<dyn Fn(Lost) + Send + Sync>;

/// Which sanitizer serves which tenant, kept true by leases.
pub struct Leases {
    share: Mutex<Share>,
    links: Vec<Arc<Link>>,
    clock: Clock,
    on_lost: OnLost,
}

impl Leases {
    /// Starts to lease these tenants to the sanitizers that answer.
    pub fn start(
        links: Vec<Arc<Link>>,
        tenants: Vec<TenantId>,
        clock: Clock,
        tasks: &Tasks,
        on_lost: impl Fn(Lost) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let urls: Vec<&str> = links.iter().map(|link| link.url()).collect();
        let share = Share::new(&urls, tenants, clock.monotonic_ms());
        let leases = Arc::new(Self {
            share: Mutex::new(share),
            links,
            clock,
            on_lost: Box::new(on_lost),
        });
        for sanitizer in 0..leases.links.len() {
            let (leases, soft) = (Arc::clone(&leases), tasks.soft());
            tasks.spawn("leases", async move {
                soft.run_until_cancelled(leases.keep(sanitizer)).await;
            });
        }
        leases
    }

    /// Where a tenant is served now.
    pub fn home(&self, tenant: &TenantId) -> Home {
        self.share().home(tenant, self.clock.monotonic_ms())
    }

    /// The sanitizer that serves a tenant, or will in a moment; nothing when there are no leases.
    pub fn bound_for(&self, tenant: &TenantId) -> Option<usize> {
        self.share().bound_for(tenant)
    }

    /// The tenants that a sanitizer, by its place in the configuration, holds; nothing when it goes by no leases.
    pub fn held(&self, sanitizer: usize) -> Option<Vec<TenantId>> {
        self.share().held(sanitizer, self.clock.monotonic_ms())
    }

    async fn keep(&self, sanitizer: usize) {
        let Some(link) = self.links.get(sanitizer) else {
            return;
        };
        let mut known: Option<bool> = None;
        loop {
            let now_ms = self.clock.monotonic_ms();
            let (call, lost) = self.share().call(sanitizer, now_ms);
            self.tell(lost);
            if let Some(body) = call {
                let answer = link.client().leases(&body).await;
                self.note(sanitizer, &mut known, &answer.as_ref().map(|_| ()));
                let now_ms = self.clock.monotonic_ms();
                let lost = match answer {
                    Ok(answer) => self.share().answered(sanitizer, answer, now_ms),
                    Err(CallError::Refused {
                        status: FREE_STATUS,
                        ..
                    }) => self.share().is_free(sanitizer, now_ms),
                    Err(error) => {
                        tracing::debug!(sanitizer = link.url(), error = %error, "leases are not renewed");
                        self.share().failed(sanitizer, now_ms)
                    }
                };
                self.tell(lost);
                self.measure(sanitizer);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Says once what kind of sanitizer it is, and what is wrong with the mixture.
    fn note(&self, sanitizer: usize, known: &mut Option<bool>, answer: &Result<(), &CallError>) {
        let url = self.links.get(sanitizer).map_or("", |link| link.url());
        let leased = match answer {
            Ok(()) => true,
            Err(CallError::Refused { status, detail, .. }) if *status != FREE_STATUS => {
                tracing::error!(
                    sanitizer = url,
                    status,
                    detail,
                    "a sanitizer refuses its leases"
                );
                return;
            }
            Err(CallError::Refused { .. }) => false,
            Err(CallError::Unreachable(_)) => return,
        };
        if known.replace(leased) == Some(leased) {
            return;
        }
        if leased {
            tracing::info!(sanitizer = url, "the sanitizer goes by leases");
        } else if self.links.len() > 1 {
            tracing::warn!(
                sanitizer = url,
                "one of several sanitizers goes by no leases, hint: share.leases = true in the configuration of each, unless \
                 no two of them serve the same customer"
            );
        }
    }

    fn tell(&self, lost: Vec<Lost>) {
        for lost in lost {
            if let Lost::Tenant(sanitizer, tenant) = &lost {
                let from = self.links.get(*sanitizer).map_or("", |link| link.url());
                tracing::warn!(tenant.id = %tenant, from, "the tenant moves to another sanitizer");
            }
            (self.on_lost)(lost);
        }
    }

    fn measure(&self, sanitizer: usize) {
        let (moves, held) = {
            let share = self.share();
            (
                share.moves(),
                share.held(sanitizer, self.clock.monotonic_ms()),
            )
        };
        metrics::counter!("spokegate_relay_tenants_moved_total").absolute(moves);
        if let (Some(held), Some(link)) = (held, self.links.get(sanitizer)) {
            let held = u32::try_from(held.len()).unwrap_or(u32::MAX);
            metrics::gauge!("spokegate_relay_tenants_leased", "sanitizer" => link.url().to_owned())
                .set(f64::from(held));
        }
    }

    fn share(&self) -> MutexGuard<'_, Share> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leases")
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}
