//! The front: owns every socket, and lets nothing through to a cell that the policy did not permit.

mod accept;
mod answers;
mod door;
mod drain;
mod end;
mod handshake;
mod inbound;
mod inflight;
mod outbound;
mod pending;
mod quota;
mod scratch;
mod seating;
mod session;
mod socket;
mod strands;
mod upkeep;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use spokegate_daemon::{Clock, Context, Tasks};
use spokegate_identity::TrustDomain;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::admin;
use crate::cell::Cells;
use crate::config::{BrokerConfig, BrokerLimits, Listener, ListenerKind};
use crate::enrol::{Enrolment, Surroundings};
use crate::meters::Meters;
use crate::rate::PerAddress;
use crate::revocation::Lists;
use crate::roster::Roster;
pub(crate) use handshake::Cause;
use pending::Pending;
use quota::{Quotas, Rates};
use strands::Strands;

/// How long sessions may take to say goodbye after the last slice, when the broker stops.
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// A running broker.
pub struct Broker {
    addresses: Vec<(ListenerKind, SocketAddr)>,
    shared: Arc<Shared>,
}

/// What all connections share.
struct Shared {
    limits: BrokerLimits,
    trust_domain: TrustDomain,
    /// None when every listener is open.
    lists: Option<Arc<Lists>>,
    roster: Arc<Roster>,
    cells: Arc<Cells>,
    strands: Strands,
    meters: Meters,
    clock: Clock,
    tasks: Tasks,
    per_address: Mutex<PerAddress>,
    pending: Pending,
    quotas: Quotas,
    sessions: AtomicUsize,
    unnamed: AtomicUsize,
    routers_lost: AtomicUsize,
}

impl Broker {
    /// Loads the TLS files, binds every listener and starts to serve.
    pub async fn bind(config: BrokerConfig, context: &Context) -> anyhow::Result<Self> {
        let roster = Arc::new(Roster::default());
        let lists = config.tls.files().map(|files| {
            let crl_file = config.revocation.crl_file.clone();
            let (roster, clock) = (Arc::clone(&roster), context.clock.clone());
            Lists::open(files, crl_file, handshake::on_refused(), roster, clock)
        });
        let lists = lists.transpose()?.map(Arc::new);
        let limits = config.limits;
        let now_ms = context.clock.monotonic_ms();
        let strands = Strands::start()?;
        let shared = Arc::new(Shared {
            limits,
            trust_domain: config.trust_domain.clone(),
            lists,
            roster,
            cells: Arc::new(Cells::new(
                limits.sizes(),
                limits.tenants_max,
                strands.count(),
            )),
            meters: Meters::new(strands.count()),
            strands,
            clock: context.clock.clone(),
            tasks: context.tasks.child(),
            per_address: Mutex::new(PerAddress::new(
                limits.connections_per_address_per_s,
                limits.connections_per_address_burst,
                now_ms,
            )),
            pending: Pending::new(limits.pending_max),
            quotas: Quotas::new(Rates::of(&limits), limits.connections_max),
            sessions: AtomicUsize::new(0),
            unnamed: AtomicUsize::new(0),
            routers_lost: AtomicUsize::new(0),
        });
        let mut bound = Vec::new();
        for listener in &config.listener {
            check_listener(listener, shared.lists.is_some())?;
            let socket = TcpListener::bind(listener.address)
                .await
                .with_context(|| format!("bind a listener to {}", listener.address))?;
            bound.push((listener.kind, socket));
        }
        let enrolment = shared.enrolment(&config);
        let mut addresses = Vec::new();
        for (kind, socket) in bound {
            let address = socket
                .local_addr()
                .context("ask a listener for its address")?;
            tracing::info!(%kind, %address, "listening");
            addresses.push((kind, address));
            shared.listen(kind, socket, enrolment.as_ref())?;
        }
        shared
            .tasks
            .spawn("upkeep", upkeep::run(Arc::clone(&shared)));
        if let Some(path) = config.admin.path() {
            let desk = admin::Desk::new(Arc::clone(&shared.roster), shared.tasks.clone(), limits);
            admin::bind(path, desk)?;
        }
        let ready = context.readiness.latch("listeners");
        ready.set();
        let draining = drain::when_stopping(Arc::clone(&shared), ready);
        shared.tasks.spawn("drain", draining);
        Ok(Self { addresses, shared })
    }

    /// Where satellites and the sanitizer connect.
    pub fn addr(&self) -> SocketAddr {
        self.address_of(ListenerKind::Mtls)
            .unwrap_or(self.addresses[0].1)
    }

    /// The first listener of a kind.
    pub fn address_of(&self, kind: ListenerKind) -> Option<SocketAddr> {
        self.addresses
            .iter()
            .find(|(of, _)| *of == kind)
            .map(|(_, address)| *address)
    }

    /// Reads the TLS files and the revocation lists again; sessions of certificates that are still good go on. What is
    /// at fault is in the log, and what was in force before stays.
    pub async fn reload(&self) {
        upkeep::reread(&self.shared, true).await;
    }

    /// The revocation lists in force; none when every listener is open.
    pub fn lists(&self) -> Option<&Arc<Lists>> {
        self.shared.lists.as_ref()
    }

    /// Cancelled once the broker drains, whoever asked for it.
    pub fn stopping(&self) -> CancellationToken {
        self.shared.tasks.soft()
    }

    /// Stops to accept, ends every session in slices, and returns when all links are gone from their routers and the
    /// threads that served them have ended.
    pub async fn shutdown(&self) {
        let slices = Duration::from_millis(self.shared.limits.drain_ms);
        self.shared.tasks.shutdown(slices + DRAIN_GRACE).await;
        self.shared.strands.end(&self.shared.tasks).await;
    }

    /// Returns when the broker has stopped.
    pub async fn join(&self) {
        self.shared.tasks.join().await;
    }

    /// Routers that ended, or no longer answered, and were replaced.
    pub fn routers_lost(&self) -> usize {
        self.shared.routers_lost.load(Ordering::Relaxed)
    }

    /// Ends one tenant's router as a bug in it would.
    #[cfg(any(test, feature = "fault-injection"))]
    pub fn kill_router(&self, tenant: &spokegate_contract::TenantId) {
        self.shared.cells.kill_router(tenant);
    }
}

impl Shared {
    /// Starts to serve a listener.
    fn listen(
        self: &Arc<Self>,
        kind: ListenerKind,
        socket: TcpListener,
        enrolment: Option<&Enrolment>,
    ) -> anyhow::Result<()> {
        match (kind, enrolment) {
            (ListenerKind::Enrolment, Some(enrolment)) => enrolment.serve(socket).map(drop),
            _ => {
                let accepting = accept::run(Arc::clone(self), kind, socket);
                self.tasks.spawn("listener", accepting);
                Ok(())
            }
        }
    }

    /// The enrolment door, if a listener asks for it.
    fn enrolment(&self, config: &BrokerConfig) -> Option<Enrolment> {
        let asked = |listener: &Listener| listener.kind == ListenerKind::Enrolment;
        let lists = self.lists.clone()?;
        config.listener.iter().any(asked).then(|| {
            let around = Surroundings {
                cells: Arc::clone(&self.cells),
                clock: self.clock.clone(),
                tasks: self.tasks.clone(),
                handshake_ms: self.limits.handshake_ms,
                lists,
            };
            Enrolment::start(config.enrolment, around)
        })
    }
}

/// What [`crate::config`] refuses with better words, for those who make a configuration in code.
fn check_listener(listener: &Listener, has_tls: bool) -> anyhow::Result<()> {
    let address = listener.address;
    match listener.kind {
        ListenerKind::Open => anyhow::ensure!(
            address.ip().is_loopback(),
            "an open listener binds to loopback only, not to {address}"
        ),
        ListenerKind::Mtls | ListenerKind::Enrolment => {
            anyhow::ensure!(has_tls, "the listener {address} needs the files of [tls]");
        }
    }
    Ok(())
}
