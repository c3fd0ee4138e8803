//! A session: its seat, its link, its two directions, and its orderly end.

use std::sync::atomic::Ordering;
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
use crate::cell::{
    Bell, Cell, Consumer, LinkReceiver, LinkSender, Member, Occupancy, RouterGone, Seat,
};
use crate::lock;
use crate::meters::Gauged;
use crate::packet::{ConnectCode, Publish, Qos, Will, connack};
use crate::policy::{self, Session, SubscribePermit};
use crate::roster::Place;

/// How long a predecessor may take to leave its seat, and a router to make a link.
const SEAT_WAIT: Duration = Duration::from_secs(10);

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
    will: Option<Will>,
    /// Cancelled when the session's queue ran over.
    pub(super) slow: CancellationToken,
}

/// Runs a session to its end.
pub(super) async fn run<R, W>(opening: Opening, mut inbound: Inbound<R>, mut writer: W)
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    if !opening.may_connect() {
        End::PrincipalRate.refuse(&opening.place.guest().into());
        return answer(&mut writer, ConnectCode::Unavailable).await;
    }
    let Some(_counted) = Counted::up(&opening.shared) else {
        End::Full.refuse(&opening.place.guest().into());
        return answer(&mut writer, ConnectCode::Unavailable).await;
    };
    let Seated {
        cell,
        seat,
        link,
        member,
    } = match sit_down(&opening).await {
        Ok(seated) => seated,
        Err(end) => {
            end.refuse(&opening.place.guest().into());
            return answer(&mut writer, ConnectCode::Unavailable).await;
        }
    };
    let started_ms = opening.shared.clock.monotonic_ms();
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
        why = running.place.dismissed() => why.into(),
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

/// What a session holds in its cell.
struct Seated {
    cell: Arc<Cell>,
    seat: Seat,
    member: Member,
    link: Option<(LinkSender, LinkReceiver)>,
}

/// Finds the session's cell, waits for its seat and opens its link; once more if the router turned out to be dead.
async fn sit_down(opening: &Opening) -> Result<Seated, End> {
    let shared = &opening.shared;
    for _attempt in 0..2 {
        let cell = shared.cells.of(opening.session()).map_err(|_| End::Full)?;
        shared.meters.tenants.set(shared.cells.tenants() as f64);
        let seat = match tokio::time::timeout(SEAT_WAIT, cell.seats().take(opening.session())).await
        {
            Ok(Occupancy::Seated(seat)) => seat,
            Ok(Occupancy::Superseded) => return Err(End::Replaced),
            Err(_) => return Err(End::RouterGone),
        };
        let member = cell.enter().ok_or(End::Full)?;
        match join(opening, &cell, seat).await {
            Ok((seat, link)) => {
                return Ok(Seated {
                    cell,
                    seat,
                    member,
                    link,
                });
            }
            Err(RouterGone) => shared.lost_router(&cell),
        }
    }
    Err(End::RouterGone)
}

type Joined = (Seat, Option<(LinkSender, LinkReceiver)>);

/// Opens the cell if the session is its first, and the session's own link if it needs one.
async fn join(opening: &Opening, cell: &Arc<Cell>, seat: Seat) -> Result<Joined, RouterGone> {
    if cell.is_ready_for(opening.session()) {
        return Ok((seat, None));
    }
    let shared = &opening.shared;
    let (asked, session) = (Arc::clone(cell), opening.session().clone());
    let work = move || (asked.open(&session), asked.link(&session, &seat), seat);
    let work = shared.tasks.blocking("link", work);
    match tokio::time::timeout(SEAT_WAIT, work).await {
        Ok(Some((opened, link, seat))) => {
            if let Some(receiver) = opened? {
                shared.supervise(cell, receiver);
            }
            Ok((seat, link?))
        }
        Ok(None) | Err(_) => Err(RouterGone),
    }
}

impl Opening {
    fn session(&self) -> &Session {
        &self.place.guest().session
    }

    /// Counts the connection against its principal's rate, before it takes anybody's seat.
    fn may_connect(&self) -> bool {
        let now_ms = self.shared.clock.monotonic_ms();
        let quota = self.shared.quotas.of(self.session(), now_ms);
        lock(&quota).may_connect(now_ms)
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

impl Shared {
    /// Watches a router until it or the broker ends. Its sessions end with it, whether they have a link or not.
    fn supervise(self: &Arc<Self>, cell: &Arc<Cell>, mut receiver: LinkReceiver) {
        let (shared, cell) = (Arc::clone(self), Arc::clone(cell));
        let soft = self.tasks.soft();
        let watch = async move {
            let ended = receiver.router_ended();
            if soft.run_until_cancelled(ended).await.is_some() {
                shared.lost_router(&cell);
            }
        };
        self.tasks.spawn_watched("router", watch, |failure| {
            tracing::error!(error = %failure, "the watch over a tenant's router broke off");
        });
    }

    fn lost_router(&self, cell: &Cell) {
        if cell.condemn() {
            self.routers_lost.fetch_add(1, Ordering::Relaxed);
            self.meters.routers_lost.increment(1);
        }
    }
}

/// A session that counts against the broker's limit until dropped.
struct Counted {
    shared: Arc<Shared>,
    #[expect(dead_code, reason = "counts while it lives")]
    gauged: Gauged,
}

impl Counted {
    fn up(shared: &Arc<Shared>) -> Option<Self> {
        let before = shared.sessions.fetch_add(1, Ordering::SeqCst);
        let counted = Self {
            shared: Arc::clone(shared),
            gauged: Gauged::up(&shared.meters.sessions),
        };
        (before < shared.limits.connections_max).then_some(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.sessions.fetch_sub(1, Ordering::SeqCst);
    }
}
