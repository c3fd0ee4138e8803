//! The metrics by name, as the README and the registry describe them.

use metrics::{Unit, describe_counter, describe_gauge};

/// One metric.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The label, when there is one.
    pub(crate) label: &'static str,
    pub(crate) meaning: &'static str,
}

/// What a metric does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up.
    Counter,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

const fn metric(
    name: &'static str,
    kind: Kind,
    label: &'static str,
    meaning: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        label,
        meaning,
    }
}

/// All metrics of the broker.
pub(crate) const METRICS: &[Metric] = &[
    metric("spokegate_broker_sessions", Kind::Gauge, "", "sessions now"),
    metric(
        "spokegate_broker_pending_connections",
        Kind::Gauge,
        "",
        "connections that have not said who they are",
    ),
    metric(
        "spokegate_broker_tenants",
        Kind::Gauge,
        "",
        "tenants with a cell",
    ),
    metric(
        "spokegate_broker_connections_total",
        Kind::Counter,
        "",
        "connections accepted",
    ),
    metric(
        "spokegate_broker_sessions_ended_total",
        Kind::Counter,
        "reason",
        "sessions ended; `revoked` and `expired` among the reasons",
    ),
    metric(
        "spokegate_broker_denials_total",
        Kind::Counter,
        "reason",
        "what was refused, by the rule that refused it; each is a line of the audit, but for an address that keeps on connecting too often",
    ),
    metric(
        "spokegate_broker_handshake_failures_total",
        Kind::Counter,
        "reason",
        "TLS handshakes that came to nothing",
    ),
    metric(
        "spokegate_broker_messages_total",
        Kind::Counter,
        "direction",
        "messages from (`in`) and to (`out`) clients",
    ),
    metric(
        "spokegate_broker_bytes_total",
        Kind::Counter,
        "direction",
        "payload bytes of those messages",
    ),
    metric(
        "spokegate_broker_dropped_total",
        Kind::Counter,
        "reason",
        "messages for which nobody was there (`no-consumer`), or that a satellite did not take in time (`overflow`)",
    ),
    metric(
        "spokegate_broker_queue_bytes",
        Kind::Gauge,
        "direction",
        "bytes waiting in all queues to sanitizers (`up`) and to satellites (`down`)",
    ),
    metric(
        "spokegate_broker_queue_bytes_max",
        Kind::Gauge,
        "direction",
        "bytes waiting in the fullest queue; its limit is `limits.up_queue_bytes`, `limits.down_queue_bytes`",
    ),
    metric(
        "spokegate_broker_throttled_milliseconds_total",
        Kind::Counter,
        "",
        "milliseconds that clients were made to wait by their rate",
    ),
    metric(
        "spokegate_broker_routers_lost_total",
        Kind::Counter,
        "",
        "routers made anew after one ended",
    ),
    metric(
        "spokegate_broker_crl_number",
        Kind::Gauge,
        "",
        "number of the revocation list in force, the highest of several; 0 when there is none",
    ),
    metric(
        "spokegate_broker_crl_age_seconds",
        Kind::Gauge,
        "",
        "age of the revocation list, the oldest of several",
    ),
    metric(
        "spokegate_broker_crl_overdue",
        Kind::Gauge,
        "",
        "1 when a new revocation list should have come",
    ),
    metric(
        "spokegate_broker_crl_revoked_certificates",
        Kind::Gauge,
        "",
        "certificates on the lists in force",
    ),
    metric(
        "spokegate_broker_crl_refused_total",
        Kind::Counter,
        "reason",
        "revocation lists that were refused",
    ),
    metric(
        "spokegate_broker_tls_reloads_total",
        Kind::Counter,
        "result",
        "times that the TLS files were read again",
    ),
    metric(
        "spokegate_broker_certificate_expires_timestamp_seconds",
        Kind::Gauge,
        "",
        "when the broker's own certificate ends, in seconds since the Unix epoch",
    ),
];

/// Tells the registry what each metric means.
pub(crate) fn describe() {
    for metric in METRICS {
        match metric.kind {
            Kind::Gauge => describe_gauge!(metric.name, Unit::Count, metric.meaning),
            Kind::Counter => describe_counter!(metric.name, Unit::Count, metric.meaning),
        }
    }
}
