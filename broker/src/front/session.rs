//! A session: its seat, its link, its two directions, and its orderly end.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use spokegate_contract::envelope::Presence;
use spokegate_daemon::audit::Event;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::answers::Answers;
use super::door::{FAREWELL, answer};
use super::end::{Caller, End};
use super::inbound::{self, Inbound};
use super::inflight::Inflight;
use super::outbound;
use super::quota::Quota;
use super::seating::{self, Seated};
use super::strands::Mobile;
use crate::cell::{Bell, Cell, Consumer, LinkReceiver, LinkSender, Seat};
use crate::meters::Gauged;
use crate::packet::{ConnectCode, Publish, Qos, Will, connack};
use crate::policy::{self, Session, SubscribePermit};
use crate::roster::{Dismissal, Place};

/// Time between two looks at what a session that leaves still has to get.
const LOOK: Duration = Duration::from_millis(5);

/// A session that policy permits.
pub(super) struct Opening {
    pub(super) shared: Arc<Shared>,
    pub(super) place: Place,
    pub(super) keep_alive: Option<Duration>,
    pub(super) will: Option<Will>,
}

/// What both directions of a session share.
pub(super) struct Running {
    pub(super) shared: Arc<Shared>,
    pub(super) cell: Arc<Cell>,
    pub(super) session: Session,
    pub(super) place: Place,
    pub(super) keep_alive: Option<Duration>,
    pub(super) quota: Arc<Mutex<Quota>>,
    pub(super) inflight: Inflight,
    pub(super) subscriptions: Mutex<Vec<SubscribePermit>>,
    /// Set by the first subscription.
    pub(super) consumer: OnceLock<Arc<Consumer>>,
    pub(super) answers: Answers,
    /// Rung when there is a message for this session.
    pub(super) bell: Bell,
    /// Set when something was handed to another session, which then writes it before this one acknowledges it.
    pub(super) others_first: AtomicBool,
    will: Option<Will>,
    /// Cancelled when the session's queue ran over.
    pub(super) slow: CancellationToken,
}

/// Seats a session, and starts it on its cell's strand.
pub(super) async fn begin<S>(opening: Opening, mut inbound: Inbound<S>)
where
    S: AsyncRead + AsyncWrite + Mobile + Unpin + Send + 'static,
{
    match seating::sit_down(&opening).await {
        Ok(seated) => start(opening, seated, inbound),
        Err(end) => {
            end.refuse(&opening.place.guest().into());
            answer(inbound.stream(), ConnectCode::Unavailable).await;
        }
    }
}

fn start<S>(opening: Opening, seated: Seated, mut inbound: Inbound<S>)
where
    S: AsyncRead + AsyncWrite + Mobile + Unpin + Send + 'static,
{
    let (shared, strand) = (Arc::clone(&opening.shared), seated.cell.strand());
    let _there = shared.strands.enter(strand);
    if let Err(error) = inbound.stream().come_here() {
        tracing::warn!(%error, "a connection could not be moved to its thread; it ends");
        return End::Lost.refuse(&opening.place.guest().into());
    }
    // Boxed: what wraps a task holds it more than once.
    let session = Box::pin(run(opening, seated, inbound));
    shared.tasks.spawn_watched("session", session, |failure| {
        tracing::error!(error = %failure, "a session's task broke off; only that session ends");
    });
}

/// Runs a session to its end.
async fn run<S>(opening: Opening, seated: Seated, inbound: Inbound<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let Seated {
        cell,
        seat,
        member,
        link,
        counted,
    } = seated;
    let started_ms = opening.shared.clock.monotonic_ms();
    let _on_strand = Gauged::up(&opening.shared.meters.strands[cell.strand()]);
    let (mut inbound, mut writer) = inbound.split();
    let running = opening.start(cell);
    Caller::from(running.place.guest())
        .about(Event::allowed("connect"))
        .emit("connected");
    let end = serve(&running, &seat, link, &mut inbound, &mut writer).await;
    let lasted_ms = running
        .shared
        .clock
        .monotonic_ms()
        .saturating_sub(started_ms);
    end.conclude(running.place.guest(), lasted_ms);
    // Only now may a successor sit down: the link is gone from the router, and the place in the tenant's count is free.
    drop((member, seat));
    let _ = tokio::time::timeout(FAREWELL, writer.shutdown()).await;
    drop(counted);
}

/// Serves both directions until one of them ends, then takes the link out of its router.
async fn serve<R, W>(
    running: &Running,
    seat: &Seat,
    link: Option<(LinkSender, LinkReceiver)>,
    inbound: &mut Inbound<R>,
    writer: &mut W,
) -> End
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let (mut sender, mut receiver) = link.unzip();
    let conversation = async {
        let welcome = async {
            writer.write_all(&connack(ConnectCode::Accepted)).await?;
            writer.flush().await
        };
        if welcome.await.is_err() {
            return End::Lost;
        }
        running.presence(true);
        tokio::select! {
            // In this order: what the one answers, the other writes in the same turn.
            biased;
            end = inbound::run(running, inbound, sender.as_mut()) => end,
            end = outbound::run(running, writer, receiver.as_mut()) => end,
        }
    };
    let end = tokio::select! {
        end = conversation => end,
        () = seat.replaced().cancelled() => End::Replaced,
        () = running.slow.cancelled() => End::Slow,
        why = running.told_to_go() => why.into(),
        () = running.cell.ended().cancelled() => End::RouterGone,
    };
    if let Some(consumer) = running.consumer.get() {
        running.cell.detach(consumer);
    }
    running.presence(false);
    if !matches!(end, End::Closed) {
        running.last_will(sender.as_mut()).await;
    }
    let closed = match (sender, receiver) {
        (Some(sender), Some(receiver)) => sender.close(receiver).await,
        _ => Ok(()),
    };
    if closed.is_err() || matches!(end, End::RouterGone) {
        running.shared.lost_router(&running.cell);
    }
    end
}

impl Opening {
    pub(super) fn session(&self) -> &Session {
        &self.place.guest().session
    }

    fn start(self, cell: Arc<Cell>) -> Running {
        let quota = self
            .shared
            .quotas
            .of(self.session(), self.shared.clock.monotonic_ms());
        Running {
            inflight: Inflight::new(self.shared.limits.inflight),
            shared: self.shared,
            cell,
            session: self.place.guest().session.clone(),
            place: self.place,
            keep_alive: self.keep_alive,
            quota,
            subscriptions: Mutex::default(),
            consumer: OnceLock::new(),
            answers: Answers::default(),
            bell: Bell::default(),
            others_first: AtomicBool::new(false),
            will: self.will,
            slow: CancellationToken::new(),
        }
    }
}

impl Running {
    /// Tells the sanitizer that this satellite has come or gone. A router that has ended tells nobody, and its
    /// successor asks who is there.
    fn presence(&self, online: bool) {
        if let Session::Satellite(address) = &self.session {
            let presence = Presence {
                online,
                at_ms: self.shared.clock.now_ms(),
            };
            let _ = self.cell.presence(address, presence);
        }
    }
}

impl Running {
    /// Returns when the session must go. A sanitizer that leaves because the broker stops first gets what waits for it:
    /// that is who left before it.
    async fn told_to_go(&self) -> Dismissal {
        let why = self.place.dismissed().await;
        if why == Dismissal::Stopping && matches!(self.session, Session::Sanitizer(_)) {
            let _ = tokio::time::timeout(FAREWELL, self.all_acknowledged()).await;
        }
        why
    }

    /// Returns when nothing waits for this session and nothing on its way to it is unacknowledged.
    async fn all_acknowledged(&self) {
        let waits = || {
            let consumer = self.consumer.get();
            consumer.is_some_and(|consumer| consumer.handover().waits())
        };
        while waits() || !self.inflight.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Running {
    /// Publishes the will of an open session; no other has one.
    async fn last_will(&self, sender: Option<&mut LinkSender>) {
        let Some(Will {
            topic,
            payload,
            qos,
            retain,
        }) = self.will.clone()
        else {
            return;
        };
        let message = Publish {
            topic,
            packet_id: 0,
            // Nobody is granted more, so what was asked for beyond it changes nothing.
            qos: qos.min(Qos::AtLeastOnce),
            retain,
            payload,
        };
        if let Ok(permit) = policy::publish(&self.session, &message) {
            let _ = self.cell.publish(sender, &permit, &message).await;
        }
    }
}
