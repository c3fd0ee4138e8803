//! What the door counts.

use metrics::{Counter, Gauge, counter, gauge};

/// The door's metrics.
#[derive(Clone)]
pub(super) struct DoorMeters {
    /// Requests that wait for the centre's answer.
    pub(super) waiting: Gauge,
    /// 1 while the door sits in its cell.
    pub(super) linked: Gauge,
    /// Times that the door lost its place in the cell.
    pub(super) links_lost: Counter,
}

impl DoorMeters {
    pub(super) fn new() -> Self {
        Self {
            waiting: gauge!("spokegate_broker_enrolment_waiting"),
            linked: gauge!("spokegate_broker_enrolment_linked"),
            links_lost: counter!("spokegate_broker_enrolment_links_lost_total"),
        }
    }

    /// One request was answered.
    pub(super) fn answered(outcome: &'static str) {
        counter!("spokegate_broker_enrolment_requests_total", "outcome" => outcome).increment(1);
    }
}
