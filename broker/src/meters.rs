//! What the broker counts. Handles are made once, because a look-up per message would show.

mod table;

use metrics::{Counter, Gauge, counter, gauge};
use spokegate_identity::RevocationList;

use crate::cell::Depths;
use crate::front::Cause;
use crate::policy::Denial;
pub(crate) use table::describe;

/// The broker's metrics.
pub(crate) struct Meters {
    /// Sessions now.
    pub(crate) sessions: Gauge,
    /// Sessions on each strand.
    pub(crate) strands: Vec<Gauge>,
    /// Connections that have not said who they are.
    pub(crate) pending: Gauge,
    /// Tenants with a cell.
    pub(crate) tenants: Gauge,
    /// Connections accepted.
    pub(crate) accepted: Counter,
    /// Messages and their payload bytes from clients.
    pub(crate) messages_in: Counter,
    pub(crate) bytes_in: Counter,
    /// Messages and their payload bytes to clients.
    pub(crate) messages_out: Counter,
    pub(crate) bytes_out: Counter,
    /// Messages that nobody subscribed to.
    pub(crate) unrouted: Counter,
    /// Messages dropped because a satellite's queue was full.
    pub(crate) overflowed: Counter,
    /// Milliseconds that clients were made to wait by their rate.
    pub(crate) throttled_ms: Counter,
    /// Routers made anew after one ended.
    pub(crate) routers_lost: Counter,
    queues: Queues,
}

struct Queues {
    up: Gauge,
    up_max: Gauge,
    down: Gauge,
    down_max: Gauge,
}

impl Meters {
    /// Handles into the process's registry, for so many strands.
    pub(crate) fn new(strands: usize) -> Self {
        describe();
        // Known from the start, so that a first occurrence is seen as an increase.
        for reason in Cause::ALL.map(Cause::reason) {
            counter!("spokegate_broker_handshake_failures_total", "reason" => reason).absolute(0);
        }
        for reason in Denial::ALL.map(Denial::name) {
            counter!("spokegate_broker_denials_total", "reason" => reason).absolute(0);
        }
        for reason in ["revoked", "expired"] {
            counter!("spokegate_broker_sessions_ended_total", "reason" => reason).absolute(0);
        }
        Self {
            sessions: gauge!("spokegate_broker_sessions"),
            strands: (0..strands)
                .map(|number| gauge!("spokegate_broker_strand_sessions", "strand" => number.to_string()))
                .collect(),
            pending: gauge!("spokegate_broker_pending_connections"),
            tenants: gauge!("spokegate_broker_tenants"),
            accepted: counter!("spokegate_broker_connections_total"),
            messages_in: counter!("spokegate_broker_messages_total", "direction" => "in"),
            bytes_in: counter!("spokegate_broker_bytes_total", "direction" => "in"),
            messages_out: counter!("spokegate_broker_messages_total", "direction" => "out"),
            bytes_out: counter!("spokegate_broker_bytes_total", "direction" => "out"),
            unrouted: counter!("spokegate_broker_dropped_total", "reason" => "no-consumer"),
            overflowed: counter!("spokegate_broker_dropped_total", "reason" => "overflow"),
            throttled_ms: counter!("spokegate_broker_throttled_ms_total"),
            routers_lost: counter!("spokegate_broker_routers_lost_total"),
            queues: Queues {
                up: gauge!("spokegate_broker_queue_bytes", "direction" => "up"),
                up_max: gauge!("spokegate_broker_queue_bytes_max", "direction" => "up"),
                down: gauge!("spokegate_broker_queue_bytes", "direction" => "down"),
                down_max: gauge!("spokegate_broker_queue_bytes_max", "direction" => "down"),
            },
        }
    }

    /// One refusal.
    pub(crate) fn denied(reason: &'static str) {
        counter!("spokegate_broker_denials_total", "reason" => reason).increment(1);
    }

    /// One TLS handshake that came to nothing.
    pub(crate) fn handshake_failed(reason: &'static str) {
        counter!("spokegate_broker_handshake_failures_total", "reason" => reason).increment(1);
    }

    /// One session that ended.
    pub(crate) fn session_ended(reason: &'static str) {
        counter!("spokegate_broker_sessions_ended_total", "reason" => reason).increment(1);
    }

    /// What the queues hold now.
    pub(crate) fn show_queues(&self, depths: &Depths) {
        self.queues.up.set(depths.up_bytes as f64);
        self.queues.up_max.set(depths.up_bytes_max as f64);
        self.queues.down.set(depths.down_bytes as f64);
        self.queues.down_max.set(depths.down_bytes_max as f64);
    }
}

/// The metrics of revocation lists and TLS files.
pub(crate) struct ListMeters {
    number: Gauge,
    age: Gauge,
    overdue: Gauge,
    revoked: Gauge,
    expires: Gauge,
}

impl ListMeters {
    /// Handles into the process's registry.
    pub(crate) fn new() -> Self {
        Self {
            number: gauge!("spokegate_broker_crl_number"),
            age: gauge!("spokegate_broker_crl_age_seconds"),
            overdue: gauge!("spokegate_broker_crl_overdue"),
            revoked: gauge!("spokegate_broker_crl_revoked_certificates"),
            expires: gauge!("spokegate_broker_certificate_expires_timestamp_seconds"),
        }
    }

    /// The lists in force.
    pub(crate) fn show(&self, lists: &[RevocationList], now_ms: u64) {
        let numbers = lists.iter().map(RevocationList::number);
        let oldest_ms = lists.iter().map(RevocationList::this_update_ms).min();
        let age_ms = now_ms.saturating_sub(oldest_ms.unwrap_or(now_ms));
        let overdue = lists.iter().any(|list| list.next_update_ms() < now_ms);
        self.number.set(numbers.max().unwrap_or(0) as f64);
        self.age.set((age_ms / 1_000) as f64);
        self.overdue.set(if overdue { 1.0 } else { 0.0 });
        let revoked: usize = lists.iter().map(RevocationList::revoked).sum();
        self.revoked.set(revoked as f64);
    }

    /// When our own certificate ends.
    pub(crate) fn expires(&self, not_after_ms: u64) {
        self.expires.set((not_after_ms / 1_000) as f64);
    }

    /// A list that is not in force.
    pub(crate) fn refused(&self, reason: &'static str) {
        counter!("spokegate_broker_crl_refused_total", "reason" => reason).increment(1);
    }

    /// The TLS files were read again.
    pub(crate) fn reloaded(&self, good: bool) {
        let result = if good { "taken" } else { "refused" };
        counter!("spokegate_broker_tls_reloads_total", "result" => result).increment(1);
    }
}

/// Counts up on a gauge until dropped.
pub(crate) struct Gauged(Gauge);

impl Gauged {
    pub(crate) fn up(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Gauged {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
