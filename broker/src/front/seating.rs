//! How a session gets its place: its rate, the counts, its seat, its link.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Shared;
use super::end::End;
use super::session::Opening;
use crate::cell::{Cell, LinkReceiver, LinkSender, Member, Occupancy, RouterGone, Seat};
use crate::lock;
use crate::meters::Gauged;

/// How long a predecessor may take to leave its seat, and a router to make a link.
const SEAT_WAIT: Duration = Duration::from_secs(10);

/// What a session holds in its cell.
pub(super) struct Seated {
    pub(super) cell: Arc<Cell>,
    pub(super) seat: Seat,
    pub(super) member: Member,
    pub(super) link: Option<(LinkSender, LinkReceiver)>,
    pub(super) counted: Counted,
}

/// Finds the session's cell, waits for its seat and opens its link; once more if the router turned out to be dead.
pub(super) async fn sit_down(opening: &Opening) -> Result<Seated, End> {
    let shared = &opening.shared;
    // Before it takes anybody's seat.
    if !may_connect(opening) {
        return Err(End::PrincipalRate);
    }
    let counted = Counted::up(shared).ok_or(End::Full)?;
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
                    counted,
                });
            }
            Err(RouterGone) => shared.lost_router(&cell),
        }
    }
    Err(End::RouterGone)
}

/// Counts the connection against its principal's rate.
fn may_connect(opening: &Opening) -> bool {
    let shared = &opening.shared;
    let now_ms = shared.clock.monotonic_ms();
    let quota = shared.quotas.of(opening.session(), now_ms);
    lock(&quota).may_connect(now_ms)
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

    pub(super) fn lost_router(&self, cell: &Cell) {
        if cell.condemn() {
            self.routers_lost.fetch_add(1, Ordering::Relaxed);
            self.meters.routers_lost.increment(1);
        }
    }
}

/// A session that counts against the broker's limit until dropped.
pub(super) struct Counted {
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
