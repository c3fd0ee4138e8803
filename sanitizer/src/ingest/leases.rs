//! Which tenants' sessions may be open, and until when: the centre leases them. The table is pure.
//!
//! A lease ends by itself, so that a sanitizer which the centre cannot reach any more lets go without being told. It runs
//! from the moment at which its stamp was given out, which the centre knows to lie before the answer that brought it: so
//! the centre knows, too, when a lease must have ended of which it hears nothing any more.

use crate::link::{Holder, Outcome};
use crate::setup::{IngestSetup, SessionMode};
use bytes::Bytes;
use spokegate_contract::limits::LEASE_MS_MAX;
use spokegate_contract::record::{LeasesAnswer, LeasesBody};
use spokegate_contract::{ENROLMENT_TENANT, FailureClass, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// The end of a lease that never ends.
pub(super) const ALWAYS: u64 = u64::MAX;

/// What one service of the centre leases.
#[derive(Debug, Default)]
struct Held {
    /// The last stamp that was given out, in milliseconds of the monotonic clock.
    stamp_ms: u64,
    /// The stamp since which there was no gap.
    term_ms: u64,
    end_ms: u64,
    tenants: BTreeSet<TenantId>,
}

/// The leases.
#[derive(Debug, Default)]
struct Table {
    reports: Held,
    provisioner: Held,
}

impl Table {
    /// Takes a call; says whether it counted.
    fn call(
        &mut self,
        holder: Holder,
        (stamp_ms, lease_ms): (u64, u64),
        tenants: BTreeSet<TenantId>,
        now_ms: u64,
    ) -> bool {
        let held = match holder {
            Holder::Reports => &mut self.reports,
            Holder::Provisioner => &mut self.provisioner,
        };
        let next_ms = now_ms.max(held.stamp_ms.saturating_add(1));
        let end_ms = stamp_ms.saturating_add(lease_ms.min(LEASE_MS_MAX));
        let taken = held.stamp_ms != 0 && stamp_ms == held.stamp_ms && end_ms > now_ms;
        if taken {
            if held.end_ms <= now_ms {
                held.term_ms = next_ms;
            }
            held.end_ms = end_ms;
            held.tenants = tenants;
        }
        held.stamp_ms = next_ms;
        taken
    }

    /// When a tenant's lease ends; 0 when there is none.
    fn end_ms(&self, tenant: &TenantId) -> u64 {
        let of = |held: &Held| {
            if held.tenants.contains(tenant) {
                held.end_ms
            } else {
                0
            }
        };
        of(&self.reports).max(of(&self.provisioner))
    }
}

/// The leases, and the sessions that go by them.
pub(super) struct Leases {
    table: Table,
    enabled: bool,
    undivided: bool,
    /// Makes stamps of this process differ from those of an earlier one.
    base_ms: u64,
    ends: BTreeMap<TenantId, watch::Sender<u64>>,
}

impl Leases {
    /// Without leases each session may be open always. `base_ms` is the time of the start.
    pub(super) fn new(setup: &IngestSetup, base_ms: u64) -> Leases {
        let end_ms = if setup.leases { 0 } else { ALWAYS };
        let end = |tenant: &TenantId| (tenant.clone(), watch::Sender::new(end_ms));
        Leases {
            table: Table::default(),
            enabled: setup.leases,
            undivided: setup.sessions == SessionMode::Single,
            base_ms,
            ends: setup.tenants.iter().map(end).collect(),
        }
    }

    /// When a tenant's lease ends, by the monotonic clock.
    pub(super) fn end_of(&self, tenant: &TenantId) -> Option<watch::Receiver<u64>> {
        self.ends.get(tenant).map(watch::Sender::subscribe)
    }

    /// Does what the centre asks; beside the outcome stands the answer's body.
    pub(super) fn call(
        &mut self,
        call: u64,
        holder: Holder,
        body: &[u8],
        now_ms: u64,
    ) -> (Outcome, Bytes) {
        let (status, class, detail, answer) = match self.try_call(holder, body, now_ms) {
            Ok(answer) => {
                let text = serde_json::to_vec(&answer).expect("plain data is always written");
                (200, None, String::new(), text.into())
            }
            Err((status, detail)) => (status, Some(FailureClass::Refused), detail, Bytes::new()),
        };
        let outcome = Outcome {
            call,
            status,
            class,
            detail,
        };
        (outcome, answer)
    }

    fn try_call(
        &mut self,
        holder: Holder,
        body: &[u8],
        now_ms: u64,
    ) -> Result<LeasesAnswer, (u16, String)> {
        if !self.enabled {
            let detail = "this sanitizer serves its tenants without leases (share.leases = false)";
            return Err((404, detail.to_owned()));
        }
        let body: LeasesBody = serde_json::from_slice(body)
            .map_err(|error| (400, format!("the leases are malformed: {error}")))?;
        if !(1..=LEASE_MS_MAX).contains(&body.lease_ms) {
            let detail = format!(
                "lease_ms is {}, allowed is 1 to {LEASE_MS_MAX}",
                body.lease_ms
            );
            return Err((400, detail));
        }
        let own = |tenant: &&TenantId| {
            (tenant.as_str() == ENROLMENT_TENANT) == (holder == Holder::Provisioner)
        };
        if let Some(foreign) = body.tenants.iter().find(|tenant| !own(tenant)) {
            let detail = format!("tenant {foreign} is not the caller's to lease");
            return Err((403, detail));
        }
        let (tenants, unknown): (BTreeSet<_>, Vec<_>) = {
            let (known, unknown): (Vec<_>, Vec<_>) = body
                .tenants
                .into_iter()
                .partition(|tenant| self.ends.contains_key(tenant));
            (known.into_iter().collect(), unknown)
        };
        let stamp_ms = body.stamp.saturating_sub(self.base_ms);
        let taken = self
            .table
            .call(holder, (stamp_ms, body.lease_ms), tenants, now_ms);
        if taken {
            self.tell();
        }
        let held = match holder {
            Holder::Reports => &self.table.reports,
            Holder::Provisioner => &self.table.provisioner,
        };
        Ok(LeasesAnswer {
            stamp: self.base_ms.saturating_add(held.stamp_ms),
            taken,
            term: self.base_ms.saturating_add(held.term_ms),
            undivided: self.undivided,
            unknown,
        })
    }

    fn tell(&self) {
        for (tenant, end) in &self.ends {
            let end_ms = self.table.end_ms(tenant);
            end.send_if_modified(|known| std::mem::replace(known, end_ms) != end_ms);
        }
    }
}

#[cfg(test)]
mod tests;
