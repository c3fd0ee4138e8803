//! One tenant's session: the loop over what the broker, the lane and the centre say.

mod arrived;
mod lease;
mod told;

use super::bucket::Bucket;
use super::calls::Order;
use super::counters::Counters;
use super::handed::Handed;
use super::heartbeats::Heartbeats;
use super::intake::Intake;
use super::mqtt::{Arrival, Arrived, Connection, Dial};
use crate::link::FromIngest;
use crate::setup::{IngestSetup, PresenceMode};
use crate::stdio::Out;
use bytes::Bytes;
use spokegate_contract::envelope::Ack;
use spokegate_contract::{Channel, DatasetId, RequestId, SatelliteId, TenantId};
use spokegate_daemon::{Backoff, Context};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Messages that are not acknowledged yet; at this number the session stops reading. Brokers keep to fewer.
const OPEN_MESSAGES_MAX: usize = 400;
/// A session that was up for so long ended by chance, and the next attempt comes soon; one that did not, like that of two
/// sanitizers which take over from each other, waits longer each time.
const LIVED: Duration = Duration::from_secs(30);
/// Time between two looks for requests past their deadline.
const TICK: Duration = Duration::from_millis(250);

/// What the session is told.
#[derive(Debug)]
pub(super) enum SessionEvent {
    /// The centre asks for data.
    Request {
        call: u64,
        id: RequestId,
        satellite: SatelliteId,
        dataset: DatasetId,
        version: u16,
        deadline_ms: u64,
        payload: Bytes,
    },
    /// The answer to a request for a certificate.
    Admission {
        satellite: SatelliteId,
        payload: Bytes,
    },
    /// What the centre orders of satellites, and parts of parcels.
    Orders { call: u64, messages: Vec<Order> },
    /// The certificates that the broker shall refuse from now on.
    RevocationList(Bytes),
    /// The centre has taken something over.
    Ack { satellite: SatelliteId, ack: Ack },
}

/// A message has left the lane.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) token: u64,
    pub(super) refused: bool,
}

/// What a session shares with the process.
#[derive(Clone)]
pub(super) struct Links {
    pub(super) context: Context,
    pub(super) out: Out,
    pub(super) counters: Arc<Counters>,
}

/// A message that is not acknowledged, in the order of arrival.
struct Unacknowledged {
    arrival: Arrival,
    token: u64,
    request: Option<Asked>,
    done: bool,
}

/// What a message is about, and whose it is: that is told when a lane refuses it.
enum Asked {
    /// The answer to a pull.
    Pull(RequestId, SatelliteId),
    /// A request for a certificate.
    Enrol(RequestId, SatelliteId),
}

/// One tenant's session.
pub(super) struct Session {
    tenant: TenantId,
    dial: Dial,
    links: Links,
    /// Where the broker does not say who is there.
    heartbeats: Option<Heartbeats>,
    intake: Intake,
    bucket: Bucket,
    requests_max: usize,
    open: VecDeque<Unacknowledged>,
    handed: Handed,
    connection: Option<Connection>,
    up: bool,
    /// Whether it may be open.
    leased: bool,
    cancels: lease::Cancels,
    /// The latest, for a broker that comes later.
    revocation_list: Option<Bytes>,
    read_after: Instant,
}

impl Session {
    pub(super) fn new(tenant: TenantId, setup: &IngestSetup, dial: Dial, links: Links) -> Session {
        let now_ms = links.context.clock.now_ms();
        // Tokens of an earlier process that are still in the lane must not be taken for this one's.
        let first_token = now_ms.wrapping_shl(20);
        Session {
            intake: Intake::new(tenant.clone(), setup.presence, first_token),
            bucket: Bucket::new(
                setup.messages_per_s,
                setup.bytes_per_s,
                links.context.clock.monotonic_ms(),
            ),
            requests_max: setup.requests_max,
            tenant,
            dial,
            heartbeats: (setup.presence == PresenceMode::Heartbeat)
                .then(|| Heartbeats::new(setup.offline_after_s.saturating_mul(1_000))),
            links,
            open: VecDeque::new(),
            handed: Handed::default(),
            connection: None,
            up: false,
            leased: false,
            cancels: lease::Cancels::new(),
            revocation_list: None,
            read_after: Instant::now(),
        }
    }

    /// Runs until the stop; connects again and again while its tenant is leased, which `lease` says by its end.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<SessionEvent>,
        mut done: mpsc::Receiver<Done>,
        mut lease: watch::Receiver<u64>,
    ) {
        let soft = self.links.context.tasks.soft();
        let mut timer = tokio::time::interval(TICK);
        let mut backoff = Backoff::new(100, 15_000);
        let mut connect_after = Instant::now();
        let mut up_since: Option<Instant> = None;
        loop {
            let end_ms = *lease.borrow_and_update();
            let left = self.time_left(end_ms);
            if self.note_lease(left.is_some(), end_ms).await {
                backoff.reset();
                connect_after = Instant::now();
            }
            let leased = left.is_some();
            if leased && self.connection.is_none() && connect_after <= Instant::now() {
                self.connection = Some(self.dial.connect(&self.tenant, &self.links.context.tasks));
            }
            let throttled = self.read_after > Instant::now();
            let may_read = !throttled && !self.is_full();
            tokio::select! {
                arrived = arrival(self.connection.as_mut()), if may_read => match arrived {
                    Arrived::Subscribed(_) => {
                        up_since = Some(Instant::now());
                        self.subscribed().await;
                    }
                    Arrived::Message(arrival) => self.message(arrival).await,
                    Arrived::Closed(reason) => {
                        self.closed(&reason).await;
                        if up_since.take().is_some_and(|since| since.elapsed() >= LIVED) {
                            backoff.reset();
                        }
                        let delay = backoff.next_delay();
                        connect_after = Instant::now().checked_add(delay).unwrap_or(connect_after);
                    }
                },
                event = events.recv() => match event {
                    Some(event) => self.told(event).await,
                    None => return,
                },
                Some(done) = done.recv() => self.done(&done),
                () = tokio::time::sleep_until(self.read_after), if throttled => {}
                () = tokio::time::sleep_until(connect_after), if leased && self.connection.is_none() => {}
                changed = lease.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(left.unwrap_or_default()), if leased => {}
                _ = timer.tick() => self.tick().await,
                () = soft.cancelled() => return,
            }
        }
    }

    /// Whether reading must wait for the lane; the broker then stops for want of acknowledgements.
    fn is_full(&self) -> bool {
        self.handed.is_full() || self.open.len() >= OPEN_MESSAGES_MAX
    }

    async fn subscribed(&mut self) {
        self.up = true;
        tracing::info!(tenant.id = %self.tenant, "the broker session is up");
        self.links
            .out
            .send(
                &FromIngest::Session {
                    tenant: self.tenant.clone(),
                    up: true,
                },
                b"",
            )
            .await;
        if let Some(heartbeats) = &mut self.heartbeats {
            heartbeats.resume(self.links.context.clock.monotonic_ms());
        }
        self.tell_revoked();
        self.tell_cancels();
        for open in self.intake.requests.all_unanswered() {
            self.publish(
                &open.satellite,
                Channel::Pull(open.dataset.clone()),
                open.payload.clone(),
            );
        }
    }

    async fn closed(&mut self, reason: &str) {
        self.connection = None;
        // Unacknowledged messages belong to the connection; what the lane has of them goes on, and stays in the count.
        self.open.clear();
        self.intake.forget_presence();
        tracing::warn!(tenant.id = %self.tenant, error = reason, "the broker session is down");
        self.tell_down().await;
    }

    /// Says to the supervisor that there is no session any more, if there was one.
    async fn tell_down(&mut self) {
        if std::mem::take(&mut self.up) {
            self.links.counters.add("session_ends");
            self.links
                .out
                .send(
                    &FromIngest::Session {
                        tenant: self.tenant.clone(),
                        up: false,
                    },
                    b"",
                )
                .await;
        }
    }

    async fn tick(&mut self) {
        if let Some(heartbeats) = self.heartbeats.as_mut().filter(|_| self.up) {
            let gone = heartbeats.gone(self.links.context.clock.monotonic_ms());
            for satellite in gone {
                self.tell_presence(&satellite, false).await;
            }
        }
        let expired = self
            .intake
            .requests
            .expire(self.links.context.clock.now_ms());
        (0..expired).for_each(|_| self.links.counters.add("expired_requests"));
    }
}

/// What the connection says next; waits for ever when there is none.
async fn arrival(connection: Option<&mut Connection>) -> Arrived {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
    }
}
