//! Retained messages of the open cell. Tenants' cells have none: the policy refuses the flag.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;

use crate::lock;
use crate::packet::{Publish, Qos};

/// Topics that may have one; further ones are delivered and not kept.
const TOPICS_MAX: usize = 1_024;

/// The last retained message per topic.
#[derive(Debug, Default)]
pub(super) struct Retained(Mutex<HashMap<String, (Qos, Bytes)>>);

/// A retained message as a new subscriber gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Its topic.
    pub(crate) topic: String,
    /// As published.
    pub(crate) qos: Qos,
    /// Its body.
    pub(crate) payload: Bytes,
}

impl Retained {
    /// Keeps a message, or forgets the one there is when the body is empty (MQTT 3.1.1 §3.3.1.3).
    pub(super) fn keep(&self, message: &Publish) {
        let mut topics = lock(&self.0);
        if message.payload.is_empty() {
            topics.remove(&message.topic);
        } else if topics.len() < TOPICS_MAX || topics.contains_key(&message.topic) {
            // A copy: the slice would keep the connection's whole read buffer.
            topics.insert(
                message.topic.clone(),
                (message.qos, Bytes::copy_from_slice(&message.payload)),
            );
        }
    }

    /// What a new subscription is given.
    pub(super) fn matching(&self, filter: &str) -> Vec<Kept> {
        let matches = |topic: &str| spokegate_contract::filter::matches(filter, topic);
        let kept = |(topic, (qos, payload)): (&String, &(Qos, Bytes))| Kept {
            topic: topic.clone(),
            qos: *qos,
            payload: payload.clone(),
        };
        lock(&self.0)
            .iter()
            .filter(|(topic, _)| matches(topic))
            .map(kept)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(retained: &Retained, topic: &str, payload: &'static [u8]) {
        let payload = Bytes::from_static(payload);
        retained.keep(&Publish {
            topic: topic.into(),
            packet_id: 1,
            qos: Qos::AtLeastOnce,
            retain: true,
            payload,
        });
    }

    #[test]
    fn the_last_one_is_kept_until_an_empty_one_comes() {
        let retained = Retained::default();
        keep(&retained, "a/b", b"1");
        keep(&retained, "a/b", b"2");
        let found = retained.matching("a/+");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].payload, Bytes::from_static(b"2"));
        assert!(retained.matching("b/#").is_empty());
        keep(&retained, "a/b", b"");
        assert!(retained.matching("#").is_empty());
    }

    #[test]
    fn there_is_a_limit() {
        let retained = Retained::default();
        (0..=TOPICS_MAX).for_each(|n| keep(&retained, &format!("t/{n}"), b"x"));
        assert_eq!(retained.matching("#").len(), TOPICS_MAX);
    }
}
