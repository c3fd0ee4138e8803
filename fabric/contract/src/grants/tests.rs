use super::*;
use crate::topic::{Channel, Direction, Topic};

fn address(tenant: &str, satellite: &str) -> Address {
    Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
}

fn channels() -> Vec<Channel> {
    Channel::all(&"devices".parse().unwrap())
}

#[test]
fn a_satellite_says_all_that_goes_up_but_presence_and_hears_all_that_comes_down() {
    let grants = Grants::satellite(&address("acme", "hq"));
    for channel in channels() {
        let up = channel.direction() == Direction::Up;
        let said = up && channel != Channel::Presence;
        for (tenant, satellite, own) in [
            ("acme", "hq", true),
            ("acme", "branch", false),
            ("acme", "hq2", false),
            ("acme2", "hq", false),
            ("globex", "hq", false),
        ] {
            let topic = Topic::new(address(tenant, satellite), channel.clone()).to_string();
            assert_eq!(grants.may_publish(&topic), own && said, "{topic}");
            assert_eq!(grants.may_receive(&topic), own && !up, "{topic}");
        }
    }
}

#[test]
fn the_sanitizer_says_what_goes_down_in_its_tenant_and_hears_what_comes_up() {
    let grants = Grants::sanitizer(&"acme".parse().unwrap());
    for channel in channels() {
        let up = channel.direction() == Direction::Up;
        let said = !up && channel != Channel::Crl;
        for (tenant, own) in [("acme", true), ("acme2", false), ("globex", false)] {
            let topic = Topic::new(address(tenant, "hq"), channel.clone()).to_string();
            assert_eq!(grants.may_publish(&topic), own && said, "{topic}");
            assert_eq!(grants.may_receive(&topic), own && up, "{topic}");
        }
    }
}

#[test]
fn what_is_granted_is_of_the_grammar() {
    let own = Grants::satellite(&address("acme", "hq"));
    let tenant = Grants::sanitizer(&"acme".parse().unwrap());
    for filter in own.publish.iter().chain(&tenant.publish) {
        let satellite = filter.replace("acme/+", "acme/hq");
        let topic = satellite.replace("/+", "/devices");
        assert_eq!(Topic::parse(&topic).unwrap().to_string(), topic);
    }
}
