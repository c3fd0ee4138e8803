//! Which sanitizer serves which tenant. Pure: times come in.
//!
//! Each tenant has an order of sanitizers and goes to the first that answers, its home. It stays where it is while that
//! sanitizer may still hold its lease, and moves back only to one that has answered for some time. A tenant is leased to
//! nobody while anybody else may hold it: what was asked of a sanitizer counts as held until it has answered otherwise, or
//! until the longest lease that it can have must be over.

mod order;

use std::collections::{BTreeMap, BTreeSet};

use spokegate_contract::TenantId;
use spokegate_contract::record::{LeasesAnswer, LeasesBody};

use order::Orders;

/// How long a lease runs.
const LEASE_MS: u64 = 4_000;
/// What two clocks may run apart in that time.
const MARGIN_MS: u64 = 500;
/// Time between two renewals.
const RENEW_MS: u64 = 1_000;
/// How long a sanitizer must have answered until tenants move back to it.
const STEADY_MS: u64 = 10_000;
/// Time between two looks whether a sanitizer without leases has them now.
const LOOK_MS: u64 = 10_000;

/// What is lost of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// All that was asked of this sanitizer.
    All(usize),
    /// What was asked of this sanitizer for one tenant, which now is another's.
    Tenant(usize, TenantId),
}

/// Where a tenant is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// By this sanitizer.
    At(usize),
    /// By none at this moment.
    Nowhere,
    /// By every sanitizer that has it in its configuration, for all that is known: none has said that it goes by leases.
    Anywhere,
}

/// What is known of one sanitizer.
#[derive(Debug, Default)]
struct Member {
    /// It has said that it goes by no leases.
    free: bool,
    /// The stamp of its last answer, and when that came.
    stamp: Option<(u64, u64)>,
    term: Option<u64>,
    undivided: bool,
    /// What it has not in its configuration, of the tenants that there are.
    unknown: BTreeSet<TenantId>,
    /// What it may hold, and until when at the latest.
    may_hold: BTreeSet<TenantId>,
    may_hold_until_ms: u64,
    /// What it holds for certain, by its last answer.
    holds: BTreeSet<TenantId>,
    /// Since when every call was answered.
    answers_since_ms: Option<u64>,
    called_ms: Option<u64>,
    /// What the call under way asks for.
    asked: BTreeSet<TenantId>,
}

impl Member {
    fn may_hold(&self, tenant: &TenantId, now_ms: u64) -> bool {
        now_ms < self.may_hold_until_ms && self.may_hold.contains(tenant)
    }

    fn may_hold_any(&self, now_ms: u64) -> bool {
        now_ms < self.may_hold_until_ms && !self.may_hold.is_empty()
    }

    fn answers(&self) -> bool {
        self.answers_since_ms.is_some() && self.stamp.is_some()
    }

    fn is_steady(&self, now_ms: u64) -> bool {
        let long = |since_ms: u64| now_ms.saturating_sub(since_ms) >= STEADY_MS;
        self.answers_since_ms.is_some_and(long)
    }
}

/// The assignment of tenants to sanitizers.
#[derive(Debug)]
pub(crate) struct Share {
    tenants: Vec<TenantId>,
    orders: Orders,
    members: Vec<Member>,
    homes: BTreeMap<TenantId, usize>,
    /// Until then each sanitizer has time to answer for the first time.
    settled_ms: u64,
    moves: u64,
}

impl Share {
    /// Nothing is known yet: an earlier life of this service may have leased anything to anybody.
    pub(crate) fn new(urls: &[&str], tenants: Vec<TenantId>, now_ms: u64) -> Self {
        let settled_ms = now_ms.saturating_add(LEASE_MS + MARGIN_MS);
        let member = |_: &&str| Member {
            may_hold: tenants.iter().cloned().collect(),
            may_hold_until_ms: settled_ms,
            ..Member::default()
        };
        Self {
            orders: Orders::new(urls, &tenants),
            members: urls.iter().map(member).collect(),
            tenants,
            homes: BTreeMap::new(),
            settled_ms,
            moves: 0,
        }
    }

    /// The call that is due to a sanitizer, if any; it must be followed by [`Share::answered`], [`Share::failed`] or
    /// [`Share::is_free`].
    pub(crate) fn call(
        &mut self,
        sanitizer: usize,
        now_ms: u64,
    ) -> (Option<LeasesBody>, Vec<Lost>) {
        let lost = self.assign(now_ms);
        let wanted = self.wanted(sanitizer, now_ms);
        let Some(member) = self.members.get_mut(sanitizer) else {
            return (None, lost);
        };
        let since_ms = member
            .called_ms
            .map(|called_ms| now_ms.saturating_sub(called_ms));
        let changed = member.answers() && wanted != member.holds;
        let pause_ms = if member.free { LOOK_MS } else { RENEW_MS };
        if !changed && since_ms.is_some_and(|since_ms| since_ms < pause_ms) {
            return (None, lost);
        }
        member.called_ms = Some(now_ms);
        let stamp = member.stamp.map_or(0, |(stamp, _)| stamp);
        if let Some((_, came_ms)) = member.stamp {
            // From here on it may hold these, too, whether or not its answer arrives.
            let until_ms = came_ms.saturating_add(LEASE_MS + MARGIN_MS);
            if member.may_hold_until_ms <= now_ms {
                member.may_hold.clear();
            }
            member.may_hold.extend(wanted.iter().cloned());
            member.may_hold_until_ms = member.may_hold_until_ms.max(until_ms);
        }
        member.asked.clone_from(&wanted);
        let body = LeasesBody {
            stamp,
            lease_ms: LEASE_MS,
            tenants: wanted.into_iter().collect(),
        };
        (Some(body), lost)
    }

    /// A sanitizer has answered its call.
    pub(crate) fn answered(
        &mut self,
        sanitizer: usize,
        answer: LeasesAnswer,
        now_ms: u64,
    ) -> Vec<Lost> {
        let Some(member) = self.members.get_mut(sanitizer) else {
            return Vec::new();
        };
        let mut lost = Vec::new();
        member.free = false;
        member.answers_since_ms.get_or_insert(now_ms);
        member.undivided = answer.undivided;
        // Whatever else it names has no place here, or a hostile one would fill the memory.
        let tenants = &self.tenants;
        let named = answer.unknown.into_iter();
        member
            .unknown
            .extend(named.filter(|tenant| tenants.contains(tenant)));
        if answer.taken {
            let came_ms = member.stamp.map_or(now_ms, |(_, came_ms)| came_ms);
            member.may_hold.clone_from(&member.asked);
            member.may_hold_until_ms = came_ms.saturating_add(LEASE_MS + MARGIN_MS);
            member.holds = std::mem::take(&mut member.asked);
            let unknown = &member.unknown;
            member.holds.retain(|tenant| !unknown.contains(tenant));
            if member
                .term
                .replace(answer.term)
                .is_some_and(|term| term != answer.term)
            {
                lost.push(Lost::All(sanitizer));
            }
        } else {
            // What it holds stays as it was; with the new stamp it is asked again at once.
            member.called_ms = None;
        }
        member.stamp = Some((answer.stamp, now_ms));
        lost.extend(self.assign(now_ms));
        lost
    }

    /// A sanitizer has not answered its call.
    pub(crate) fn failed(&mut self, sanitizer: usize, now_ms: u64) -> Vec<Lost> {
        if let Some(member) = self.members.get_mut(sanitizer) {
            member.answers_since_ms = None;
        }
        self.assign(now_ms)
    }

    /// A sanitizer has said that it goes by no leases.
    pub(crate) fn is_free(&mut self, sanitizer: usize, now_ms: u64) -> Vec<Lost> {
        if let Some(member) = self.members.get_mut(sanitizer) {
            *member = Member {
                free: true,
                called_ms: member.called_ms,
                ..Member::default()
            };
        }
        self.assign(now_ms)
    }

    /// Where a tenant is served now.
    pub(crate) fn home(&self, tenant: &TenantId, now_ms: u64) -> Home {
        let holds =
            |member: &Member| member.holds.contains(tenant) && now_ms < member.may_hold_until_ms;
        match self.homes.get(tenant) {
            Some(&home) if self.members.get(home).is_some_and(holds) => Home::At(home),
            Some(_) => Home::Nowhere,
            None if self.is_leased(tenant) => Home::Nowhere,
            None => Home::Anywhere,
        }
    }

    /// The sanitizer that serves a tenant, or will in a moment.
    pub(crate) fn bound_for(&self, tenant: &TenantId) -> Option<usize> {
        self.homes.get(tenant).copied()
    }

    /// The tenants that a sanitizer holds; nothing when it goes by no leases or has never answered.
    pub(crate) fn held(&self, sanitizer: usize, now_ms: u64) -> Option<Vec<TenantId>> {
        let member = self.members.get(sanitizer).filter(|member| !member.free)?;
        member.term?;
        let holds = member
            .holds
            .iter()
            .filter(|tenant| self.home(tenant, now_ms) == Home::At(sanitizer));
        Some(holds.cloned().collect())
    }

    /// How often a tenant went from one sanitizer to another.
    pub(crate) fn moves(&self) -> u64 {
        self.moves
    }

    /// What a sanitizer shall hold and nobody else may.
    fn wanted(&self, sanitizer: usize, now_ms: u64) -> BTreeSet<TenantId> {
        let undivided = self.is_undivided();
        let others = || {
            let members = self.members.iter().enumerate();
            members
                .filter(|(other, _)| *other != sanitizer)
                .map(|(_, member)| member)
        };
        let is_free = |tenant: &TenantId| {
            others().all(|other| match undivided {
                true => !other.may_hold_any(now_ms),
                false => !other.may_hold(tenant, now_ms),
            })
        };
        let own = self.homes.iter().filter(|(_, home)| **home == sanitizer);
        own.map(|(tenant, _)| tenant)
            .filter(|tenant| is_free(tenant))
            .cloned()
            .collect()
    }

    /// One connection for all tenants at any sanitizer: then all of them are at one.
    fn is_undivided(&self) -> bool {
        self.members.iter().any(|member| member.undivided)
    }

    /// Gives each tenant its home as things stand; returns what moved.
    fn assign(&mut self, now_ms: u64) -> Vec<Lost> {
        let mut lost = Vec::new();
        let undivided = self.is_undivided();
        for tenant in &self.tenants {
            let serves = |home: &usize| self.serves(*home, tenant).is_some();
            let present = self.homes.get(tenant).copied().filter(serves);
            let Some(home) = self.choose(tenant, present, undivided, now_ms) else {
                if present.is_none() {
                    self.homes.remove(tenant);
                }
                continue;
            };
            if present == Some(home) {
                continue;
            }
            self.homes.insert(tenant.clone(), home);
            if let Some(before) = present {
                self.moves = self.moves.saturating_add(1);
                lost.push(Lost::Tenant(before, tenant.clone()));
            }
        }
        lost
    }

    fn choose(
        &self,
        tenant: &TenantId,
        present: Option<usize>,
        undivided: bool,
        now_ms: u64,
    ) -> Option<usize> {
        if present.is_none() && !self.is_settled(now_ms) {
            return None;
        }
        let order = self.orders.of(tenant, undivided);
        let stays = present.filter(|present| {
            self.serves(*present, tenant)
                .is_some_and(|member| now_ms < member.may_hold_until_ms)
        });
        let fits = |sanitizer: &&usize| {
            self.serves(**sanitizer, tenant)
                .is_some_and(|member| match stays {
                    Some(present) => present == **sanitizer || member.is_steady(now_ms),
                    None => member.answers(),
                })
        };
        order.iter().find(fits).copied()
    }

    /// Whether every sanitizer has answered once or had its time: what comes first by chance is not given everything.
    fn is_settled(&self, now_ms: u64) -> bool {
        let known = |member: &Member| member.free || member.stamp.is_some();
        now_ms >= self.settled_ms || self.members.iter().all(known)
    }

    /// Whether a sanitizer has said that it goes by leases, and may serve the tenant.
    fn is_leased(&self, tenant: &TenantId) -> bool {
        let answered = |member: &Member| member.stamp.is_some();
        (0..self.members.len()).any(|place| self.serves(place, tenant).is_some_and(answered))
    }

    /// A sanitizer that goes by leases and has the tenant in its configuration, for all that is known.
    fn serves(&self, sanitizer: usize, tenant: &TenantId) -> Option<&Member> {
        let member = self.members.get(sanitizer)?;
        (!member.free && !member.unknown.contains(tenant)).then_some(member)
    }
}

#[cfg(test)]
mod tests;
