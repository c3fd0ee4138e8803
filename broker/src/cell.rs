//! Cells: one router per tenant, made on first use, replaced when it dies; its memory is bounded and its queues never
//! overwrite what was not delivered.
//!
//! The router is given fixed topics of our own (`up`, `down/<satellite>`), and the wire's topic rides in the frame. So
//! its caches, which never shrink, hold one entry per satellite, and no name that a client chose reaches its matching.

mod cells;
mod flow;
mod frame;
mod retained;
mod router;
mod seats;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use spokegate_contract::envelope::Presence;
use spokegate_contract::{Address, Channel, Envelope, Topic};
use tokio_util::sync::CancellationToken;

pub(crate) use cells::Cells;
pub(crate) use flow::{Consumer, Depths, Destination};
pub(crate) use frame::Frame;
pub(crate) use retained::Kept;
pub(crate) use router::{LinkReceiver, LinkSender, NoLink, RouterGone};
pub(crate) use seats::{Occupancy, Seat};

use crate::packet::{Publish, Qos};
use crate::policy::{PublishPermit, Route, Session, SubscribePermit};
use flow::Flows;
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
#[derive(Debug)]
pub(crate) struct Cell {
    router: Router,
    seats: Seats,
    flows: Flows,
    online: tokio::sync::Mutex<BTreeMap<Address, u64>>,
    retained: Retained,
    dead: AtomicBool,
}

impl Cell {
    fn start(number: usize, sizes: Sizes) -> Arc<Self> {
        Arc::new(Self {
            router: Router::start(number, sizes),
            seats: Seats::default(),
            flows: Flows::new(sizes),
            online: tokio::sync::Mutex::default(),
            retained: Retained::default(),
            dead: AtomicBool::new(false),
        })
    }

    /// Who sits where.
    pub(crate) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// Opens a link for the session that holds `_seat`. Blocks; call it off the async threads.
    pub(crate) fn link(
        &self,
        session: &Session,
        _seat: &Seat,
    ) -> Result<(LinkSender, LinkReceiver), NoLink> {
        let name = match session {
            Session::Satellite(address) => format!("s.{}", address.satellite),
            Session::Sanitizer(_) => "sanitizer".to_owned(),
            // Not the client's own text: the router refuses some characters without an answer.
            Session::Open(id) => id.bytes().map(|byte| format!("{byte:02x}")).collect(),
        };
        self.router.link(&name)
    }

    /// Marks the cell for replacement: its router thread has ended or no longer answers. True the first time.
    pub(crate) fn condemn(&self) -> bool {
        let first = !self.dead.swap(true, Ordering::SeqCst);
        if first {
            tracing::error!(
                "a tenant's router has ended; its connections are dropped and it is made anew"
            );
        }
        first
    }

    /// Starts to receive from the session's own queue; what comes then is counted against the consumer's window.
    ///
    /// A sanitizer is told at once which satellites are online.
    pub(crate) async fn attach(
        &self,
        link: &mut LinkSender,
        session: &Session,
        overflow: CancellationToken,
    ) -> Result<Option<Arc<Consumer>>, RouterGone> {
        match session {
            Session::Open(_) => Ok(None),
            Session::Satellite(address) => {
                let consumer = self
                    .flows
                    .attach(Destination::Satellite(address.satellite.clone()), overflow);
                link.subscribe(down_topic(address.satellite.as_str()))
                    .await?;
                Ok(Some(consumer))
            }
            Session::Sanitizer(_) => {
                let online = self.online.lock().await;
                let consumer = self.flows.attach(Destination::Sanitizer, overflow);
                link.subscribe(UP.to_owned()).await?;
                for (address, at_ms) in online.iter() {
                    announce(
                        link,
                        address,
                        Presence {
                            online: true,
                            at_ms: *at_ms,
                        },
                    )
                    .await?;
                }
                Ok(Some(consumer))
            }
        }
    }

    /// Ends what [`Cell::attach`] began; whoever waits for room in the queue is let go.
    pub(crate) fn detach(&self, consumer: &Consumer) {
        self.flows.detach(consumer);
    }

    /// Subscribes to a filter of the open cell, unless the session has it already, and gives what is retained there.
    pub(crate) async fn subscribe_open(
        &self,
        link: &mut LinkSender,
        permit: &SubscribePermit,
        known: bool,
    ) -> Result<Vec<Kept>, RouterGone> {
        if !known {
            link.subscribe(open_name(permit.filter())).await?;
        }
        Ok(self.retained.matching(permit.filter()))
    }

    /// Ends a subscription of the open cell that the session holds.
    pub(crate) async fn unsubscribe_open(
        &self,
        link: &mut LinkSender,
        filter: &str,
    ) -> Result<(), RouterGone> {
        link.unsubscribe(open_name(filter)).await
    }

    /// Says that a satellite has come or gone.
    pub(crate) async fn presence(
        &self,
        link: &mut LinkSender,
        address: &Address,
        presence: Presence,
    ) -> Result<(), RouterGone> {
        // Held while publishing, so that a sanitizer that attaches now hears the two in order.
        let mut online = self.online.lock().await;
        if presence.online {
            online.insert(address.clone(), presence.at_ms);
        } else {
            online.remove(address);
        }
        match self.flows.consumer(&Destination::Sanitizer) {
            Some(_) => announce(link, address, presence).await,
            None => Ok(()),
        }
    }

    /// Hands over a message, waiting for room in the sanitizer's queue if it must.
    pub(crate) async fn publish(
        &self,
        link: &mut LinkSender,
        permit: &PublishPermit,
        message: &Publish,
    ) -> Result<Handed, RouterGone> {
        let frame = |epoch| {
            Frame {
                epoch,
                qos: message.qos,
                topic: &message.topic,
                payload: &message.payload,
            }
            .encode()
        };
        let (topic, bytes) = match permit.route() {
            Route::Up => {
                let Some(consumer) = self.flows.consumer(&Destination::Sanitizer) else {
                    return Ok(Handed::NoConsumer);
                };
                let bytes = frame(consumer.epoch());
                if consumer.reserve(bytes.len()).await.is_err() {
                    return Ok(Handed::NoConsumer);
                }
                (Bytes::from_static(UP.as_bytes()), bytes)
            }
            Route::Down(address) => {
                let destination = Destination::Satellite(address.satellite.clone());
                let Some(consumer) = self.flows.consumer(&destination) else {
                    return Ok(Handed::NoConsumer);
                };
                let bytes = frame(consumer.epoch());
                if consumer.try_reserve(bytes.len()).is_err() {
                    return Ok(Handed::Overflow);
                }
                (down_topic(address.satellite.as_str()).into(), bytes)
            }
            Route::Open => {
                if message.retain {
                    self.retained.keep(message);
                }
                (open_name(&message.topic).into(), frame(0))
            }
        };
        link.publish(topic, bytes).await?;
        Ok(Handed::Queued)
    }

    /// Ends the router thread as a bug in it would.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(crate) fn kill_router(&self) {
        self.router.kill();
    }
}

const UP: &str = "up";

fn down_topic(satellite: &str) -> String {
    format!("down/{satellite}")
}

/// Names of the open cell get a first level of ours, so that the router sees neither `$` nor a multi-byte first
/// character, and a wildcard in first place does not match `$` topics (MQTT 3.1.1 §4.7.2).
fn open_name(name: &str) -> String {
    if name.starts_with('$') {
        format!("dollar/{name}")
    } else {
        format!("open/{name}")
    }
}

/// Puts a presence message into the sanitizer's queue; small and rare, so outside the window.
async fn announce(
    link: &mut LinkSender,
    address: &Address,
    presence: Presence,
) -> Result<(), RouterGone> {
    let topic = Topic::new(address.clone(), Channel::Presence).to_string();
    let frame = Frame {
        epoch: 0,
        qos: Qos::AtLeastOnce,
        topic: &topic,
        payload: &presence.encode(),
    };
    link.publish(Bytes::from_static(UP.as_bytes()), frame.encode())
        .await
}
