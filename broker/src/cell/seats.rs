//! One seat per principal. The newest connection wins; it sits down only when its predecessor's link is gone from the
//! router, because events of a link that is gone may hit whoever took its number there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use crate::lock;
use crate::policy::Session;

/// All seats of a cell.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    chairs: Mutex<HashMap<Session, Chair>>,
}

#[derive(Debug, Default, Clone)]
struct Chair {
    taken: Arc<tokio::sync::Mutex<()>>,
    newest: CancellationToken,
}

/// What came of asking for a seat.
#[derive(Debug)]
pub(crate) enum Occupancy {
    /// It is yours.
    Seated(Seat),
    /// A still newer connection of the same principal came while waiting.
    Superseded,
}

/// The right to hold the one link of a principal; given up by dropping it.
#[derive(Debug)]
pub(crate) struct Seat {
    replaced: CancellationToken,
    _taken: OwnedMutexGuard<()>,
}

impl Seat {
    /// Cancelled when a newer connection of the same principal wants the seat.
    pub(crate) fn replaced(&self) -> &CancellationToken {
        &self.replaced
    }
}

impl Seats {
    /// Asks the present occupant to go, waits until it has gone, and sits down unless a newer one came meanwhile.
    pub(crate) async fn take(&self, session: &Session) -> Occupancy {
        let (taken, mine) = {
            let mut chairs = lock(&self.chairs);
            if matches!(session, Session::Open(_)) {
                // The open listener's names are the clients' own; empty chairs are not kept for them.
                chairs.retain(|_, chair| Arc::strong_count(&chair.taken) > 1);
            }
            let chair = chairs.entry(session.clone()).or_default();
            chair.newest.cancel();
            chair.newest = CancellationToken::new();
            (Arc::clone(&chair.taken), chair.newest.clone())
        };
        tokio::select! {
            biased;
            () = mine.cancelled() => Occupancy::Superseded,
            guard = taken.lock_owned() => {
                Occupancy::Seated(Seat { replaced: mine.clone(), _taken: guard })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn session(name: &str) -> Session {
        Session::Open(name.to_owned())
    }

    #[tokio::test]
    async fn the_newest_waits_for_the_link_of_the_oldest_to_go() {
        let seats = Seats::default();
        let name = session("a");
        let Occupancy::Seated(first) = seats.take(&name).await else {
            panic!("an empty seat")
        };
        let mut second = Box::pin(seats.take(&name));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.replaced().is_cancelled());
        let mut third = Box::pin(seats.take(&name));
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        assert!(matches!(second.await, Occupancy::Superseded));
        let Occupancy::Seated(third) = third.await else {
            panic!("the newest wins")
        };
        assert!(!third.replaced().is_cancelled());
    }

    #[tokio::test]
    async fn identities_do_not_meet_and_empty_open_chairs_are_forgotten() {
        let seats = Seats::default();
        let a = seats.take(&session("a")).await;
        let b = seats.take(&session("b")).await;
        let (Occupancy::Seated(a), Occupancy::Seated(b)) = (a, b) else {
            panic!("two seats")
        };
        assert!(!a.replaced().is_cancelled());
        drop((a, b));
        let _c = seats.take(&session("c")).await;
        assert_eq!(lock(&seats.chairs).len(), 1);
    }
}
