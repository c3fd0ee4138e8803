//! Who may publish and receive what, as data: for brokers that take lists rather than code.
//!
//! The broker's policy decides by rules; a test there proves that both say the same.

use crate::filter;
use crate::ids::{Address, TenantId};
use crate::topic::PREFIX;

/// What a satellite may publish below its `up/`; presence is the broker's to say.
const UP: [&str; 6] = ["enrol", "hello", "push/+", "reply", "result", "status"];
/// What the sanitizer may publish below a satellite's `down/`; revocation lists go to the enrolment door alone.
const DOWN: [&str; 9] = [
    "ack",
    "admission",
    "command/deploy",
    "command/renew",
    "command/restart",
    "command/secret",
    "command/update",
    "parcel",
    "pull/+",
];

/// Rights as MQTT filters; nothing else is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// What may be published: every topic that one of these filters matches.
    pub publish: Vec<String>,
    /// What may be received: every topic that one of these filters matches.
    pub subscribe: Vec<String>,
}

impl Grants {
    /// Of a satellite: it publishes its own `up/` but for presence, and receives its own `down/`.
    pub fn satellite(address: &Address) -> Self {
        Self {
            publish: UP
                .map(|level| format!("{PREFIX}/{address}/up/{level}"))
                .to_vec(),
            subscribe: vec![filter::satellite_down(address)],
        }
    }

    /// Of the sanitizer in one customer's tenant: it publishes `down/` of each of its satellites, and receives their `up/`.
    pub fn sanitizer(tenant: &TenantId) -> Self {
        Self {
            publish: DOWN
                .map(|level| format!("{PREFIX}/{tenant}/+/down/{level}"))
                .to_vec(),
            subscribe: vec![filter::tenant_up(tenant)],
        }
    }

    /// Whether a topic may be published.
    pub fn may_publish(&self, topic: &str) -> bool {
        self.publish
            .iter()
            .any(|filter| filter::matches(filter, topic))
    }

    /// Whether a message of this topic may be received.
    pub fn may_receive(&self, topic: &str) -> bool {
        self.subscribe
            .iter()
            .any(|filter| filter::matches(filter, topic))
    }
}

#[cfg(test)]
mod tests;
