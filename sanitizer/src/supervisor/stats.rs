//! Counters of a lane, for `GET /v1/status` and `/metrics`.

use serde_json::{Value, json};
use spokegate_contract::TenantId;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters of one tenant's lane.
#[derive(Debug, Default)]
pub(super) struct LaneStats {
    pub(super) session_up: AtomicBool,
    pub(super) leased: AtomicBool,
    pub(super) handled: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) crashes: AtomicU64,
    pub(super) recycled: AtomicU64,
    pub(super) queued: AtomicU64,
    pub(super) queued_bytes: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) held_off: AtomicU64,
    pub(super) slowed: AtomicU64,
    pub(super) suspended: AtomicU64,
    pub(super) outbox_bytes: AtomicU64,
    pub(super) worker_pid: AtomicU64,
    pub(super) layers: Mutex<Vec<String>>,
}

impl LaneStats {
    pub(super) fn to_json(&self, tenant: &TenantId) -> Value {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let layers = self
            .layers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        json!({
            "tenant": tenant.as_str(),
            "session": if self.session_up.load(Ordering::Relaxed) { "up" } else { "down" },
            "leased": self.leased.load(Ordering::Relaxed),
            "handled": number(&self.handled),
            "refused": number(&self.refused),
            "worker_crashes": number(&self.crashes),
            "workers_recycled": number(&self.recycled),
            "queued": number(&self.queued),
            "queued_bytes": number(&self.queued_bytes),
            "overflowed": number(&self.overflowed),
            "held_off": number(&self.held_off),
            "satellites_slowed": number(&self.slowed),
            "satellites_suspended": number(&self.suspended),
            "outbox_bytes": number(&self.outbox_bytes),
            "worker_pid": number(&self.worker_pid),
            "sandbox_layers": layers,
        })
    }
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
