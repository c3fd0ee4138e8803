//! From a cell to its client: answers first, then messages; what is ready is written at once and flushed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::end::End;
use super::session::Running;
use crate::cell::{Frame, Kept, LinkReceiver, RouterGone};
use crate::lock;
use crate::packet::{self, PublishHead, Qos};

/// Answers that wait for the writer; when full, the client's next packet waits.
pub(super) const ANSWERS_MAX: usize = 64;
/// A batch is written once it has this many bytes.
const BATCH_BYTES: usize = 65_536;
/// A buffer that grew beyond this is given back.
const KEPT_BYTES: usize = 262_144;

/// What a client is answered.
#[derive(Debug)]
pub(super) enum Answer {
    Puback(u16),
    Suback(u16, Vec<Option<Qos>>),
    Unsuback(u16),
    Pingresp,
    Retained(Kept),
}

impl Answer {
    fn put(self, running: &Running, out: &mut BytesMut) {
        match self {
            Self::Puback(id) => out.extend_from_slice(&packet::puback(id)),
            Self::Suback(id, granted) => packet::suback(id, &granted, out),
            Self::Unsuback(id) => out.extend_from_slice(&packet::unsuback(id)),
            Self::Pingresp => out.extend_from_slice(&packet::pingresp()),
            Self::Retained(kept) => {
                let Some(qos) = running.wanted(&kept.topic) else {
                    return;
                };
                let packet_id =
                    (qos.min(kept.qos) == Qos::AtLeastOnce).then(|| running.inflight.assign());
                PublishHead {
                    topic: kept.topic.as_bytes(),
                    packet_id,
                    retain: true,
                }
                .put(&kept.payload, out);
            }
        }
    }
}

/// Serves what the client is to get until the session ends.
pub(super) async fn run<W: AsyncWrite + Unpin>(
    running: &Running,
    writer: &mut W,
    link: &mut LinkReceiver,
    answers: &mut mpsc::Receiver<Answer>,
) -> End {
    let mut batch = Batch {
        running,
        bytes: BytesMut::new(),
        released: 0,
    };
    let mut stalled_since_ms = None;
    loop {
        let has_room = running.inflight.has_room();
        if has_room {
            stalled_since_ms = None;
        }
        tokio::select! {
            biased;
            answer = answers.recv() => match answer {
                Some(answer) => answer.put(running, &mut batch.bytes),
                None => return End::Lost,
            },
            frame = link.next(), if has_room => match frame {
                Ok(frame) => batch.put(&frame),
                Err(RouterGone) => return End::RouterGone,
            },
            acknowledged = running.acknowledged(&mut stalled_since_ms), if !has_room => match acknowledged {
                true => continue,
                false => return End::Slow,
            },
        }
        if let Err(end) = batch.gather(link, answers).and(batch.write(writer).await) {
            return end;
        }
    }
}

struct Batch<'a> {
    running: &'a Running,
    bytes: BytesMut,
    released: usize,
}

impl Batch<'_> {
    /// Adds what is there without waiting.
    fn gather(
        &mut self,
        link: &mut LinkReceiver,
        answers: &mut mpsc::Receiver<Answer>,
    ) -> Result<(), End> {
        while self.bytes.len() < BATCH_BYTES {
            if let Ok(answer) = answers.try_recv() {
                answer.put(self.running, &mut self.bytes);
                continue;
            }
            if !self.running.inflight.has_room() {
                break;
            }
            match link.next_now() {
                Some(Ok(frame)) => self.put(&frame),
                Some(Err(RouterGone)) => return Err(End::RouterGone),
                None => break,
            }
        }
        Ok(())
    }

    /// Adds a message, if the client subscribed to it.
    fn put(&mut self, bytes: &Bytes) {
        let Some(frame) = Frame::decode(bytes) else {
            return;
        };
        let wanted = self.running.wanted(frame.topic);
        if let Some(qos) = wanted {
            let packet_id =
                (qos.min(frame.qos) == Qos::AtLeastOnce).then(|| self.running.inflight.assign());
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
        if frame.epoch == self.running.epoch() {
            self.released += bytes.len();
        }
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
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = BytesMut::new()
        } else {
            self.bytes.clear()
        }
        self.running.release(std::mem::take(&mut self.released));
        Ok(())
    }
}

impl Running {
    /// The quality of service at which this client gets messages on a topic; overlapping filters give the highest
    /// (MQTT 3.1.1 §3.3.5).
    fn wanted(&self, topic: &str) -> Option<Qos> {
        let matching = |filter: &str| spokegate_contract::filter::matches(filter, topic);
        lock(&self.subscriptions)
            .iter()
            .filter(|held| matching(held.filter()))
            .map(|held| held.qos())
            .max()
    }

    fn epoch(&self) -> u32 {
        lock(&self.consumer)
            .as_ref()
            .map_or(0, |consumer| consumer.epoch())
    }

    fn release(&self, bytes: usize) {
        if let Some(consumer) = lock(&self.consumer).as_ref() {
            consumer.release(bytes);
        }
    }

    /// Waits for an acknowledgement; `false` when none came for as long as a write may take.
    async fn acknowledged(&self, since_ms: &mut Option<u64>) -> bool {
        let now_ms = self.shared.clock.monotonic_ms();
        let since_ms = *since_ms.get_or_insert(now_ms);
        let left_ms = (since_ms + self.shared.limits.write_ms).saturating_sub(now_ms);
        tokio::time::timeout(Duration::from_millis(left_ms), self.inflight.acknowledged())
            .await
            .is_ok()
    }
}
