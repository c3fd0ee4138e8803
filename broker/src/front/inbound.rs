//! From a client to its cell: read, rate, policy, hand over, acknowledge.

mod turn;

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::BytesMut;
use spokegate_daemon::audit::Event;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadHalf, WriteHalf};

use super::end::{Caller, End, subscription_advice, told};
use super::scratch;
use super::session::Running;
use crate::cell::{Handed, Kept, LinkSender};
use crate::lock;
use crate::meters::Meters;
use crate::packet::{
    self, Decoder, Limits, Packet, Publish, PublishHead, Qos, pingresp, puback, pubcomp, pubrec,
    unsuback,
};
use crate::policy::{self, Denial, Session, SubscribePermit};
use turn::Turn;

/// Bytes read at once while a packet has begun and its length is not known.
const READ_BYTES: usize = 4_096;
/// Longest sleep of the keep-alive's timer.
const SILENCE_MAX: Duration = Duration::from_secs(3_600);
/// Filters that one session may hold.
const SUBSCRIPTIONS_MAX: usize = 64;
/// Refused filters after which a session is ended; each of them is one line in the audit.
const REFUSALS_MAX: usize = 64;
/// Messages with QoS 2 that one client of the open listener may leave unreleased.
const UNRELEASED_MAX: usize = 1_024;

/// The packets of one client.
pub(super) struct Inbound<R> {
    reader: R,
    buffer: BytesMut,
    decoder: Decoder,
}

impl<R: AsyncRead + Unpin> Inbound<R> {
    pub(super) fn new(reader: R, limits: Limits) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
            decoder: Decoder::new(limits),
        }
    }

    /// What it reads from.
    pub(super) fn stream(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The packets, and the other direction apart.
    pub(super) fn split(self) -> (Inbound<ReadHalf<R>>, WriteHalf<R>)
    where
        R: AsyncWrite,
    {
        let (reader, writer) = tokio::io::split(self.reader);
        let inbound = Inbound {
            reader,
            buffer: self.buffer,
            decoder: self.decoder,
        };
        (inbound, writer)
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
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), End> {
        let Self { reader, buffer, .. } = self;
        let read = if buffer.is_empty() {
            // An idle session holds no buffer.
            *buffer = BytesMut::new();
            poll_fn(|cx| {
                scratch::poll_read(reader, cx, |bytes| {
                    buffer.extend_from_slice(bytes);
                    bytes.len()
                })
            })
            .await
        } else {
            if buffer.capacity() == buffer.len() {
                buffer.reserve(READ_BYTES);
            }
            reader.read_buf(buffer).await
        };
        match read {
            Ok(0) | Err(_) => Err(End::Lost),
            Ok(_) => Ok(()),
        }
    }
}

/// Serves what the client sends until the session ends.
pub(super) async fn run<R: AsyncRead + Unpin>(
    running: &Running,
    inbound: &mut Inbound<R>,
    link: Option<&mut LinkSender>,
) -> End {
    let mut client = Client {
        running,
        link,
        refusals: 0,
        unreleased: HashSet::new(),
    };
    let clock = &running.shared.clock;
    // One timer that is looked at when it runs out, not one for each packet.
    let keep_alive = running.keep_alive.unwrap_or(Duration::MAX);
    let mut silence = pin!(tokio::time::sleep(keep_alive.min(SILENCE_MAX)));
    let mut heard_ms = clock.monotonic_ms();
    let mut turn = Turn::default();
    loop {
        running.answers.room().await;
        let next = tokio::select! {
            biased;
            next = inbound.next() => next,
            () = &mut silence => {
                let silent_ms = clock.monotonic_ms().saturating_sub(heard_ms);
                let left = keep_alive.saturating_sub(Duration::from_millis(silent_ms));
                if left.is_zero() {
                    return End::Silent;
                }
                silence.set(tokio::time::sleep(left.min(SILENCE_MAX)));
                continue;
            }
        };
        let step = match next {
            Ok((packet, bytes)) => {
                heard_ms = clock.monotonic_ms();
                running.throttle(bytes, heard_ms).await;
                let served = client.serve(packet).await;
                turn.count(bytes).await;
                served
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
    /// None for satellites, which need none.
    link: Option<&'a mut LinkSender>,
    refusals: usize,
    /// Messages with QoS 2 that are handed over, and may come again until they are released.
    unreleased: HashSet<u16>,
}

impl Client<'_> {
    async fn serve(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::Publish(message) => self.publish(message).await,
            Packet::Puback(id) => {
                self.running.inflight.acknowledge(id);
                Ok(())
            }
            Packet::Pubrel(id) => {
                self.unreleased.remove(&id);
                self.say(&pubcomp(id));
                Ok(())
            }
            Packet::Subscribe { packet_id, filters } => self.subscribe(packet_id, filters).await,
            Packet::Unsubscribe { packet_id, filters } => {
                self.unsubscribe(packet_id, &filters).await
            }
            Packet::Pingreq => {
                self.say(&pingresp());
                Ok(())
            }
            Packet::Connect(_) => Err(End::OutOfPlace),
            Packet::Disconnect => Err(End::Closed),
        }
    }

    async fn publish(&mut self, message: Publish) -> Result<(), End> {
        let running = self.running;
        let permit = policy::publish(&running.session, &message)
            .map_err(|denial| End::Denied(denial, told(&message.topic)))?;
        if message.qos == Qos::ExactlyOnce && !self.unreleased.insert(message.packet_id) {
            self.say(&pubrec(message.packet_id));
            return Ok(());
        }
        if self.unreleased.len() > UNRELEASED_MAX {
            return Err(End::Slow);
        }
        let meters = &running.shared.meters;
        meters.messages_in.increment(1);
        meters.bytes_in.increment(message.payload.len() as u64);
        let handed = running
            .cell
            .publish(self.link.as_deref_mut(), &permit, &message)
            .await
            .map_err(|_| End::RouterGone)?;
        match handed {
            Handed::Queued => running.others_first.store(true, Ordering::Relaxed),
            Handed::NoConsumer => meters.unrouted.increment(1),
            Handed::Overflow => meters.overflowed.increment(1),
        }
        match message.qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.say(&puback(message.packet_id)),
            Qos::ExactlyOnce => self.say(&pubrec(message.packet_id)),
        }
        Ok(())
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
        let answers = &self.running.answers;
        answers.put(|out| packet::suback(packet_id, &granted, out));
        kept.iter().for_each(|kept| self.running.give(kept));
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
                    .unsubscribe_open(self.link.as_deref_mut(), filter)
                    .await
                    .map_err(|_| End::RouterGone)?;
            }
        }
        lock(&self.running.subscriptions)
            .retain(|other| !held.iter().any(|filter| *filter == other.filter()));
        self.say(&unsuback(packet_id));
        Ok(())
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
        // Held first: what comes from now on is meant for it.
        running.hold(permit);
        if running.consumer.get().is_none() {
            let signals = (running.slow.clone(), running.bell.clone());
            let consumer = running
                .cell
                .attach(self.link.as_deref_mut(), &running.session, signals)
                .await
                .map_err(|_| End::RouterGone)?;
            if let Some(consumer) = consumer {
                // Only this task sets it, and it was not.
                let _ = running.consumer.set(consumer);
            }
        }
        Ok(())
    }

    async fn subscribe_open(&mut self, permit: SubscribePermit) -> Result<Vec<Kept>, End> {
        let running = self.running;
        let known = running.holds(permit.filter());
        let kept = running
            .cell
            .subscribe_open(self.link.as_deref_mut(), &permit, known)
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

    fn say(&self, answer: &[u8]) {
        let answers = &self.running.answers;
        answers.put(|out| out.extend_from_slice(answer));
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

    /// Answers a subscription with what is retained there.
    fn give(&self, kept: &Kept) {
        let Some(qos) = self.wanted(&kept.topic) else {
            return;
        };
        let packet_id = match qos.min(kept.qos) {
            Qos::AtMostOnce => None,
            _ => self.inflight.assign(),
        };
        let head = PublishHead {
            topic: kept.topic.as_bytes(),
            packet_id,
            retain: true,
        };
        self.answers.put(|out| head.put(&kept.payload, out));
    }

    /// Counts a packet against the principal's rates and waits as long as they ask for.
    async fn throttle(&self, bytes: usize, now_ms: u64) {
        let wait_ms = lock(&self.quota).take(bytes, now_ms);
        if wait_ms > 0 {
            self.shared.meters.throttled_ms.increment(wait_ms);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }
}
