//! What the broker counts. Handles are made once, because a look-up per message would show.

use metrics::{Counter, Gauge, counter, gauge};

/// The broker's metrics.
pub(crate) struct Meters {
    /// Sessions now.
    pub(crate) sessions: Gauge,
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
}

impl Meters {
    /// Handles into the process's registry.
    pub(crate) fn new() -> Self {
        Self {
            sessions: gauge!("spokegate_broker_sessions"),
            pending: gauge!("spokegate_broker_pending_connections"),
            tenants: gauge!("spokegate_broker_tenants"),
            accepted: counter!("spokegate_broker_connections_total"),
            messages_in: counter!("spokegate_broker_messages_total", "direction" => "in"),
            bytes_in: counter!("spokegate_broker_bytes_total", "direction" => "in"),
            messages_out: counter!("spokegate_broker_messages_total", "direction" => "out"),
            bytes_out: counter!("spokegate_broker_bytes_total", "direction" => "out"),
            unrouted: counter!("spokegate_broker_dropped_total", "reason" => "no-consumer"),
            overflowed: counter!("spokegate_broker_dropped_total", "reason" => "overflow"),
            throttled_ms: counter!("spokegate_broker_throttled_milliseconds_total"),
            routers_lost: counter!("spokegate_broker_routers_lost_total"),
        }
    }

    /// One refusal.
    pub(crate) fn denied(reason: &'static str) {
        counter!("spokegate_broker_denials_total", "reason" => reason).increment(1);
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
