//! Who is connected: what the operator lists, and how a live session is told to go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use spokegate_contract::{SatelliteId, TenantId};
use spokegate_identity::Presented;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::lock;
use crate::policy::Session;

/// Why a live session is told to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dismissal {
    /// Its certificate is on a revocation list.
    Revoked,
    /// Its certificate's time is over.
    Expired,
    /// An operator ended it.
    Disconnected,
    /// The broker drains.
    Stopping,
}

/// Who a session is and where it comes from.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) session: Session,
    pub(crate) principal: String,
    /// None on the open listener.
    pub(crate) presented: Option<Presented>,
    pub(crate) peer: SocketAddr,
    pub(crate) since_ms: u64,
    dismissed: CancellationToken,
    dismissal: OnceLock<Dismissal>,
}

impl Guest {
    pub(crate) fn new(
        session: Session,
        principal: String,
        presented: Option<Presented>,
        peer: SocketAddr,
        since_ms: u64,
    ) -> Self {
        Self {
            session,
            principal,
            presented,
            peer,
            since_ms,
            dismissed: CancellationToken::new(),
            dismissal: OnceLock::new(),
        }
    }

    /// The satellite's name, unless the session is the sanitizer's or an open one.
    pub(crate) fn satellite(&self) -> Option<&SatelliteId> {
        match &self.session {
            Session::Satellite(address) => Some(&address.satellite),
            Session::Sanitizer(_) | Session::Open(_) => None,
        }
    }

    /// True for the first one to say so.
    pub(crate) fn dismiss(&self, why: Dismissal) -> bool {
        let first = self.dismissal.set(why).is_ok();
        self.dismissed.cancel();
        first
    }
}

/// All sessions that are let in.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    inner: Mutex<Inner>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    guests: BTreeMap<u64, Arc<Guest>>,
    ends: BTreeSet<(u64, u64)>,
    closed: bool,
}

/// A session's line in the roster; struck out when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    roster: Arc<Roster>,
    number: u64,
    guest: Arc<Guest>,
}

impl Roster {
    /// Writes a session down. Refused once the broker drains.
    pub(crate) fn enter(self: &Arc<Self>, guest: Guest) -> Result<Place, Dismissal> {
        let guest = Arc::new(guest);
        let mut inner = lock(&self.inner);
        if inner.closed {
            return Err(Dismissal::Stopping);
        }
        inner.next += 1;
        let number = inner.next;
        if let Some(presented) = &guest.presented {
            inner.ends.insert((presented.not_after_ms(), number));
        }
        inner.guests.insert(number, Arc::clone(&guest));
        drop(inner);
        Ok(Place {
            roster: Arc::clone(self),
            number,
            guest,
        })
    }

    /// Everybody, the longest here first.
    pub(crate) fn guests(&self) -> Vec<Arc<Guest>> {
        lock(&self.inner).guests.values().cloned().collect()
    }

    /// How many are here.
    pub(crate) fn count(&self) -> usize {
        lock(&self.inner).guests.len()
    }

    /// Tells those to go whom `matches` names, and how many they are.
    pub(crate) fn dismiss(&self, why: Dismissal, matches: impl Fn(&Guest) -> bool) -> usize {
        let found = self.guests().into_iter().filter(|guest| matches(guest));
        found.filter(|guest| guest.dismiss(why)).count()
    }

    /// Tells those to go whose certificates have ended.
    pub(crate) fn expire(&self, now_ms: u64) {
        let mut inner = lock(&self.inner);
        while let Some((end_ms, number)) = inner.ends.first().copied() {
            // Valid until and including that second (RFC 5280 §4.1.2.5).
            if end_ms.saturating_add(1_000) > now_ms {
                return;
            }
            inner.ends.pop_first();
            if let Some(guest) = inner.guests.get(&number) {
                guest.dismiss(Dismissal::Expired);
            }
        }
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        lock(&self.inner).closed = true;
    }

    /// Returns when no more than so many are here.
    pub(crate) async fn at_most(&self, guests: usize) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if self.count() <= guests {
                return;
            }
            left.await;
        }
    }
}

impl Place {
    /// Whose line it is.
    pub(crate) fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Returns when the session must go.
    pub(crate) async fn dismissed(&self) -> Dismissal {
        self.guest.dismissed.cancelled().await;
        let why = self.guest.dismissal.get().copied();
        why.expect("the reason is written before the word is given")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = lock(&self.roster.inner);
        inner.guests.remove(&self.number);
        if let Some(presented) = &self.guest.presented {
            inner.ends.remove(&(presented.not_after_ms(), self.number));
        }
        drop(inner);
        self.roster.left.notify_waiters();
    }
}

/// Whether a guest is one of this tenant's, or the one satellite of it.
pub(crate) fn is_of(guest: &Guest, tenant: &TenantId, satellite: Option<&SatelliteId>) -> bool {
    guest.session.tenant() == Some(tenant)
        && (satellite.is_none() || guest.satellite() == satellite)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use spokegate_contract::Address;

    use super::*;

    fn guest(tenant: &str, satellite: &str) -> Guest {
        let address = Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
        let peer = "127.0.0.1:1".parse().unwrap();
        Guest::new(Session::Satellite(address), String::new(), None, peer, 0)
    }

    #[test]
    fn only_who_is_meant_is_told_to_go_and_only_once() {
        let roster = Arc::new(Roster::default());
        let acme = roster.enter(guest("acme", "hq")).unwrap();
        let (branch, other) = (
            roster.enter(guest("acme", "branch")).unwrap(),
            roster.enter(guest("globex", "hq")).unwrap(),
        );
        let (tenant, hq) = ("acme".parse().unwrap(), "hq".parse().unwrap());
        let dismiss = |satellite| {
            roster.dismiss(Dismissal::Disconnected, |guest| {
                is_of(guest, &tenant, satellite)
            })
        };
        assert_eq!(dismiss(Some(&hq)), 1);
        assert_eq!(
            acme.dismissed().now_or_never(),
            Some(Dismissal::Disconnected)
        );
        assert_eq!(branch.dismissed().now_or_never(), None);
        assert_eq!(dismiss(None), 1, "hq was told before");
        assert_eq!(
            branch.dismissed().now_or_never(),
            Some(Dismissal::Disconnected)
        );
        assert_eq!(other.dismissed().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_closed_roster_takes_nobody_and_says_when_the_last_has_left() {
        let roster = Arc::new(Roster::default());
        let (one, two) = (
            roster.enter(guest("acme", "hq")).unwrap(),
            roster.enter(guest("acme", "branch")).unwrap(),
        );
        roster.close();
        assert_eq!(
            roster.enter(guest("acme", "late")).unwrap_err(),
            Dismissal::Stopping
        );
        let mut emptied = Box::pin(roster.at_most(0));
        assert_eq!(emptied.as_mut().now_or_never(), None);
        drop(one);
        assert_eq!((emptied.as_mut().now_or_never(), roster.count()), (None, 1));
        drop(two);
        emptied.await;
    }
}
