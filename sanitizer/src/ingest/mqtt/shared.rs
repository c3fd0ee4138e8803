//! One connection for all tenants, at a broker that is not ours: a filter for each, told apart by the topic.
//!
//! The broker's window of unacknowledged messages is then shared as well. So that nobody holds all of it, a tenant that
//! is owed too many acknowledgements gets them for messages that are dropped: a push comes again from its satellite's
//! spool, an answer with a gap fails.

use super::{Arrival, Arrived, Connection, Endpoint, GOODBYE, REQUESTS, Writer};
use crate::ingest::counters::Counters;
use rumqttc::{
    ConnectReturnCode, Event, EventLoop, Outgoing, Packet, Publish, SubAck, SubscribeReasonCode,
};
use rumqttc::{QoS, SubscribeFilter};
use spokegate_contract::{TenantId, Topic, filter};
use spokegate_daemon::{Backoff, Clock, Context};
use spokegate_identity::{Principal, ServiceName};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Unacknowledged messages of one tenant; what comes beyond is dropped.
pub(in crate::ingest) const SHARE_MESSAGES: usize = 256;
/// Filters in one SUBSCRIBE: what every hosted broker takes.
const FILTERS_MAX: usize = 8;
/// Packets that wait to be written, for all tenants.
const WRITES: usize = 8 * REQUESTS;
/// A connection that was up for so long ended by chance, and the next attempt comes soon.
const LIVED_MS: u64 = 30_000;

/// The connection as sessions see it.
#[derive(Clone)]
pub(in crate::ingest) struct Switchboard(Arc<Mutex<Board>>);

/// Where a tenant's messages go.
struct Place {
    sender: mpsc::Sender<Arrived>,
    held: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Board {
    places: BTreeMap<TenantId, Place>,
    live: Option<Live>,
    /// Whether there is a connection only while there are places.
    leased: bool,
    /// Says that a place was taken.
    wanted: Arc<Notify>,
}

/// What the broker has granted on the present connection.
struct Live {
    writer: Writer,
    granted: BTreeSet<TenantId>,
    waiting: VecDeque<TenantId>,
    asked: Vec<TenantId>,
}

impl Switchboard {
    /// Starts to connect, again and again, until the stop; with `leased` only while a tenant has a share.
    pub(in crate::ingest) fn start(
        endpoint: Endpoint,
        context: &Context,
        counters: Arc<Counters>,
        leased: bool,
    ) -> Switchboard {
        let board = Board {
            leased,
            ..Board::default()
        };
        let board = Switchboard(Arc::new(Mutex::new(board)));
        let run = board.clone().run(endpoint, context.clone(), counters);
        context.tasks.spawn("broker connection", run);
        board
    }

    /// A tenant's share in the connection; a new one replaces that of before.
    pub(in crate::ingest) fn connect(&self, tenant: &TenantId) -> Connection {
        // One more for the beginning, and one for the end.
        let (sender, arrived) = mpsc::channel(SHARE_MESSAGES.saturating_add(2));
        let held = Arc::new(AtomicUsize::new(0));
        let mut board = self.board();
        let place = Place {
            sender,
            held: Arc::clone(&held),
        };
        board.places.insert(tenant.clone(), place);
        board.wants(tenant);
        board.wanted.notify_one();
        Connection {
            writer: None,
            arrived,
            poll: None,
            share: Some((self.clone(), tenant.clone())),
            held,
        }
    }

    /// Gives a tenant's share up; the last one ends the connection.
    pub(in crate::ingest) fn leave(&self, tenant: &TenantId) {
        self.board().leave(tenant);
    }

    /// Returns when a connection is wanted.
    async fn wanted(&self) {
        let wanted = Arc::clone(&self.board().wanted);
        loop {
            {
                let board = self.board();
                if !board.leased || !board.places.is_empty() {
                    return;
                }
            }
            wanted.notified().await;
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self, endpoint: Endpoint, context: Context, counters: Arc<Counters>) {
        let soft = context.tasks.soft();
        let mut backoff = Backoff::new(100, 15_000);
        while soft.run_until_cancelled(self.wanted()).await.is_some() {
            let id = Principal::Service(ServiceName::Sanitizer).client_id();
            let (client, events) = endpoint.dial(id, WRITES);
            let mut up_ms = None;
            let connection = self.connection(
                events,
                Writer(client),
                &mut up_ms,
                &context.clock,
                &counters,
            );
            let Some(reason) = soft.run_until_cancelled(connection).await else {
                return;
            };
            self.board().end(&reason);
            let lived_ms = up_ms.map_or(0, |up_ms| {
                context.clock.monotonic_ms().saturating_sub(up_ms)
            });
            if lived_ms >= LIVED_MS {
                backoff.reset();
            }
            let pause = tokio::time::sleep(backoff.next_delay());
            if soft.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// One connection until its end, which is said in words.
    async fn connection(
        &self,
        mut events: EventLoop,
        writer: Writer,
        up_ms: &mut Option<u64>,
        clock: &Clock,
        counters: &Counters,
    ) -> String {
        loop {
            let done = match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(answer)))
                    if answer.code == ConnectReturnCode::Success =>
                {
                    *up_ms = Some(clock.monotonic_ms());
                    self.board().begin(writer.clone())
                }
                Ok(Event::Incoming(Packet::SubAck(answer))) => self.board().answered(&answer),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    if let Err((reason, publish)) = self.board().route(publish) {
                        counters.add(reason);
                        writer.acknowledge(&publish);
                    }
                    Ok(())
                }
                Ok(Event::Incoming(Packet::Disconnect)) => {
                    return "the broker disconnected".to_owned();
                }
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return GOODBYE.to_owned(),
                Ok(_) => Ok(()),
                Err(error) => return error.to_string(),
            };
            if let Err(reason) = done {
                return reason.to_owned();
            }
        }
    }
}

impl Board {
    /// Connected: asks for what all the places want.
    fn begin(&mut self, writer: Writer) -> Result<(), &'static str> {
        let mut live = Live {
            writer,
            granted: BTreeSet::new(),
            waiting: self.places.keys().cloned().collect(),
            asked: Vec::new(),
        };
        let asked = live.ask();
        self.live = Some(live);
        asked
    }

    /// A place is new: it is told at once when its filter stands, else the filter is asked for.
    fn wants(&mut self, tenant: &TenantId) {
        let Some(live) = &mut self.live else { return };
        if live.granted.contains(tenant) {
            let subscribed = Arrived::Subscribed(live.writer.clone());
            self.tell(tenant, subscribed);
            return;
        }
        if !live.waiting.contains(tenant) && !live.asked.contains(tenant) {
            live.waiting.push_back(tenant.clone());
        }
        if let Err(reason) = live.ask() {
            self.tell(tenant, Arrived::Closed(reason.to_owned()));
        }
    }

    /// A place is given up.
    fn leave(&mut self, tenant: &TenantId) {
        self.places.remove(tenant);
        let Some(live) = &mut self.live else { return };
        let Writer(client) = &live.writer;
        // Should the packet find no room, what still comes for the tenant has no place and is dropped.
        if self.leased && self.places.is_empty() {
            let _ = client.try_disconnect();
        } else if live.granted.remove(tenant) {
            let _ = client.try_unsubscribe(filter::tenant_up(tenant));
        }
    }

    /// The broker has answered a SUBSCRIBE.
    fn answered(&mut self, answer: &SubAck) -> Result<(), &'static str> {
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        let asked = std::mem::take(&mut live.asked);
        if asked.len() != answer.return_codes.len() {
            return Err("the broker answers another subscription than was asked for");
        }
        let writer = live.writer.clone();
        for (tenant, code) in asked.iter().zip(&answer.return_codes) {
            if matches!(code, SubscribeReasonCode::Success(_)) {
                live.granted.insert(tenant.clone());
            }
        }
        let more = live.ask();
        for (tenant, code) in asked.iter().zip(&answer.return_codes) {
            let said = match code {
                SubscribeReasonCode::Success(_) => Arrived::Subscribed(writer.clone()),
                SubscribeReasonCode::Failure => Arrived::Closed(format!(
                    "the broker refuses the subscription {}",
                    filter::tenant_up(tenant)
                )),
            };
            self.tell(tenant, said);
        }
        more
    }

    /// Puts a message where it belongs; what has no place or too much there comes back with a counter's name.
    fn route(&mut self, publish: Publish) -> Result<(), (&'static str, Publish)> {
        let Ok(topic) = Topic::parse(&publish.topic) else {
            return Err(("dropped_topic", publish));
        };
        let Some(place) = self.places.get(&topic.address.tenant) else {
            return Err(("dropped_topic", publish));
        };
        if place.held.load(Ordering::Relaxed) >= SHARE_MESSAGES {
            return Err(("dropped_over_share", publish));
        }
        place.held.fetch_add(1, Ordering::Relaxed);
        match place.sender.try_send(Arrived::Message(Arrival(publish))) {
            Err(mpsc::error::TrySendError::Full(Arrived::Message(arrival))) => {
                place.held.fetch_sub(1, Ordering::Relaxed);
                Err(("dropped_over_share", arrival.0))
            }
            Err(mpsc::error::TrySendError::Closed(Arrived::Message(arrival))) => {
                Err(("dropped_without_session", arrival.0))
            }
            _ => Ok(()),
        }
    }

    /// The connection is gone, and all places with it.
    fn end(&mut self, reason: &str) {
        self.live = None;
        for place in std::mem::take(&mut self.places).into_values() {
            // Its session may have gone; if it has no room, the end of the channel says the same.
            let _ = place.sender.try_send(Arrived::Closed(reason.to_owned()));
        }
    }

    fn tell(&mut self, tenant: &TenantId, said: Arrived) {
        let ends = matches!(said, Arrived::Closed(_));
        let heard = self
            .places
            .get(tenant)
            .is_some_and(|place| place.sender.try_send(said).is_ok());
        if ends || !heard {
            self.places.remove(tenant);
        }
    }
}

impl Live {
    /// Sends the next SUBSCRIBE unless one is on its way.
    fn ask(&mut self) -> Result<(), &'static str> {
        if !self.asked.is_empty() || self.waiting.is_empty() {
            return Ok(());
        }
        let count = self.waiting.len().min(FILTERS_MAX);
        self.asked = self.waiting.drain(..count).collect();
        let filter = |tenant| SubscribeFilter::new(filter::tenant_up(tenant), QoS::AtLeastOnce);
        let filters = self.asked.iter().map(filter);
        self.writer
            .0
            .try_subscribe_many(filters)
            .map_err(|_| "cannot subscribe")
    }
}

#[cfg(test)]
mod tests;
