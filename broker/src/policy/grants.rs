//! The policy and the rights that other brokers are given must say the same.

use bytes::Bytes;
use proptest::prelude::*;
use spokegate_contract::{Address, Channel, Direction, Grants, TenantId, Topic, filter};

use super::{Publish, Qos, Session, publish, subscribe};

fn channels() -> Vec<Channel> {
    Channel::all(&"devices".parse().unwrap())
}

fn may_publish(session: &Session, topic: &str) -> bool {
    let message = Publish {
        topic: topic.to_owned(),
        packet_id: 1,
        qos: Qos::AtLeastOnce,
        retain: false,
        payload: Bytes::new(),
    };
    publish(session, &message).is_ok()
}

fn may_subscribe(session: &Session, filter: &str) -> bool {
    subscribe(session, filter, Qos::AtLeastOnce).is_ok()
}

/// A session with its grants.
fn sessions(own: &Address) -> [(Session, Grants); 2] {
    [
        (Session::Satellite(own.clone()), Grants::satellite(own)),
        (
            Session::Sanitizer(own.tenant.clone()),
            Grants::sanitizer(&own.tenant),
        ),
    ]
}

/// Both say the same of a topic: to publish, and whether any permitted filter shows it.
fn agree(own: &Address, topic: &str) {
    for (session, grants) in sessions(own) {
        let granted = Topic::parse(topic).is_ok() && grants.may_publish(topic);
        assert_eq!(
            may_publish(&session, topic),
            granted,
            "{session:?} publishes {topic}"
        );
    }
}

/// What is granted is permitted as it stands, and a permitted filter shows nothing that is not granted.
fn covers(own: &Address, filter: &str, topic: &str) {
    for (session, grants) in sessions(own) {
        for granted in &grants.subscribe {
            assert!(
                may_subscribe(&session, granted),
                "{session:?} subscribes {granted}"
            );
        }
        if may_subscribe(&session, filter) && filter::matches(filter, topic) {
            assert!(
                grants.may_receive(topic),
                "{session:?}: {filter} shows {topic}"
            );
        }
    }
}

#[test]
fn the_whole_table_of_channels_is_granted_as_it_is_permitted() {
    let own: Address = Address::new("acme".parse().unwrap(), "hq".parse().unwrap());
    let mut granted = 0;
    for (tenant, satellite) in [
        ("acme", "hq"),
        ("acme", "branch"),
        ("acme", "hq2"),
        ("acme2", "hq"),
        ("acm", "hq"),
        ("globex", "hq"),
        ("enrolment", "door"),
    ] {
        let address = Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
        for channel in channels() {
            let topic = Topic::new(address.clone(), channel).to_string();
            agree(&own, &topic);
            covers(&own, &topic, &topic);
            granted += usize::from(Grants::satellite(&own).may_publish(&topic));
        }
    }
    // All that goes up but presence.
    let up = channels()
        .into_iter()
        .filter(|channel| channel.direction() == Direction::Up);
    assert_eq!(granted, up.count() - 1);
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("acme".to_owned()),
        Just("acm".to_owned()),
        Just("acme2".to_owned()),
        Just("hq".to_owned()),
        "[a-z0-9][a-z0-9-]{0,3}[a-z0-9]",
    ]
}

const WORDS: [&str; 22] = [
    "+",
    "#",
    "",
    "sg",
    "1",
    "up",
    "down",
    "pull",
    "push",
    "ack",
    "reply",
    "result",
    "hello",
    "status",
    "presence",
    "enrol",
    "admission",
    "crl",
    "command",
    "deploy",
    "devices",
    "$share",
];

fn level() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(&WORDS[..]).prop_map(str::to_owned),
        3 => id(),
        1 => "[A-Za-z0-9_.+#$-]{0,4}",
    ]
}

/// Any topic or filter, most of them near the grammar.
fn text() -> impl Strategy<Value = String> {
    let near = (id(), id(), proptest::collection::vec(level(), 1..4)).prop_map(
        |(tenant, satellite, rest)| format!("sg/1/{tenant}/{satellite}/{}", rest.join("/")),
    );
    let far = proptest::collection::vec(level(), 1..8).prop_map(|levels| levels.join("/"));
    prop_oneof![4 => near, 1 => far]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_topic_is_granted_as_it_is_permitted(tenant in id(), satellite in id(), topic in text()) {
        let tenant: TenantId = tenant.parse().unwrap();
        agree(&Address::new(tenant, satellite.parse().unwrap()), &topic);
    }

    #[test]
    fn no_permitted_filter_shows_more_than_is_granted(own in (id(), id()), filter in text(), topic in text()) {
        let own = Address::new(own.0.parse().unwrap(), own.1.parse().unwrap());
        covers(&own, &filter, &topic);
    }
}
