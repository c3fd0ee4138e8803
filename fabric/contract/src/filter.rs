//! The subscription filters of the wire: one per satellite, one per tenant for the sanitizer.

use crate::ids::{Address, TenantId};
use crate::topic::PREFIX;

/// Everything that the centre sends to one satellite.
pub fn satellite_down(address: &Address) -> String {
    format!("{PREFIX}/{address}/down/#")
}

/// Everything that any satellite of one tenant sends.
pub fn tenant_up(tenant: &TenantId) -> String {
    format!("{PREFIX}/{tenant}/+/up/#")
}

/// Whether `filter` matches `topic` by the rules of MQTT 3.1.1 §4.7.
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let mut topic = topic.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true;
        }
        match topic.next() {
            Some(name) if level == "+" || level == name => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, topic: &str, expected: bool) {
        assert_eq!(matches(filter, topic), expected, "{filter} against {topic}");
    }

    #[test]
    fn matching_follows_the_standard() {
        check("a/b", "a/b", true);
        check("a/b", "a/c", false);
        check("a/+", "a/b", true);
        check("a/+", "a/b/c", false);
        check("a/+", "a", false);
        check("a/#", "a/b/c", true);
        check("a/#", "a", true);
        check("#", "a/b", true);
        check("#", "$SYS/a", false);
        check("+/a", "$SYS/a", false);
        check("a", "a/b", false);
    }

    #[test]
    fn filters_cover_their_own_and_no_other() {
        let address = Address::new("acme".parse().unwrap(), "hq".parse().unwrap());
        let down = satellite_down(&address);
        check(&down, "sg/1/acme/hq/down/ack", true);
        check(&down, "sg/1/acme/hq2/down/ack", false);
        check(&down, "sg/1/acme/hq/up/reply", false);
        let up = tenant_up(&address.tenant);
        check(&up, "sg/1/acme/hq/up/reply", true);
        check(&up, "sg/1/acme2/hq/up/reply", false);
        check(&up, "sg/1/acme/hq/down/ack", false);
    }
}
