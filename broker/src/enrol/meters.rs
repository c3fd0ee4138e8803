//! What the door counts.

use metrics::{Counter, Gauge, counter, gauge};

const REQUESTS: &str = "spokegate_broker_enrolment_requests_total";

/// The door's metrics.
#[derive(Clone)]
pub(crate) struct DoorMeters {
    /// Requests that wait for the centre's answer.
    pub(super) waiting: Gauge,
    /// 1 while the door sits in its cell.
    pub(super) linked: Gauge,
    /// Times that the door lost its place in the cell.
    pub(super) links_lost: Counter,
}

impl DoorMeters {
    pub(crate) fn new() -> Self {
        counter!(REQUESTS, "outcome" => "issued").increment(0);
        Self {
            waiting: gauge!("spokegate_broker_enrolment_waiting"),
            linked: gauge!("spokegate_broker_enrolment_linked"),
            links_lost: counter!("spokegate_broker_enrolment_links_lost_total"),
        }
    }

    /// One request was answered.
    pub(super) fn answered(outcome: &'static str) {
        counter!(REQUESTS, "outcome" => outcome).increment(1);
    }
}
