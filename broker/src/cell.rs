//! Cells: one router per tenant, made on first use, replaced when it dies; its memory is bounded and its queues never
//! overwrite what was not delivered.
//!
//! The router is given one fixed topic of our own (`up`), and the wire's topic rides in the frame. So its caches, which
//! never shrink, stay small, and no name that a client chose reaches its matching.

mod cells;
mod flow;
mod frame;
mod handover;
mod members;
mod retained;
mod router;
mod seats;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use spokegate_contract::envelope::Presence;
use spokegate_contract::{Address, Channel, Envelope, TenantId, Topic, hex};
use tokio_util::sync::CancellationToken;

pub(crate) use cells::Cells;
pub(crate) use flow::{Consumer, Depths, Destination};
pub(crate) use frame::{Frame, charge};
pub(crate) use handover::Bell;
pub(crate) use members::Member;
pub(crate) use retained::Kept;
pub(crate) use router::{LinkReceiver, LinkSender, RouterGone};
pub(crate) use seats::{Occupancy, Seat};

use crate::lock;
use crate::packet::{Publish, Qos};
use crate::policy::{PublishPermit, Route, Session, SubscribePermit};
use flow::Flows;
use members::Members;
use retained::Retained;
use router::Router;
use seats::Seats;

/// Bytes that the queues of a cell may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The queue to the sanitizer, one per tenant.
    pub(crate) up_bytes: usize,
    /// The queue to a satellite, one each.
    pub(crate) down_bytes: usize,
    /// Connections of one tenant.
    pub(crate) links: usize,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handed {
    /// In the router's hands.
    Queued,
    /// Nobody subscribes; dropped, which an acknowledgement at this hop does not contradict.
    NoConsumer,
    /// The satellite does not keep up: its connection was ended, the message dropped.
    Overflow,
}

/// One tenant's router with its seats and queues.
///
/// The sanitizer's session has a link, and so has each session of the open cell. Satellites have none: they publish
/// through the cell's own, and what they are sent lies in their handover, bounded by their window.
#[derive(Debug)]
pub(crate) struct Cell {
    strand: usize,
    router: Router,
    /// The link that all publishers of a tenant's cell share. Its other end is watched, and ends with the router.
    uplink: OnceLock<Mutex<LinkSender>>,
    opening: Mutex<()>,
    seats: Seats,
    members: Members,
    flows: Flows,
    online: Mutex<BTreeMap<Address, u64>>,
    retained: Retained,
    dead: AtomicBool,
    ended: CancellationToken,
}

impl Cell {
    fn start(number: usize, strand: usize, sizes: Sizes, tenant: Option<&TenantId>) -> Arc<Self> {
        let linked = if tenant.is_some() { 0 } else { sizes.links };
        Arc::new(Self {
            strand,
            router: Router::start(number, sizes, linked),
            uplink: OnceLock::new(),
            opening: Mutex::default(),
            seats: Seats::default(),
            members: Members::new(sizes.links),
            flows: Flows::new(sizes),
            online: Mutex::default(),
            retained: Retained::default(),
            dead: AtomicBool::new(false),
            ended: CancellationToken::new(),
        })
    }

    /// The number of the strand that serves all its sessions.
    pub(crate) fn strand(&self) -> usize {
        self.strand
    }

    /// Who sits where.
    pub(crate) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// Counts a session in, unless there are as many as there may be.
    pub(crate) fn enter(&self) -> Option<Member> {
        self.members.enter()
    }

    /// Whether a session can be served without a link of its own, and the cell is open.
    pub(crate) fn is_ready_for(&self, session: &Session) -> bool {
        matches!(session, Session::Satellite(_)) && self.uplink.get().is_some()
    }

    /// Opens the publishers' link of a tenant's cell, and gives its other end to watch; none when it is open already.
    /// Blocks; call it off the async threads.
    pub(crate) fn open(&self, session: &Session) -> Result<Option<LinkReceiver>, RouterGone> {
        let _one_by_one = lock(&self.opening);
        if session.tenant().is_none() || self.uplink.get().is_some() {
            return Ok(None);
        }
        let (sender, receiver) = self.router.link("uplink")?;
        // Only here is it set, one by one.
        let _ = self.uplink.set(Mutex::new(sender));
        Ok(Some(receiver))
    }

    /// Opens a link for the session that holds `_seat`, if it needs one. Blocks; call it off the async threads.
    pub(crate) fn link(
        &self,
        session: &Session,
        _seat: &Seat,
    ) -> Result<Option<(LinkSender, LinkReceiver)>, RouterGone> {
        let name = match session {
            Session::Satellite(_) => return Ok(None),
            Session::Sanitizer(_) => "sanitizer".to_owned(),
            // Not the client's own text: the router refuses some characters without an answer.
            Session::Open(id) => hex::encode(id.as_bytes()),
        };
        self.router.link(&name).map(Some)
    }

    /// Marks the cell for replacement: its router thread has ended or no longer answers. True the first time.
    pub(crate) fn condemn(&self) -> bool {
        let first = !self.dead.swap(true, Ordering::SeqCst);
        if first {
            tracing::error!(
                "a tenant's router has ended; its connections are dropped and it is made anew"
            );
            self.ended.cancel();
        }
        first
    }

    /// Cancelled when the cell is condemned.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Starts to receive from the session's own queue; what comes then is counted against the consumer's window.
    /// `overflow` is cancelled when the queue runs over, and `bell` rung when something comes.
    ///
    /// A sanitizer is told at once which satellites are online.
    pub(crate) async fn attach(
        &self,
        link: Option<&mut LinkSender>,
        session: &Session,
        (overflow, bell): (CancellationToken, Bell),
    ) -> Result<Option<Arc<Consumer>>, RouterGone> {
        let destination = match session {
            Session::Open(_) => return Ok(None),
            Session::Satellite(address) => Destination::Satellite(address.satellite.clone()),
            Session::Sanitizer(_) => Destination::Sanitizer,
        };
        if destination != Destination::Sanitizer {
            return Ok(Some(self.flows.attach(destination, overflow, bell)));
        }
        // Before any publisher sees the consumer: the router takes events in turn, so none of its messages comes first.
        link.ok_or(RouterGone)?.subscribe(UP.to_owned()).await?;
        let online = lock(&self.online);
        let consumer = self.flows.attach(destination, overflow, bell);
        for (address, at_ms) in online.iter() {
            let presence = Presence {
                online: true,
                at_ms: *at_ms,
            };
            self.announce(&consumer, address, presence)?;
        }
        Ok(Some(consumer))
    }

    /// Ends what [`Cell::attach`] began; whoever waits for room in the queue is let go.
    pub(crate) fn detach(&self, consumer: &Consumer) {
        self.flows.detach(consumer);
    }

    /// Subscribes to a filter of the open cell, unless the session has it already, and gives what is retained there.
    pub(crate) async fn subscribe_open(
        &self,
        link: Option<&mut LinkSender>,
        permit: &SubscribePermit,
        known: bool,
    ) -> Result<Vec<Kept>, RouterGone> {
        if !known {
            let link = link.ok_or(RouterGone)?;
            link.subscribe(open_name(permit.filter())).await?;
        }
        Ok(self.retained.matching(permit.filter()))
    }

    /// Ends a subscription of the open cell that the session holds.
    pub(crate) async fn unsubscribe_open(
        &self,
        link: Option<&mut LinkSender>,
        filter: &str,
    ) -> Result<(), RouterGone> {
        let link = link.ok_or(RouterGone)?;
        link.unsubscribe(open_name(filter)).await
    }

    /// Says that a satellite has come or gone.
    pub(crate) fn presence(&self, address: &Address, presence: Presence) -> Result<(), RouterGone> {
        // Held while publishing, so that a sanitizer that attaches now hears the two in order.
        let mut online = lock(&self.online);
        if presence.online {
            online.insert(address.clone(), presence.at_ms);
        } else {
            online.remove(address);
        }
        match self.flows.consumer(&Destination::Sanitizer) {
            Some(consumer) => self.announce(&consumer, address, presence),
            None => Ok(()),
        }
    }

    /// Puts a presence message into the sanitizer's queue; small and rare, so outside the window.
    fn announce(
        &self,
        consumer: &Consumer,
        address: &Address,
        presence: Presence,
    ) -> Result<(), RouterGone> {
        let frame = Frame {
            epoch: consumer.epoch(),
            windowed: false,
            qos: Qos::AtLeastOnce,
            topic: &Topic::new(address.clone(), Channel::Presence).to_string(),
            payload: &presence.encode(),
        };
        self.hand(consumer, frame.encode())
    }

    /// Puts a frame into the consumer's hands, or into the router if others wait there.
    fn hand(&self, consumer: &Consumer, frame: Bytes) -> Result<(), RouterGone> {
        let Some(frame) = consumer.handover().put(frame) else {
            return Ok(());
        };
        let uplink = self.uplink.get().ok_or(RouterGone)?;
        lock(uplink).publish_now(Bytes::from_static(UP.as_bytes()), frame)
    }

    /// Hands over a message, waiting for room in the sanitizer's queue if it must.
    pub(crate) async fn publish(
        &self,
        link: Option<&mut LinkSender>,
        permit: &PublishPermit,
        message: &Publish,
    ) -> Result<Handed, RouterGone> {
        let frame = |epoch, windowed| {
            Frame {
                epoch,
                windowed,
                qos: message.qos,
                topic: &message.topic,
                payload: &message.payload,
            }
            .encode()
        };
        let destination = match permit.route() {
            Route::Up => Destination::Sanitizer,
            Route::Down(address) => Destination::Satellite(address.satellite.clone()),
            Route::Open => {
                if message.retain {
                    self.retained.keep(message);
                }
                let link = link.ok_or(RouterGone)?;
                link.publish(open_name(&message.topic).into(), frame(0, false))
                    .await?;
                return Ok(Handed::Queued);
            }
        };
        let Some(consumer) = self.flows.consumer(&destination) else {
            return Ok(Handed::NoConsumer);
        };
        let frame = frame(consumer.epoch(), true);
        if destination == Destination::Sanitizer {
            if consumer.reserve(charge(&frame)).await.is_err() {
                return Ok(Handed::NoConsumer);
            }
        } else if consumer.try_reserve(charge(&frame)).is_err() {
            return Ok(Handed::Overflow);
        }
        self.hand(&consumer, frame)?;
        Ok(Handed::Queued)
    }

    /// Ends the router thread as a bug in it would.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn kill_router(&self) {
        self.router.kill();
    }
}

/// The one topic of a tenant's router.
const UP: &str = "up";

/// Names of the open cell get a first level of ours, so that the router sees neither `$` nor a multi-byte first
/// character, and a wildcard in first place does not match `$` topics (MQTT 3.1.1 §4.7.2).
fn open_name(name: &str) -> String {
    if name.starts_with('$') {
        format!("dollar/{name}")
    } else {
        format!("open/{name}")
    }
}

#[cfg(test)]
mod tests;
