//! The one place that names rumqttd. Its router is used, its listeners never; see the crate's README for the faults
//! that this file and its callers keep away from it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use rumqttd::local::{LinkBuilder, LinkError, LinkRx, LinkTx};
use rumqttd::protocol::{
    Disconnect, DisconnectReasonCode, Filter, Packet, Publish, QoS, RetainForwardRule, Subscribe,
    Unsubscribe,
};
use rumqttd::{Notification, Router as Inner, RouterConfig};

use super::Sizes;
use super::flow::SEGMENTS;

/// The router's event queue holds 1,000, and sending into a full one would block a thread of the runtime; senders
/// pause well below it.
const EVENTS_MAX: usize = 800;
/// How long a sender sleeps before it looks at the event queue again.
const EVENTS_PAUSE: Duration = Duration::from_millis(1);
/// Messages that the router moves to a link at once.
const BATCH: u64 = 50;
/// How long a router may take to let a link go before it counts as dead.
const DEREGISTER: Duration = Duration::from_secs(5);

/// Room in the router's tables beyond the sessions that have links: our own, and those whose task broke off and which
/// the router has not let go.
const LINKS_SPARE: usize = 16;

/// The router thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tenant's router has ended")]
pub(crate) struct RouterGone;

impl From<LinkError> for RouterGone {
    fn from(_: LinkError) -> Self {
        Self
    }
}

type Connect = dyn Fn(&str) -> Result<(LinkTx, LinkRx), RouterGone> + Send + Sync;

/// A router on a thread of its own. The thread parks when idle and ends with the process.
pub(super) struct Router {
    // rumqttd does not export the event type of its channel, so the channel is kept inside two closures.
    connect: Box<Connect>,
    queued: Arc<dyn Fn() -> usize + Send + Sync>,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("queued", &(self.queued)())
            .finish()
    }
}

impl Router {
    /// Starts the thread; so many sessions of the cell have links.
    pub(super) fn start(number: usize, sizes: Sizes, linked: usize) -> Self {
        let config = RouterConfig {
            max_connections: linked + LINKS_SPARE,
            max_outgoing_packet_count: BATCH,
            max_segment_size: sizes.up_bytes / SEGMENTS,
            max_segment_count: SEGMENTS,
            ..RouterConfig::default()
        };
        let events = Inner::new(number, config).spawn();
        let queue = events.clone();
        Self {
            connect: Box::new(move |name| {
                let link = LinkBuilder::new(name, events.clone()).clean_session(true);
                let (tx, rx, _connack) = link.build().map_err(RouterGone::from)?;
                Ok((tx, rx))
            }),
            queued: Arc::new(move || queue.len()),
        }
    }

    /// Opens a link; blocks until the router answers. `name` is `[a-z0-9.-]`, and nobody else holds it.
    pub(super) fn link(&self, name: &str) -> Result<(LinkSender, LinkReceiver), RouterGone> {
        let (tx, rx) = (self.connect)(name)?;
        let sender = LinkSender {
            tx,
            queued: Arc::clone(&self.queued),
        };
        Ok((sender, LinkReceiver { rx, paused: false }))
    }

    /// Makes the router thread panic: it indexes its buffers with the id of a link that it has let go.
    #[cfg(any(test, feature = "fault-injection"))]
    pub(super) fn kill(&self) {
        let Ok((mut tx, mut rx)) = (self.connect)("killer") else {
            return;
        };
        tx.buffer().push_back(goodbye());
        let _ = tx.try_unsubscribe("none");
        while rx.recv().is_ok() {}
        let _ = tx.shadow("none");
    }
}

fn goodbye() -> Packet {
    Packet::Disconnect(
        Disconnect {
            reason_code: DisconnectReasonCode::NormalDisconnection,
        },
        None,
    )
}

/// The sending half of a link.
pub(crate) struct LinkSender {
    tx: LinkTx,
    queued: Arc<dyn Fn() -> usize + Send + Sync>,
}

impl fmt::Debug for LinkSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSender").finish_non_exhaustive()
    }
}

impl LinkSender {
    async fn send(&mut self, packet: Packet) -> Result<(), RouterGone> {
        while (self.queued)() > EVENTS_MAX {
            tokio::time::sleep(EVENTS_PAUSE).await;
        }
        self.tx.send(packet).await?;
        Ok(())
    }

    /// Hands a message over. The router acknowledges nothing and retains nothing: that is the front's part.
    pub(crate) async fn publish(&mut self, topic: Bytes, frame: Bytes) -> Result<(), RouterGone> {
        self.send(Packet::Publish(Publish::new(topic, frame, false), None))
            .await
    }

    /// The same without a pause, on a link that all publishers share: what lies in its buffer has an event already, so
    /// that there are never more than a few.
    pub(super) fn publish_now(&mut self, topic: Bytes, frame: Bytes) -> Result<(), RouterGone> {
        let packet = Packet::Publish(Publish::new(topic, frame, false), None);
        {
            let mut waiting = self.tx.buffer();
            if !waiting.is_empty() {
                waiting.push_back(packet);
                return Ok(());
            }
        }
        let sent = self.tx.send(packet).now_or_never();
        sent.ok_or(RouterGone)?
            .map(|_| ())
            .map_err(RouterGone::from)
    }

    /// Subscribes to a topic or filter of ours.
    pub(crate) async fn subscribe(&mut self, path: String) -> Result<(), RouterGone> {
        let filter = Filter {
            path,
            qos: QoS::AtMostOnce,
            nolocal: false,
            preserve_retain: false,
            retain_forward_rule: RetainForwardRule::Never,
        };
        self.send(Packet::Subscribe(
            Subscribe {
                pkid: 1,
                filters: vec![filter],
            },
            None,
        ))
        .await
    }

    /// Ends a subscription that the link has; the router never answers one that it has not.
    pub(crate) async fn unsubscribe(&mut self, path: String) -> Result<(), RouterGone> {
        self.send(Packet::Unsubscribe(
            Unsubscribe {
                pkid: 1,
                filters: vec![path],
            },
            None,
        ))
        .await
    }

    /// Closes the link and returns once the router has let it go, so that a successor never meets it there.
    pub(crate) async fn close(mut self, mut receiver: LinkReceiver) -> Result<(), RouterGone> {
        self.send(goodbye()).await?;
        tokio::time::timeout(DEREGISTER, receiver.router_ended())
            .await
            .map_err(|_| RouterGone)
    }
}

/// The receiving half of a link.
pub(crate) struct LinkReceiver {
    rx: LinkRx,
    /// The router paused this link because its buffer was full, and has not been told to go on.
    paused: bool,
}

impl LinkReceiver {
    /// The next frame. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Bytes, RouterGone> {
        loop {
            if self.paused {
                self.rx.wake().await?;
                self.paused = false;
            }
            match self.rx.next().await? {
                Some(Notification::Forward(forward)) => return Ok(forward.publish.payload),
                Some(Notification::Unschedule) => self.paused = true,
                _ => {}
            }
        }
    }

    /// Returns when the router has ended or let the link go; what comes until then is dropped.
    pub(crate) async fn router_ended(&mut self) {
        while self.rx.next().await.is_ok() {}
    }

    /// The next frame if there is one already.
    pub(crate) fn next_now(&mut self) -> Option<Result<Bytes, RouterGone>> {
        self.next().now_or_never()
    }
}
