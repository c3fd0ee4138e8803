//! From a cell to its client: answers first, then messages; what is ready is written at once and flushed.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::end::End;
use super::scratch;
use super::session::Running;
use crate::cell::{Consumer, Frame, LinkReceiver, RouterGone, charge};
use crate::lock;
use crate::packet::{PublishHead, Qos};

/// A batch is written once it has this many bytes.
const BATCH_BYTES: usize = 65_536;

/// Serves what the client is to get until the session ends.
pub(super) async fn run<W: AsyncWrite + Unpin>(
    running: &Running,
    writer: &mut W,
    mut link: Option<&mut LinkReceiver>,
) -> End {
    let mut batch = Batch {
        running,
        consumer: None,
        held: None,
        bytes: BytesMut::new(),
        released: 0,
    };
    let mut stalled_since_ms = None;
    loop {
        let has_room = running.inflight.has_room();
        if has_room {
            stalled_since_ms = None;
        }
        let is_holding = batch.held.is_some();
        tokio::select! {
            biased;
            () = running.something(has_room, is_holding) => {}
            frame = next(link.as_deref_mut()), if has_room && !is_holding => match frame {
                Ok(frame) => batch.held = Some(frame),
                Err(RouterGone) => return End::RouterGone,
            },
            () = running.patience(&mut stalled_since_ms), if !has_room => return End::Slow,
        }
        // What was handed over is written before it is acknowledged: somebody waits for the one, nobody for the other.
        if running.others_first.swap(false, Ordering::Relaxed) {
            turn_of_others().await;
        }
        if !has_room && running.inflight.has_room() {
            stalled_since_ms = None;
        }
        batch.consumer = running.consumer.get();
        let gathered = batch.gather(link.as_deref_mut());
        let is_full = batch.bytes.len() >= BATCH_BYTES;
        if let Err(end) = gathered.and(batch.write(writer).await) {
            return end;
        }
        if is_full {
            // More may wait than the others of the strand would.
            tokio::task::yield_now().await;
        }
    }
}

/// Returns when those tasks of the strand have run that were woken already.
async fn turn_of_others() {
    let mut had = false;
    poll_fn(|cx| {
        if had {
            return Poll::Ready(());
        }
        had = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn next(link: Option<&mut LinkReceiver>) -> Result<Bytes, RouterGone> {
    match link {
        Some(link) => link.next().await,
        None => pending().await,
    }
}

struct Batch<'a> {
    running: &'a Running,
    consumer: Option<&'a Arc<Consumer>>,
    /// Out of the router, and not yet written: what was handed over directly is older.
    held: Option<Bytes>,
    bytes: BytesMut,
    released: usize,
}

impl Batch<'_> {
    /// Adds what is there without waiting.
    fn gather(&mut self, mut link: Option<&mut LinkReceiver>) -> Result<(), End> {
        self.bytes = scratch::write_buffer();
        self.running.answers.take(&mut self.bytes);
        while self.bytes.len() < BATCH_BYTES && self.running.inflight.has_room() {
            if let Some(frame) = self.consumer.and_then(|it| it.handover().take()) {
                self.put(&frame);
            } else if let Some(frame) = self.held.take() {
                self.put_routed(&frame);
            } else {
                match link.as_deref_mut().and_then(LinkReceiver::next_now) {
                    Some(Ok(frame)) => self.held = Some(frame),
                    Some(Err(RouterGone)) => return Err(End::RouterGone),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Adds a message that came out of the router, unless it was meant for a predecessor.
    fn put_routed(&mut self, bytes: &Bytes) {
        let epoch = self.consumer.map_or(0, |consumer| consumer.epoch());
        if Frame::decode(bytes).is_some_and(|frame| frame.epoch == epoch) {
            self.put(bytes);
            if let Some(consumer) = self.consumer {
                consumer.handover().arrived();
            }
        }
    }

    /// Adds a message, if the client subscribed to it.
    fn put(&mut self, bytes: &Bytes) {
        let Some(frame) = Frame::decode(bytes) else {
            return;
        };
        if frame.windowed {
            self.released += charge(bytes);
        }
        let Some(qos) = self.running.wanted(frame.topic) else {
            return;
        };
        let packet_id = match qos.min(frame.qos) {
            Qos::AtMostOnce => None,
            _ => self.running.inflight.assign(),
        };
        PublishHead {
            topic: frame.topic.as_bytes(),
            packet_id,
            retain: false,
        }
        .put(frame.payload, &mut self.bytes);
        let meters = &self.running.shared.meters;
        meters.messages_out.increment(1);
        meters.bytes_out.increment(frame.payload.len() as u64);
    }

    async fn write<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> Result<(), End> {
        let limit = Duration::from_millis(self.running.shared.limits.write_ms);
        let write = async {
            writer.write_all(&self.bytes).await?;
            // TLS keeps the tail back until the next write otherwise.
            writer.flush().await
        };
        match tokio::time::timeout(limit, write).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(End::Lost),
            Err(_) => return Err(End::Slow),
        }
        scratch::give_back(std::mem::take(&mut self.bytes));
        let released = std::mem::take(&mut self.released);
        if let Some(consumer) = self.consumer
            && released > 0
        {
            consumer.release(released);
        }
        Ok(())
    }
}

impl Running {
    /// The quality of service at which this client gets messages on a topic; overlapping filters give the highest
    /// (MQTT 3.1.1 §3.3.5).
    pub(super) fn wanted(&self, topic: &str) -> Option<Qos> {
        let matching = |filter: &str| spokegate_contract::filter::matches(filter, topic);
        lock(&self.subscriptions)
            .iter()
            .filter(|held| matching(held.filter()))
            .map(|held| held.qos())
            .max()
    }

    /// Returns when there is something to write that does not come out of the router, or when room has come.
    async fn something(&self, had_room: bool, is_holding: bool) {
        poll_fn(|cx| {
            self.bell.register(cx.waker());
            let has_room = self.inflight.has_room();
            let handed = || {
                let consumer = self.consumer.get();
                consumer.is_some_and(|consumer| !consumer.handover().is_empty())
            };
            let messages = has_room && (is_holding || !had_room || handed());
            if messages || !self.answers.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Returns when no acknowledgement came for as long as a write may take.
    async fn patience(&self, since_ms: &mut Option<u64>) {
        let now_ms = self.shared.clock.monotonic_ms();
        let since_ms = *since_ms.get_or_insert(now_ms);
        let left_ms = (since_ms + self.shared.limits.write_ms).saturating_sub(now_ms);
        tokio::time::sleep(Duration::from_millis(left_ms)).await;
    }
}
