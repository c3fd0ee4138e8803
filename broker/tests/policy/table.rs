//! Every channel × whose topic × who asks × publish or subscribe × quality of service and retain flag.

use spokegate_broker::packet::{Connect, Qos};
use spokegate_broker::policy::{self, Denial, KeepAlive, Rule, Session};
use spokegate_contract::{Channel, Direction, Topic, Verb};
use spokegate_identity::{Principal, ServiceName};

use crate::{address, oracle, publishes, subscribes};

fn channels() -> Vec<Channel> {
    Channel::all(&"devices".parse().unwrap())
}

/// What the four askers get on their own topic of a channel.
struct Row {
    satellite_publishes: Result<Rule, Denial>,
    satellite_subscribes: Result<Rule, Denial>,
    sanitizer_publishes: Result<Rule, Denial>,
}

const DOWN: Row = Row {
    satellite_publishes: Err(Denial::Direction),
    satellite_subscribes: Ok(Rule::OwnDown),
    sanitizer_publishes: Ok(Rule::TenantDown),
};

const UP: Row = Row {
    satellite_publishes: Ok(Rule::OwnUp),
    satellite_subscribes: Err(Denial::Direction),
    sanitizer_publishes: Err(Denial::Direction),
};

const PRESENCE: Row = Row {
    satellite_publishes: Err(Denial::Presence),
    ..UP
};

/// Revocation lists are for the enrolment door alone.
const LIST: Row = Row {
    sanitizer_publishes: Err(Denial::Door),
    ..DOWN
};

/// Without a wildcard arm: a new channel does not compile until its row is written.
fn row(channel: &Channel) -> Row {
    match channel {
        Channel::Pull(_)
        | Channel::Ack
        | Channel::Command(_)
        | Channel::Parcel
        | Channel::Admission => DOWN,
        Channel::Reply
        | Channel::Push(_)
        | Channel::Result
        | Channel::Hello
        | Channel::Status
        | Channel::Enrol => UP,
        Channel::Crl => LIST,
        Channel::Presence => PRESENCE,
    }
}

/// Addresses as `acme/hq` sees them, and what it is told of each; some begin like its own.
const OWNERS: [(&str, &str, Option<Denial>); 9] = [
    ("acme", "hq", None),
    ("acme", "branch", Some(Denial::OtherSatellite)),
    ("acme", "hq2", Some(Denial::OtherSatellite)),
    ("acme", "hq-2", Some(Denial::OtherSatellite)),
    ("globex", "hq", Some(Denial::OtherTenant)),
    ("globex", "branch", Some(Denial::OtherTenant)),
    ("acme2", "hq", Some(Denial::OtherTenant)),
    ("acm", "hq", Some(Denial::OtherTenant)),
    ("hq", "acme", Some(Denial::OtherTenant)),
];

/// Counts what it checks, so that the table cannot shrink unseen.
#[derive(Default)]
struct Table {
    allowed: usize,
    refused: usize,
}

impl Table {
    #[track_caller]
    fn check(&mut self, what: &str, decided: Result<Rule, Denial>, expected: Result<Rule, Denial>) {
        assert_eq!(decided, expected, "{what}");
        match expected {
            Ok(_) => self.allowed += 1,
            Err(_) => self.refused += 1,
        }
    }

    fn publish(&mut self, session: &Session, topic: &str, expected: Result<Rule, Denial>) {
        let what = format!("{session:?} publishes {topic}");
        let decided = publishes(session, topic, Qos::AtLeastOnce, false);
        self.check(&what, decided, expected);
        assert_eq!(
            oracle::may_publish(session, topic),
            expected.is_ok(),
            "{what}: oracle"
        );
        let decided = publishes(session, topic, Qos::AtMostOnce, false);
        self.check(&what, decided, Err(Denial::QosZero));
        let decided = publishes(session, topic, Qos::ExactlyOnce, false);
        self.check(&what, decided, Err(Denial::QosTwo));
        let decided = publishes(session, topic, Qos::AtLeastOnce, true);
        self.check(&what, decided, Err(Denial::Retain));
    }

    fn subscribe(&mut self, session: &Session, filter: &str, expected: Result<Rule, Denial>) {
        let what = format!("{session:?} subscribes {filter}");
        self.check(
            &what,
            subscribes(session, filter, Qos::AtLeastOnce),
            expected,
        );
        assert_eq!(
            oracle::may_subscribe(session, filter),
            expected.is_ok(),
            "{what}: oracle"
        );
        let zero = match session {
            Session::Satellite(_) => expected,
            _ => Err(Denial::QosZero),
        };
        self.check(&what, subscribes(session, filter, Qos::AtMostOnce), zero);
        let decided = subscribes(session, filter, Qos::ExactlyOnce);
        self.check(&what, decided, Err(Denial::QosTwo));
    }
}

/// What is expected on the topic of an owner: the row's word on one's own, and who it is on all others.
fn on(owner: Option<Denial>, own: Result<Rule, Denial>) -> Result<Rule, Denial> {
    owner.map_or(own, Err)
}

#[test]
fn every_channel_by_owner_asker_and_action() {
    let satellite = Session::Satellite(address("acme", "hq"));
    let sanitizer = Session::Sanitizer("acme".parse().unwrap());
    let mut table = Table::default();
    for channel in channels() {
        let row = row(&channel);
        for (tenant, name, owner) in OWNERS {
            let topic = Topic::new(address(tenant, name), channel.clone()).to_string();
            table.publish(&satellite, &topic, on(owner, row.satellite_publishes));
            table.subscribe(&satellite, &topic, on(owner, row.satellite_subscribes));
            // To the sanitizer every satellite of its tenant is as good as another; it hears them all or none.
            let owner = owner.filter(|denial| *denial == Denial::OtherTenant);
            table.publish(&sanitizer, &topic, on(owner, row.sanitizer_publishes));
            table.subscribe(&sanitizer, &topic, on(owner, Err(Denial::Filter)));
        }
    }
    println!(
        "policy table: {} allowed, {} refused",
        table.allowed, table.refused
    );
    assert!(
        table.allowed > 20 && table.refused > 20 * table.allowed,
        "the table shrank"
    );
}

#[test]
fn wildcards_in_any_level_of_any_channel_open_nothing() {
    let satellite = Session::Satellite(address("acme", "hq"));
    let sanitizer = Session::Sanitizer("acme".parse().unwrap());
    let (mut allowed, mut refused) = (Vec::new(), 0);
    for channel in channels() {
        let topic = Topic::new(address("acme", "hq"), channel).to_string();
        let levels: Vec<&str> = topic.split('/').collect();
        // Each level replaced, by both wildcards; and each prefix cut off by `#`.
        for at in 0..levels.len() {
            for wild in ["+", "#"] {
                let mut filter = levels.clone();
                filter[at] = wild;
                let (whole, cut) = (filter.join("/"), filter[..=at].join("/"));
                for filter in [whole, cut] {
                    for session in [&satellite, &sanitizer] {
                        let permitted = subscribes(session, &filter, Qos::AtLeastOnce).is_ok();
                        assert_eq!(
                            permitted,
                            oracle::may_subscribe(session, &filter),
                            "{filter}"
                        );
                        match permitted {
                            true => allowed.push(filter.clone()),
                            false => refused += 1,
                        }
                    }
                }
            }
        }
    }
    allowed.sort_unstable();
    allowed.dedup();
    let own = ["#", "command/#", "command/+", "pull/#", "pull/+"];
    assert_eq!(allowed, own.map(|rest| format!("sg/1/acme/hq/down/{rest}")));
    assert!(refused > 500, "{refused}");
}

#[test]
fn the_oracle_knows_the_channels_that_there_are() {
    let own = address("acme", "hq");
    let mut spelled: Vec<_> = channels()
        .into_iter()
        .map(|channel| {
            let topic = Topic::new(own.clone(), channel.clone());
            let up = channel.direction() == Direction::Up;
            (
                up,
                channel.as_str(),
                topic.to_string().split('/').count() == 7,
            )
        })
        .collect();
    spelled.sort_unstable();
    spelled.dedup();
    let mut known: Vec<_> = oracle::CHANNELS
        .map(|(way, level, name)| (way == "up", level, name != oracle::Name::None))
        .into();
    known.sort_unstable();
    assert_eq!(spelled, known);
    assert_eq!(Verb::ALL.map(Verb::as_str), oracle::VERBS);
}

#[test]
fn no_service_but_the_sanitizer_gets_a_session_whatever_it_calls_itself() {
    let keep_alive = KeepAlive { max_s: 300 };
    let ids = [
        "",
        "acme.hq",
        "sanitizer.acme",
        "sanitizer",
        "acme",
        "provisioner",
        "#",
    ];
    for service in ServiceName::ALL {
        for id in ids {
            let connect = Connect {
                level: 4,
                client_id: id.to_owned(),
                keep_alive_s: 30,
                clean_session: true,
                will: None,
                credentials: false,
            };
            let decided = policy::connect(&Principal::Service(service), &connect, keep_alive);
            let expected = match (service, id) {
                (ServiceName::Sanitizer, "sanitizer.acme") => {
                    Ok(Session::Sanitizer("acme".parse().unwrap()))
                }
                (ServiceName::Sanitizer, _) => Err(Denial::ClientId),
                _ => Err(Denial::Service),
            };
            assert_eq!(decided, expected, "{service} as {id:?}");
        }
    }
}
