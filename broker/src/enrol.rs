//! The enrolment door: an HTTPS listener for satellites that have no certificate, or none that is valid any more.
//!
//! It judges nothing. What has the form of a request goes inwards as one more message, through the cell of the tenant
//! `enrolment`, where the door sits like a satellite; the centre's answer comes back the same way. To the outside there
//! is one refusal, whatever the reason.

mod answer;
mod link;
mod listener;
mod meters;
mod request;
mod waiting;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use spokegate_daemon::http::{HttpLimits, Server, network, tls_serve_reloading};
use spokegate_daemon::{Clock, Tasks};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cell::Cells;
use crate::config::EnrolmentConfig;
use crate::lock;
use crate::rate::{Admission, PerAddress};
use crate::revocation::Lists;
use link::Link;
pub(crate) use meters::DoorMeters;
use waiting::Waiting;

/// Connections beyond those that wait, so that one too many is told so instead of hanging.
const CONNECTIONS_SPARE: usize = 64;
/// Connections that have not sent a request; a further one drops the oldest.
const HANDSHAKES_MAX: usize = 1_024;
/// Time for a request's head, and for which a connection may idle.
const HEAD_MS: u64 = 10_000;
/// Time between two parts of a body, which has 8 KiB at most.
const BODY_PART_MS: u64 = 5_000;
/// Time for a body.
const BODY_MS: u64 = 10_000;
/// Headers of a request.
const HEADERS_MAX: usize = 32;
/// Requests on their way to the cell; when it is full, their connections wait.
const OUTBOX_MAX: usize = 64;

/// What the door needs of the broker.
pub(crate) struct Surroundings {
    pub(crate) cells: Arc<Cells>,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) handshake_ms: u64,
    /// The TLS files; and where revocation lists go that come from the centre.
    pub(crate) lists: Arc<Lists>,
}

/// The door of a broker, with one or several listeners.
pub(crate) struct Enrolment {
    lists: Arc<Lists>,
    desk: Arc<Desk>,
    tasks: Tasks,
    handshake_ms: u64,
}

/// What the requests of all listeners share.
struct Desk {
    config: EnrolmentConfig,
    waiting: Arc<Waiting>,
    rates: Mutex<PerAddress>,
    outbox: mpsc::Sender<waiting::Outgoing>,
    clock: Clock,
    /// Cancelled when the broker stops: nobody is kept waiting.
    soft: CancellationToken,
}

impl Enrolment {
    /// Takes the door's place in its cell.
    pub(crate) fn start(config: EnrolmentConfig, around: Surroundings) -> Self {
        let (outbox, requests) = mpsc::channel(OUTBOX_MAX);
        let meters = DoorMeters::new();
        let waiting = Arc::new(Waiting::new(config.waiting_max, meters.waiting.clone()));
        let (clock, tasks) = (around.clock.clone(), around.tasks.clone());
        let (lists, handshake_ms) = (Arc::clone(&around.lists), around.handshake_ms);
        let link = Link::new(around, Arc::clone(&waiting), requests, meters);
        tasks.spawn("enrolment link", link.run());
        let rates = PerAddress::new(
            config.requests_per_address_per_s,
            config.requests_per_address_burst,
            clock.monotonic_ms(),
        );
        Self {
            lists,
            desk: Arc::new(Desk {
                config,
                waiting,
                rates: Mutex::new(rates),
                outbox,
                clock,
                soft: tasks.soft(),
            }),
            tasks,
            handshake_ms,
        }
    }

    /// Serves one listener.
    pub(crate) fn serve(&self, listener: TcpListener) -> anyhow::Result<Server> {
        let lists = Arc::clone(&self.lists);
        let limits = HttpLimits {
            connections_max: self.desk.config.waiting_max + CONNECTIONS_SPARE,
            waiting_max: Some(HANDSHAKES_MAX),
            connections_per_address: Some(self.desk.config.connections_per_address_max),
            handshake_ms: self.handshake_ms,
            header_ms: HEAD_MS,
            body_part_ms: BODY_PART_MS,
            body_ms: BODY_MS,
            write_ms: HEAD_MS,
            headers_max: HEADERS_MAX,
            ..HttpLimits::default()
        };
        let source = Arc::new(move || lists.door_config());
        let router = listener::router(Arc::clone(&self.desk));
        tls_serve_reloading(listener, source, router, limits, &self.tasks)
    }
}

impl Desk {
    /// May this address ask now?
    fn admit(&self, peer: SocketAddr) -> Admission {
        let now_ms = self.clock.monotonic_ms();
        lock(&self.rates).admit(network(peer.ip()), now_ms)
    }
}
