use super::*;
use proptest::prelude::*;

#[track_caller]
fn allowed(text: &str) {
    assert_eq!(
        Topic::parse(text).map(|t| t.to_string()),
        Ok(text.to_owned())
    );
}

#[track_caller]
fn refused(text: &str) {
    assert!(Topic::parse(text).is_err(), "{text:?} was accepted");
}

#[test]
fn every_row_of_the_table_and_its_refused_twin() {
    for (good, bad) in [
        (
            "sg/1/acme/hq/down/pull/devices",
            "sg/1/acme/hq/up/pull/devices",
        ),
        ("sg/1/acme/hq/down/ack", "sg/1/acme/hq/up/ack"),
        (
            "sg/1/acme/hq/down/command/restart",
            "sg/1/acme/hq/down/command/reboot",
        ),
        ("sg/1/acme/hq/up/reply", "sg/1/acme/hq/down/reply"),
        (
            "sg/1/acme/hq/up/push/devices",
            "sg/1/acme/hq/down/push/devices",
        ),
        ("sg/1/acme/hq/up/result", "sg/1/acme/hq/up/results"),
        ("sg/1/acme/hq/up/hello", "sg/1/acme/hq/up/hello/"),
        ("sg/1/acme/hq/up/status", "sg/1/acme/hq/up/status/x"),
        ("sg/1/acme/hq/up/enrol", "sg/1/acme/hq/down/enrol"),
        ("sg/1/acme/hq/down/admission", "sg/1/acme/hq/up/admission"),
        ("sg/1/enrolment/door/down/crl", "sg/1/enrolment/door/up/crl"),
        ("sg/1/acme/hq/up/presence", "sg/1/acme/hq/down/presence"),
    ] {
        allowed(good);
        refused(bad);
    }
}

#[test]
fn nothing_beside_the_grammar() {
    for text in [
        "",
        "sg",
        "sg/1",
        "sg/1/",
        "sg/1/acme",
        "sg/1/acme/hq",
        "sg/1/acme/hq/up",
        "sg/2/acme/hq/up/reply",
        "sg/1x/acme/hq/up/reply",
        "SG/1/acme/hq/up/reply",
        "/sg/1/acme/hq/up/reply",
        "sg/1//hq/up/reply",
        "sg/1/acme//up/reply",
        "sg/1/acme/hq//reply",
        "sg/1/acme/hq/up//reply",
        "sg/1/+/hq/up/reply",
        "sg/1/acme/#",
        "sg/1/acme/hq/up/push/#",
        "sg/1/acme/hq/up/push",
        "sg/1/acme/hq/up/push/de.vices",
        "sg/1/acme/hq/down/pull/devices/1",
        "$SYS/broker/version",
        "$share/g/sg/1/acme/hq/up/reply",
        "sg/1/acme/hq/up/reply\0",
        "sg/1/acmé/hq/up/reply",
    ] {
        refused(text);
    }
    refused(&format!("sg/1/acme/hq/up/push/{}", "a".repeat(300)));
}

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9-]{0,38}[a-z0-9]"
}

fn channel() -> impl Strategy<Value = Channel> {
    prop_oneof![
        id().prop_map(|d| Channel::Pull(d.parse().unwrap())),
        Just(Channel::Ack),
        prop::sample::select(&Verb::ALL[..]).prop_map(Channel::Command),
        Just(Channel::Reply),
        id().prop_map(|d| Channel::Push(d.parse().unwrap())),
        Just(Channel::Result),
        Just(Channel::Hello),
        Just(Channel::Status),
        Just(Channel::Presence),
        Just(Channel::Enrol),
        Just(Channel::Admission),
        Just(Channel::Crl),
    ]
}

proptest! {
    #[test]
    fn display_then_parse_is_identity(tenant in id(), satellite in id(), channel in channel()) {
        let address = Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
        let topic = Topic::new(address, channel);
        let text = topic.to_string();
        prop_assert!(text.len() <= TOPIC_BYTES_MAX);
        prop_assert_eq!(Topic::parse(&text), Ok(topic));
    }

    #[test]
    fn parse_then_display_is_identity(text in "(sg/1/)?[a-z/+#$]{0,30}(/up|/down)?(/reply|/push|/pull|/ack|/enrol|/crl|/admission)?(/[a-z-]{0,5})?") {
        if let Ok(topic) = Topic::parse(&text) {
            prop_assert_eq!(topic.to_string(), text);
        }
    }
}

/// The match makes a new channel be thought of here, and so be listed in [`Channel::all`].
#[test]
fn all_channels_are_listed_once() {
    let all = Channel::all(&"devices".parse().unwrap());
    for channel in &all {
        match channel {
            Channel::Pull(_) | Channel::Ack | Channel::Command(_) | Channel::Parcel => {}
            Channel::Reply | Channel::Push(_) | Channel::Result => {}
            Channel::Hello | Channel::Status | Channel::Presence => {}
            Channel::Enrol | Channel::Admission | Channel::Crl => {}
        }
    }
    let address = Address::new("acme".parse().unwrap(), "hq".parse().unwrap());
    let topics = all
        .into_iter()
        .map(|channel| Topic::new(address.clone(), channel));
    let mut topics: Vec<_> = topics.map(|topic| topic.to_string()).collect();
    topics.iter().for_each(|topic| allowed(topic));
    topics.sort_unstable();
    topics.dedup();
    assert_eq!(topics.len(), 12 + Verb::ALL.len());
}
