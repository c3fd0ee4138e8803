use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use spokegate_contract::{Channel, Direction, Topic, Verb, filter};
use spokegate_identity::{Principal, ServiceName};

use crate::packet::{Connect, Will};

const KEEP_ALIVE: KeepAlive = KeepAlive { max_s: 300 };

fn address(tenant: &str, satellite: &str) -> Address {
    Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
}

fn satellite() -> Session {
    Session::Satellite(address("acme", "hq"))
}

fn sanitizer() -> Session {
    Session::Sanitizer("acme".parse().unwrap())
}

fn message(topic: &str, qos: Qos, retain: bool) -> Publish {
    Publish {
        topic: topic.to_owned(),
        packet_id: 1,
        qos,
        retain,
        payload: Bytes::new(),
    }
}

#[track_caller]
fn may_publish(session: &Session, topic: &str, expected: Result<Rule, Denial>) {
    let decided =
        publish(session, &message(topic, Qos::AtLeastOnce, false)).map(|permit| permit.rule());
    assert_eq!(decided, expected, "{session:?} publishes {topic}");
}

#[track_caller]
fn may_subscribe(session: &Session, filter: &str, expected: Result<Rule, Denial>) {
    let decided = subscribe(session, filter, Qos::AtLeastOnce).map(|permit| permit.rule());
    assert_eq!(decided, expected, "{session:?} subscribes {filter}");
}

fn connecting(client_id: &str) -> Connect {
    Connect {
        level: 4,
        client_id: client_id.to_owned(),
        keep_alive_s: 30,
        clean_session: true,
        will: None,
        credentials: false,
    }
}

#[track_caller]
fn may_connect(principal: &Principal, connect: &Connect, expected: Result<Session, Denial>) {
    assert_eq!(
        super::connect(principal, connect, KEEP_ALIVE),
        expected,
        "{principal} with {connect:?}"
    );
}

#[test]
fn a_satellite_connects_with_the_id_of_its_certificate_and_nothing_extra() {
    let hq = Principal::Satellite(address("acme", "hq"));
    may_connect(&hq, &connecting("acme.hq"), Ok(satellite()));
    for stolen in [
        "",
        "acme",
        "acme.hq2",
        "acme.h",
        "acme.hq.",
        ".acme.hq",
        "acme.hq ",
        "ACME.HQ",
        "globex.hq",
        "acme/hq",
        "sanitizer.acme",
        "hq.acme",
        "acme.hq\u{1}",
    ] {
        may_connect(&hq, &connecting(stolen), Err(Denial::ClientId));
    }
    let change = |act: fn(&mut Connect)| {
        let mut connect = connecting("acme.hq");
        act(&mut connect);
        connect
    };
    may_connect(&hq, &change(|c| c.level = 5), Err(Denial::Version));
    may_connect(&hq, &change(|c| c.level = 3), Err(Denial::Version));
    let will = |c: &mut Connect| {
        c.will = Some(Will {
            topic: "sg/1/acme/hq/up/status".into(),
            payload: Bytes::new(),
            qos: Qos::AtMostOnce,
            retain: false,
        });
    };
    may_connect(&hq, &change(will), Err(Denial::Will));
    may_connect(
        &hq,
        &change(|c| c.credentials = true),
        Err(Denial::Credentials),
    );
    may_connect(
        &hq,
        &change(|c| c.clean_session = false),
        Err(Denial::PersistentSession),
    );
    may_connect(&hq, &change(|c| c.keep_alive_s = 0), Err(Denial::KeepAlive));
    may_connect(
        &hq,
        &change(|c| c.keep_alive_s = 301),
        Err(Denial::KeepAlive),
    );
    may_connect(&hq, &change(|c| c.keep_alive_s = 1), Ok(satellite()));
    may_connect(&hq, &change(|c| c.keep_alive_s = 300), Ok(satellite()));
}

#[test]
fn the_sanitizer_connects_per_tenant_and_other_services_not_at_all() {
    let service = Principal::Service(ServiceName::Sanitizer);
    may_connect(&service, &connecting("sanitizer.acme"), Ok(sanitizer()));
    for id in [
        "sanitizer",
        "sanitizer.",
        "sanitizer.a",
        "sanitizer.Acme",
        "sanitizer.acme.hq",
        "sanitizer.+",
        "sanitizer.#",
        "acme.hq",
        "acme",
    ] {
        may_connect(&service, &connecting(id), Err(Denial::ClientId));
    }
    let reports = Principal::Service(ServiceName::ReportService);
    for id in ["report-service", "sanitizer.acme", "acme.hq"] {
        may_connect(&reports, &connecting(id), Err(Denial::Service));
    }
}

#[test]
fn a_satellite_publishes_under_its_own_up_and_nowhere_else() {
    for topic in [
        "reply",
        "push/devices",
        "result",
        "hello",
        "status",
        "enrol",
    ] {
        may_publish(
            &satellite(),
            &format!("sg/1/acme/hq/up/{topic}"),
            Ok(Rule::OwnUp),
        );
        may_publish(
            &satellite(),
            &format!("sg/1/globex/hq/up/{topic}"),
            Err(Denial::OtherTenant),
        );
        may_publish(
            &satellite(),
            &format!("sg/1/acme/branch/up/{topic}"),
            Err(Denial::OtherSatellite),
        );
        // Look-alikes: one is a prefix of the other.
        may_publish(
            &satellite(),
            &format!("sg/1/acme2/hq/up/{topic}"),
            Err(Denial::OtherTenant),
        );
        may_publish(
            &satellite(),
            &format!("sg/1/acm/hq/up/{topic}"),
            Err(Denial::OtherTenant),
        );
        may_publish(
            &satellite(),
            &format!("sg/1/acme/hq2/up/{topic}"),
            Err(Denial::OtherSatellite),
        );
    }
    may_publish(
        &satellite(),
        "sg/1/acme/hq/up/presence",
        Err(Denial::Presence),
    );
    for topic in ["pull/devices", "ack", "command/deploy"] {
        may_publish(
            &satellite(),
            &format!("sg/1/acme/hq/down/{topic}"),
            Err(Denial::Direction),
        );
    }
}

#[test]
fn whatever_is_not_of_the_grammar_is_refused() {
    let texts = [
        "",
        "/",
        "#",
        "+",
        "$SYS/broker",
        "$share/g/sg/1/acme/hq/up/reply",
        "sg/1/acme/hq/up/#",
        "sg/1/acme/+/up/reply",
        "sg/1/+/hq/up/reply",
        "sg/1/acme/hq/up/reply/",
        "/sg/1/acme/hq/up/reply",
        "sg/1/acme/hq//up/reply",
        "sg/1/acme/hq/up",
        "sg/1/acme/hq/up/",
        "sg/1/acme/hq/up/other",
        "sg/1/acme/hq/up/push",
        "sg/1/acme/hq/up/push/Dev",
        "sg/1/acme/hq/up/push/devices/x",
        "sg/2/acme/hq/up/reply",
        "SG/1/acme/hq/up/reply",
        "sg/1/ACME/hq/up/reply",
        "sg/1/acme/hq/UP/reply",
        "sg/1/acme/hq/up/reply ",
        "sg/1/acme/hq/up/re\u{0301}ply",
        "sg/1/acmé/hq/up/reply",
        "sg/1/acme.hq/up/reply",
    ];
    for topic in texts {
        may_publish(&satellite(), topic, Err(Denial::Grammar));
        may_publish(&sanitizer(), topic, Err(Denial::Grammar));
    }
}

#[test]
fn the_sanitizer_publishes_what_goes_down_in_its_tenant() {
    for topic in ["pull/devices", "ack", "command/renew", "admission"] {
        may_publish(
            &sanitizer(),
            &format!("sg/1/acme/hq/down/{topic}"),
            Ok(Rule::TenantDown),
        );
        may_publish(
            &sanitizer(),
            &format!("sg/1/acme/branch/down/{topic}"),
            Ok(Rule::TenantDown),
        );
        may_publish(
            &sanitizer(),
            &format!("sg/1/globex/hq/down/{topic}"),
            Err(Denial::OtherTenant),
        );
        may_publish(
            &sanitizer(),
            &format!("sg/1/acme2/hq/down/{topic}"),
            Err(Denial::OtherTenant),
        );
    }
    for topic in ["reply", "presence", "push/devices"] {
        may_publish(
            &sanitizer(),
            &format!("sg/1/acme/hq/up/{topic}"),
            Err(Denial::Direction),
        );
    }
}

#[test]
fn revocation_lists_go_to_the_enrolment_door_and_nothing_else_does_but_admissions() {
    let enrolment = Session::Sanitizer("enrolment".parse().unwrap());
    for (own, foreign) in [("admission", "ack"), ("crl", "pull/devices")] {
        let door = |channel: &str| format!("sg/1/enrolment/door/down/{channel}");
        may_publish(&enrolment, &door(own), Ok(Rule::TenantDown));
        may_publish(&enrolment, &door(foreign), Err(Denial::Door));
        may_publish(&sanitizer(), &door(own), Err(Denial::OtherTenant));
        may_publish(
            &enrolment,
            &format!("sg/1/enrolment/door2/down/{own}"),
            Err(Denial::Door),
        );
        may_publish(
            &enrolment,
            &format!("sg/1/acme/hq/down/{own}"),
            Err(Denial::OtherTenant),
        );
    }
    may_publish(&sanitizer(), "sg/1/acme/hq/down/crl", Err(Denial::Door));
    may_publish(&sanitizer(), "sg/1/acme/door/down/crl", Err(Denial::Door));
    for topic in ["enrol", "crl", "presence"] {
        let refused = if topic == "crl" {
            Denial::Grammar
        } else {
            Denial::Direction
        };
        may_publish(
            &enrolment,
            &format!("sg/1/enrolment/door/up/{topic}"),
            Err(refused),
        );
    }
    may_subscribe(&enrolment, "sg/1/enrolment/+/up/#", Ok(Rule::TenantUp));
    may_subscribe(&enrolment, "sg/1/acme/+/up/#", Err(Denial::OtherTenant));
}

#[test]
fn a_permit_says_where_its_message_goes() {
    let up = publish(
        &satellite(),
        &message("sg/1/acme/hq/up/reply", Qos::AtLeastOnce, false),
    )
    .unwrap();
    assert_eq!(up.route(), &Route::Up);
    let down = publish(
        &sanitizer(),
        &message("sg/1/acme/branch/down/ack", Qos::AtLeastOnce, false),
    )
    .unwrap();
    assert_eq!(down.route(), &Route::Down(address("acme", "branch")));
}

#[test]
fn nothing_is_retained_and_nothing_goes_exactly_once() {
    let topic = "sg/1/acme/hq/up/reply";
    let decide = |qos, retain| {
        publish(&satellite(), &message(topic, qos, retain)).map(|permit| permit.rule())
    };
    assert_eq!(decide(Qos::AtLeastOnce, false), Ok(Rule::OwnUp));
    assert_eq!(decide(Qos::AtLeastOnce, true), Err(Denial::Retain));
    assert_eq!(decide(Qos::ExactlyOnce, false), Err(Denial::QosTwo));
    let filter = "sg/1/acme/hq/down/#";
    assert_eq!(
        subscribe(&satellite(), filter, Qos::AtMostOnce).map(|permit| permit.qos()),
        Ok(Qos::AtMostOnce)
    );
    assert_eq!(
        subscribe(&satellite(), filter, Qos::ExactlyOnce).map(|permit| permit.qos()),
        Err(Denial::QosTwo)
    );
    assert_eq!(
        subscribe(&sanitizer(), "sg/1/acme/+/up/#", Qos::ExactlyOnce).map(|permit| permit.qos()),
        Err(Denial::QosTwo)
    );
}

#[test]
fn what_passes_the_sanitizer_is_acknowledged() {
    #[track_caller]
    fn check(session: &Session, topic: &str, rule: Rule) {
        let decide =
            |qos| publish(session, &message(topic, qos, false)).map(|permit| permit.rule());
        assert_eq!(decide(Qos::AtMostOnce), Err(Denial::QosZero), "{topic}");
        assert_eq!(decide(Qos::AtLeastOnce), Ok(rule), "{topic}");
    }
    for channel in ["reply", "push/devices", "hello", "status"] {
        let topic = format!("sg/1/acme/hq/up/{channel}");
        check(&satellite(), &topic, Rule::OwnUp);
    }
    check(&sanitizer(), "sg/1/acme/hq/down/ack", Rule::TenantDown);
    let hear = |qos| subscribe(&sanitizer(), "sg/1/acme/+/up/#", qos).map(|permit| permit.qos());
    assert_eq!(hear(Qos::AtMostOnce), Err(Denial::QosZero));
    assert_eq!(hear(Qos::AtLeastOnce), Ok(Qos::AtLeastOnce));
}

#[test]
fn a_satellite_subscribes_to_its_own_down_or_less() {
    let own = [
        "#",
        "pull/#",
        "pull/+",
        "pull/devices",
        "ack",
        "command/#",
        "command/+",
        "command/deploy",
    ];
    for below in own {
        may_subscribe(
            &satellite(),
            &format!("sg/1/acme/hq/down/{below}"),
            Ok(Rule::OwnDown),
        );
        may_subscribe(
            &satellite(),
            &format!("sg/1/globex/hq/down/{below}"),
            Err(Denial::OtherTenant),
        );
        may_subscribe(
            &satellite(),
            &format!("sg/1/acme2/hq/down/{below}"),
            Err(Denial::OtherTenant),
        );
        may_subscribe(
            &satellite(),
            &format!("sg/1/acme/branch/down/{below}"),
            Err(Denial::OtherSatellite),
        );
        may_subscribe(
            &satellite(),
            &format!("sg/1/acme/hq2/down/{below}"),
            Err(Denial::OtherSatellite),
        );
        may_subscribe(
            &satellite(),
            &format!("$share/g/sg/1/acme/hq/down/{below}"),
            Err(Denial::Filter),
        );
    }
}

#[test]
fn a_satellite_subscribes_to_nothing_wider_and_nothing_beside() {
    for text in [
        "",
        "#",
        "+",
        "+/#",
        "+/+/#",
        "$SYS/#",
        "$share/g/#",
        "sg/#",
        "sg/1/#",
        "sg/1/+/hq/down/#",
        "sg/1/acme/#",
        "sg/1/acme/hq/#",
        "sg/1/acme/hq/+/#",
        "sg/1/acme/hq/+/ack",
        "sg/1/acme/hq/down",
        "sg/1/acme/hq/down/",
        "sg/1/acme/hq/down/+/#",
        "sg/1/acme/hq/down/pull",
        "sg/1/acme/hq/down/#/x",
        "sg/1/acme/hq/down/other",
        "/sg/1/acme/hq/down/#",
        "+/1/acme/hq/down/#",
    ] {
        may_subscribe(&satellite(), text, Err(Denial::Filter));
    }
    may_subscribe(
        &satellite(),
        "sg/1/acme/hq/up/reply",
        Err(Denial::Direction),
    );
    may_subscribe(&satellite(), "sg/1/acme/hq/up/#", Err(Denial::Filter));
    may_subscribe(
        &satellite(),
        "sg/1/acme/+/down/#",
        Err(Denial::OtherSatellite),
    );
}

#[test]
fn the_sanitizer_subscribes_to_exactly_one_filter_per_tenant() {
    may_subscribe(&sanitizer(), "sg/1/acme/+/up/#", Ok(Rule::TenantUp));
    may_subscribe(&sanitizer(), "sg/1/globex/+/up/#", Err(Denial::OtherTenant));
    may_subscribe(&sanitizer(), "sg/1/acme2/+/up/#", Err(Denial::OtherTenant));
    for text in [
        "#",
        "sg/1/+/+/up/#",
        "sg/1/acme/#",
        "sg/1/acme/+/+/#",
        "sg/1/acme/+/down/#",
        "sg/1/acme/hq/up/#",
        "$share/g/sg/1/acme/+/up/#",
        "$SYS/#",
    ] {
        may_subscribe(&sanitizer(), text, Err(Denial::Filter));
    }
}

#[test]
fn the_open_listener_knows_only_the_rules_of_mqtt() {
    let open = Session::Open("suite".into());
    for topic in ["a", "a/b", "/", "/a", "$SYS/x", "TopicA/C", "ä"] {
        may_publish(&open, topic, Ok(Rule::Open));
    }
    for topic in ["", "a/#", "+", "a+b", &"x".repeat(1_025)] {
        may_publish(&open, topic, Err(Denial::Name));
    }
    for filter in ["#", "+", "a/#", "+/+", "/+", "a/+/b", "$SYS/#"] {
        may_subscribe(&open, filter, Ok(Rule::Open));
    }
    for filter in ["", "a#", "#/a", "a/#/b", "a+", "+a/b"] {
        may_subscribe(&open, filter, Err(Denial::Name));
    }
    let granted = subscribe(&open, "a", Qos::ExactlyOnce).map(|permit| permit.qos());
    assert_eq!(granted, Ok(Qos::AtLeastOnce));
    assert_eq!(
        connect_open(&connecting(""), || "made-up".into()),
        Ok(Session::Open("made-up".into()))
    );
    let mut unnamed = connecting("");
    unnamed.clean_session = false;
    assert_eq!(
        connect_open(&unnamed, || "made-up".into()),
        Err(Denial::ClientId)
    );
}

#[test]
fn every_denial_has_a_name_of_its_own() {
    let mut names: Vec<_> = Denial::ALL.iter().map(|denial| denial.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Denial::ALL.len());
}

fn any_id() -> impl Strategy<Value = String> {
    // Few letters and lengths, so that ids are often prefixes of one another, or the same.
    "[a-b]{2,4}|a-b|sanitizer|enrolment|door"
}

fn any_topic() -> impl Strategy<Value = Topic> {
    let channel = prop_oneof![
        any_id().prop_map(|name| Channel::Pull(name.parse().unwrap())),
        any_id().prop_map(|name| Channel::Push(name.parse().unwrap())),
        prop::sample::select(Verb::ALL.to_vec()).prop_map(Channel::Command),
        prop::sample::select(vec![
            Channel::Ack,
            Channel::Reply,
            Channel::Result,
            Channel::Hello,
            Channel::Status,
            Channel::Presence,
            Channel::Enrol,
            Channel::Admission,
            Channel::Crl
        ]),
    ];
    (any_id(), any_id(), channel)
        .prop_map(|(tenant, satellite, channel)| Topic::new(address(&tenant, &satellite), channel))
}

fn any_session() -> impl Strategy<Value = Session> {
    prop_oneof![
        (any_id(), any_id())
            .prop_map(|(tenant, satellite)| Session::Satellite(address(&tenant, &satellite))),
        any_id().prop_map(|tenant| Session::Sanitizer(tenant.parse().unwrap())),
    ]
}

/// Filters that somebody might be allowed, with wildcards dropped in anywhere.
fn any_filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![4 => "sg|1|up|down|pull|push|ack|reply|command|deploy", 4 => any_id(), 2 => "[+#]", 1 => "\\PC{0,3}"];
    let mangled = (
        any_topic(),
        prop::collection::vec(prop::option::weighted(0.3, "[+#]"), 7),
    )
        .prop_map(|(topic, wild)| {
            let levels: Vec<String> = topic
                .to_string()
                .split('/')
                .zip(wild)
                .map(|(level, wild)| wild.unwrap_or_else(|| level.to_owned()))
                .collect();
            levels.join("/")
        });
    prop_oneof![
        prop::collection::vec(level, 1..8).prop_map(|levels| levels.join("/")),
        mangled,
        (any_id(), any_id())
            .prop_map(|(tenant, satellite)| filter::satellite_down(&address(&tenant, &satellite))),
        any_id().prop_map(|tenant| filter::tenant_up(&tenant.parse().unwrap())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Isolation, receiving: what a session is allowed to hear is of its own tenant, goes its way, and for a satellite
    /// is its own.
    #[test]
    fn no_allowed_filter_matches_a_topic_of_somebody_else(session in any_session(), filter in any_filter(), topic in any_topic()) {
        if subscribe(&session, &filter, Qos::AtLeastOnce).is_ok() && filter::matches(&filter, &topic.to_string()) {
            prop_assert_eq!(Some(&topic.address.tenant), session.tenant());
            match &session {
                Session::Satellite(own) => {
                    prop_assert_eq!(&topic.address, own);
                    prop_assert_eq!(topic.channel.direction(), Direction::Down);
                }
                _ => prop_assert_eq!(topic.channel.direction(), Direction::Up),
            }
        }
    }

    /// Isolation, sending: what a session may say is heard under no filter that anybody of another tenant may use.
    #[test]
    fn no_allowed_publish_is_heard_by_another_tenant(speaker in any_session(), hearer in any_session(), filter in any_filter(), topic in any_topic()) {
        let text = topic.to_string();
        if publish(&speaker, &message(&text, Qos::AtLeastOnce, false)).is_ok() {
            prop_assert_eq!(Some(&topic.address.tenant), speaker.tenant());
            let hears = subscribe(&hearer, &filter, Qos::AtLeastOnce).is_ok() && filter::matches(&filter, &text);
            prop_assert!(!hears || hearer.tenant() == speaker.tenant());
        }
    }

    /// Default deny: no text at all lets a satellite speak outside its own `up/`.
    #[test]
    fn any_text_is_decided_and_only_own_topics_are_allowed(text in "\\PC{0,60}|sg/1/[a-c/+#$]{0,30}") {
        let own = Session::Satellite(address("ab", "ba"));
        if publish(&own, &message(&text, Qos::AtLeastOnce, false)).is_ok() {
            prop_assert!(text.starts_with("sg/1/ab/ba/up/"));
        }
        if subscribe(&own, &text, Qos::AtMostOnce).is_ok() {
            prop_assert!(text.starts_with("sg/1/ab/ba/down/"));
        }
    }
}
