//! From a client to its cell: read, rate, policy, hand over, acknowledge.

use std::time::Duration;

use bytes::BytesMut;
use spokegate_daemon::audit::Event;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

use super::end::{Caller, End, subscription_advice, told};
use super::outbound::Answer;
use super::session::Running;
use crate::cell::{Handed, Kept, LinkSender};
use crate::lock;
use crate::meters::Meters;
use crate::packet::{Decoder, Limits, Packet, Publish, Qos};
use crate::policy::{self, Denial, Session, SubscribePermit};

/// Bytes read at once while no packet's length is known.
const READ_BYTES: usize = 16_384;
/// Filters that one session may hold.
const SUBSCRIPTIONS_MAX: usize = 64;
/// Refused filters after which a session is ended; each of them is one line in the audit.
const REFUSALS_MAX: usize = 64;

/// The packets of one client.
pub(super) struct Inbound<R> {
    reader: R,
    buffer: BytesMut,
    decoder: Decoder,
}

impl<R: AsyncRead + Unpin> Inbound<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
            decoder: Decoder::new(Limits::WIRE),
        }
    }

    /// The next packet and its size in bytes.
    pub(super) async fn next(&mut self) -> Result<(Packet, usize), End> {
        loop {
            let before = self.buffer.len();
            if let Some(packet) = self
                .decoder
                .next(&mut self.buffer)
                .map_err(End::Malformed)?
            {
                return Ok((packet, before - self.buffer.len()));
            }
            if self.buffer.capacity() == self.buffer.len() {
                self.buffer.reserve(READ_BYTES);
            }
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return Err(End::Lost),
                Ok(_) => {}
            }
        }
    }
}

/// Serves what the client sends until the session ends.
pub(super) async fn run<R: AsyncRead + Unpin>(
    running: &Running,
    inbound: &mut Inbound<R>,
    link: &mut LinkSender,
    answers: &mpsc::Sender<Answer>,
) -> End {
    let mut client = Client {
        running,
        link,
        answers,
        refusals: 0,
    };
    loop {
        let next = inbound.next();
        let next = match running.keep_alive {
            Some(keep_alive) => tokio::time::timeout(keep_alive, next)
                .await
                .unwrap_or(Err(End::Silent)),
            None => next.await,
        };
        let step = match next {
            Ok((packet, bytes)) => {
                running.throttle(bytes).await;
                client.serve(packet).await
            }
            Err(end) => Err(end),
        };
        if let Err(end) = step {
            return end;
        }
    }
}

struct Client<'a> {
    running: &'a Running,
    link: &'a mut LinkSender,
    answers: &'a mpsc::Sender<Answer>,
    refusals: usize,
}

impl Client<'_> {
    async fn serve(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(message) => self.publish(message).await,
            Packet::Puback(id) => {
                self.running.inflight.acknowledge(id);
                Ok(())
            }
            Packet::Subscribe { packet_id, filters } => self.subscribe(packet_id, filters).await,
            Packet::Unsubscribe { packet_id, filters } => {
                self.unsubscribe(packet_id, &filters).await
            }
            Packet::Pingreq => self.say(Answer::Pingresp).await,
            Packet::Connect(_) => Err(End::OutOfPlace),
            Packet::Disconnect => Err(End::Closed),
        }
    }

    async fn publish(&mut self, message: Publish) -> Result<(), End> {
        let running = self.running;
        let permit = policy::publish(&running.session, &message)
            .map_err(|denial| End::Denied(denial, told(&message.topic)))?;
        let meters = &running.shared.meters;
        meters.messages_in.increment(1);
        meters.bytes_in.increment(message.payload.len() as u64);
        let handed = running
            .cell
            .publish(self.link, &permit, &message)
            .await
            .map_err(|_| End::RouterGone)?;
        match handed {
            Handed::Queued => {}
            Handed::NoConsumer => meters.unrouted.increment(1),
            Handed::Overflow => meters.overflowed.increment(1),
        }
        match message.qos {
            Qos::AtMostOnce => Ok(()),
            _ => self.say(Answer::Puback(message.packet_id)).await,
        }
    }

    async fn subscribe(&mut self, packet_id: u16, filters: Vec<(String, Qos)>) -> Result<(), End> {
        let mut granted = Vec::with_capacity(filters.len());
        let mut kept = Vec::new();
        for (filter, qos) in filters {
            let permit = match self.may_subscribe(&filter, qos) {
                Ok(permit) => permit,
                Err(reason) => {
                    self.refuse(reason, &filter);
                    granted.push(None);
                    continue;
                }
            };
            granted.push(Some(permit.qos()));
            if matches!(self.running.session, Session::Open(_)) {
                kept.extend(self.subscribe_open(permit).await?);
            } else {
                self.subscribe_own(permit).await?;
            }
        }
        self.say(Answer::Suback(packet_id, granted)).await?;
        for message in kept {
            self.say(Answer::Retained(message)).await?;
        }
        if self.refusals > REFUSALS_MAX {
            Err(End::Stubborn)
        } else {
            Ok(())
        }
    }

    async fn unsubscribe(&mut self, packet_id: u16, filters: &[String]) -> Result<(), End> {
        let held: Vec<_> = filters
            .iter()
            .filter(|filter| self.running.holds(filter))
            .collect();
        if matches!(self.running.session, Session::Open(_)) {
            for filter in &held {
                self.running
                    .cell
                    .unsubscribe_open(self.link, filter)
                    .await
                    .map_err(|_| End::RouterGone)?;
            }
        }
        lock(&self.running.subscriptions)
            .retain(|other| !held.iter().any(|filter| *filter == other.filter()));
        self.say(Answer::Unsuback(packet_id)).await
    }

    fn may_subscribe(&self, filter: &str, qos: Qos) -> Result<SubscribePermit, &'static str> {
        let permit = policy::subscribe(&self.running.session, filter, qos).map_err(Denial::name)?;
        let full = lock(&self.running.subscriptions).len() >= SUBSCRIPTIONS_MAX;
        if full && !self.running.holds(filter) {
            Err("too-many-subscriptions")
        } else {
            Ok(permit)
        }
    }

    /// The first subscription attaches the session to its queue; the others only widen what is taken from it.
    async fn subscribe_own(&mut self, permit: SubscribePermit) -> Result<(), End> {
        let running = self.running;
        let attached = lock(&running.consumer).is_some();
        // Held first: what the router sends from now on is meant for it.
        running.hold(permit);
        if !attached {
            let slow = running.slow.clone();
            let consumer = running.cell.attach(self.link, &running.session, slow).await;
            *lock(&running.consumer) = consumer.map_err(|_| End::RouterGone)?;
        }
        Ok(())
    }

    async fn subscribe_open(&mut self, permit: SubscribePermit) -> Result<Vec<Kept>, End> {
        let running = self.running;
        let known = running.holds(permit.filter());
        let kept = running
            .cell
            .subscribe_open(self.link, &permit, known)
            .await
            .map_err(|_| End::RouterGone)?;
        running.hold(permit);
        Ok(kept)
    }

    fn refuse(&mut self, reason: &'static str, filter: &str) {
        self.refusals += 1;
        Meters::denied(reason);
        let told = told(filter);
        let (what, hint) = subscription_advice(reason);
        let mut event = Caller::from(self.running.place.guest())
            .about(Event::denied(reason))
            .topic(&told);
        if let Some(hint) = hint {
            event = event.hint(hint);
        }
        event.emit(&format!("subscribe refused: {what}"));
    }

    async fn say(&self, answer: Answer) -> Result<(), End> {
        self.answers.send(answer).await.map_err(|_| End::Lost)
    }
}

impl Running {
    fn holds(&self, filter: &str) -> bool {
        lock(&self.subscriptions)
            .iter()
            .any(|held| held.filter() == filter)
    }

    fn hold(&self, permit: SubscribePermit) {
        let mut held = lock(&self.subscriptions);
        held.retain(|other| other.filter() != permit.filter());
        held.push(permit);
    }

    /// Counts a packet against the identity's rates and waits as long as they ask for.
    async fn throttle(&self, bytes: usize) {
        let wait_ms = lock(&self.quota).take(bytes, self.shared.clock.monotonic_ms());
        if wait_ms > 0 {
            self.shared.meters.throttled_ms.increment(wait_ms);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }
}
