//! The metrics by name, as the README and the registry describe them.

use metrics::{Unit, describe_counter, describe_gauge};

/// One metric.
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The label, when there is one; for the README.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the README's table is made of it")
    )]
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
        "spokegate_broker_strand_sessions",
        Kind::Gauge,
        "strand",
        "sessions on each of the threads that serve them; a tenant's are all on one",
    ),
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
        "spokegate_broker_throttled_ms_total",
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
    metric(
        "spokegate_broker_enrolment_requests_total",
        Kind::Counter,
        "outcome",
        "requests at the enrolment door, by how they were answered",
    ),
    metric(
        "spokegate_broker_enrolment_waiting",
        Kind::Gauge,
        "",
        "requests at the enrolment door that wait for the centre",
    ),
    metric(
        "spokegate_broker_enrolment_linked",
        Kind::Gauge,
        "",
        "1 while the enrolment door has its place in its cell",
    ),
    metric(
        "spokegate_broker_enrolment_links_lost_total",
        Kind::Counter,
        "",
        "times that the enrolment door lost its place and took it again",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::{ListMeters, Meters};

    const BEGIN: &str = "<!-- metrics: generated, UPDATE_GOLDEN=1 rewrites -->\n";
    const END: &str = "<!-- metrics end -->\n";

    #[test]
    fn the_readme_has_the_table() {
        let mut table = "| metric | kind | label | what |\n|---|---|---|---|\n".to_owned();
        for Metric {
            name,
            kind,
            label,
            meaning,
        } in METRICS
        {
            let kind = match kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            let label = if label.is_empty() {
                String::new()
            } else {
                format!("`{label}`")
            };
            table += &format!("| `{name}` | {kind} | {label} | {meaning} |\n");
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (head, rest) = readme.split_once(BEGIN).expect("the table's begin");
        let (found, tail) = rest.split_once(END).expect("the table's end");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            return std::fs::write(path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        }
        assert!(
            found == table,
            "broker/README.md: the table of metrics differs; UPDATE_GOLDEN=1 cargo test -p spokegate-broker --lib rewrites it"
        );
    }

    #[test]
    fn the_table_has_all_metrics_and_they_are_there_before_anything_happens() {
        let registry = spokegate_daemon::metrics::install().unwrap();
        let (_meters, lists) = (Meters::new(1), ListMeters::new());
        let _door = crate::enrol::DoorMeters::new();
        lists.refused("older");
        lists.reloaded(true);
        let text = registry.render();
        for Metric { name, label, .. } in METRICS {
            let line = text.lines().find(|line| {
                let rest = line.strip_prefix(name);
                rest.is_some_and(|rest| rest.starts_with([' ', '{']))
            });
            let line = line.unwrap_or_else(|| panic!("{name} is not in {text}"));
            assert_eq!(
                line.contains(&format!("{{{label}=")),
                !label.is_empty(),
                "{line}"
            );
        }
        for line in text
            .lines()
            .filter(|line| line.starts_with("spokegate_broker_"))
        {
            let name = line.split(['{', ' ']).next().unwrap();
            let known = METRICS.iter().any(|metric| metric.name == name);
            assert!(known, "{name} is not in the table of metrics");
        }
    }
}
