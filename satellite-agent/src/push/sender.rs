//! Sends what the spool keeps, in order, until the centre's acks remove it.

use std::sync::Arc;
use std::time::Duration;

use spokegate_contract::envelope::Push;
use spokegate_contract::{Address, Channel, Envelope, Topic};
use spokegate_daemon::audit::Event;
use tokio::sync::mpsc;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use crate::link::Session;
use crate::spool::window::Window;
use crate::spool::{Acked, Expired, Kept, Spool, SpoolError};
use crate::uplink::Uplink;

/// Acks between the connection and this loop.
pub(crate) const ACKS_MAX: usize = 64;
const EXPIRE_EVERY_S: u64 = 600;
/// After a failed read or write of the spool.
const STORAGE_PAUSE_MS: u64 = 1_000;

pub(crate) struct Sender {
    pub(crate) address: Address,
    pub(crate) spool: Arc<Spool>,
    pub(crate) uplink: Uplink,
    pub(crate) acks: mpsc::Receiver<(u64, u64)>,
    pub(crate) window_bytes: u64,
    pub(crate) soft: CancellationToken,
}

/// Why one round of waiting ended.
enum News {
    Acked(u64, u64),
    Appended,
    NoAck,
    Expiry,
    Gone,
}

impl Sender {
    /// Runs until the soft token is cancelled.
    pub(crate) async fn run(mut self) {
        let soft = self.soft.clone();
        soft.run_until_cancelled(self.work()).await;
    }

    async fn work(&mut self) {
        let mut expiry = tokio::time::interval(Duration::from_secs(EXPIRE_EVERY_S));
        loop {
            let done = tokio::select! {
                biased;
                _ = expiry.tick() => self.expire().await,
                session = self.uplink.session() => match session {
                    Some(session) => self.serve(&session, &mut expiry).await,
                    None => return,
                },
            };
            if let Err(error) = done {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the spool cannot be used, trying again"
                );
                tokio::time::sleep(Duration::from_millis(STORAGE_PAUSE_MS)).await;
            }
            // Lets the supervisor take a dead connection down.
            tokio::task::yield_now().await;
        }
    }

    /// One connection: everything unacknowledged goes again from the oldest on.
    async fn serve(&mut self, session: &Session, expiry: &mut Interval) -> Result<(), SpoolError> {
        let mut window = Window::new(self.window_bytes);
        let patience = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(patience);
        loop {
            let waited = window.waits();
            if !self.fill(session, &mut window).await? {
                return Ok(());
            }
            if !waited && window.waits() {
                patience.set(tokio::time::sleep(window.next_wait()));
            }
            let news = tokio::select! {
                biased;
                () = session.gone() => News::Gone,
                Some((epoch, sequence)) = self.acks.recv() => News::Acked(epoch, sequence),
                _ = expiry.tick() => News::Expiry,
                () = self.spool.appended() => News::Appended,
                () = &mut patience, if window.waits() => News::NoAck,
            };
            match news {
                News::Gone => return Ok(()),
                News::Appended => {}
                News::Acked(epoch, sequence) => {
                    if self.acknowledge(&mut window, epoch, sequence).await? {
                        patience.set(tokio::time::sleep(window.next_wait()));
                    }
                }
                News::NoAck => {
                    tracing::debug!("no ack in time, sending again");
                    metrics::counter!("spokegate_agent_push_resends_total").increment(1);
                    window.rewind();
                }
                // What was on its way in the old epoch goes again in the new one, as nothing acks it.
                News::Expiry => self.expire().await?,
            }
        }
    }

    /// Sends as much as the window takes; false when the connection is gone.
    async fn fill(&self, session: &Session, window: &mut Window) -> Result<bool, SpoolError> {
        loop {
            if let Some((after, count)) = window.wants() {
                window.learn(&self.spool.heads(after, count).await?);
            }
            let Some(id) = window.next() else {
                return Ok(true);
            };
            match self.spool.read(id).await? {
                None => window.vanished(id),
                Some(message) => {
                    if self.send(session, message).await.is_err() {
                        return Ok(false);
                    }
                }
            }
        }
    }

    async fn send(&self, session: &Session, kept: Kept) -> Result<(), crate::link::Gone> {
        let Kept {
            receipt, message, ..
        } = kept;
        let topic = Topic::new(self.address.clone(), Channel::Push(message.dataset)).to_string();
        let push = Push {
            epoch: receipt.epoch,
            sequence: receipt.sequence,
            version: message.version,
            captured_at_ms: message.captured_at_ms,
            shape: message.shape,
            body: message.body,
        };
        session.publish(&topic, push.encode()).await
    }

    /// Takes an ack; answers whether it was news.
    async fn acknowledge(
        &self,
        window: &mut Window,
        epoch: u64,
        sequence: u64,
    ) -> Result<bool, SpoolError> {
        match self.spool.acknowledge(epoch, sequence).await? {
            Acked::Through(id) => return Ok(window.acked(id)),
            Acked::Foreign => {
                tracing::debug!(epoch, sequence, "an ack for another spool is ignored")
            }
            Acked::RolledBack => {
                tracing::warn!(
                    epoch,
                    sequence,
                    "the spool is older than what the centre has of it; a new epoch begins"
                );
                window.rewind();
            }
        }
        Ok(false)
    }

    async fn expire(&self) -> Result<(), SpoolError> {
        let Some(expired) = self.spool.expire().await? else {
            return Ok(());
        };
        let Expired {
            messages,
            bytes,
            by_dataset,
        } = expired;
        let counts: Vec<_> = by_dataset
            .iter()
            .map(|(dataset, count)| format!("{dataset}: {count}"))
            .collect();
        metrics::counter!("spokegate_agent_pushes_expired_total").increment(messages);
        Event::denied("spool-age")
            .tenant(self.address.tenant.as_str())
            .satellite(self.address.satellite.as_str())
            .size_bytes(bytes)
            .emit("messages that could not be sent in time were dropped");
        tracing::error!(
            dropped = messages,
            datasets = counts.join(", "),
            "messages were dropped, because they could not be sent for spool.age_h_max"
        );
        Ok(())
    }
}
