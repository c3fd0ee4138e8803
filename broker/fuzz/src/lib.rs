//! What the fuzz target of the policy does with its input, and the oracle that it asks. The crate's tests replay the
//! corpus through the same functions, and their properties use the same matcher.
//!
//! The oracle is a second opinion: it is written from the rules on paper and shares no code with the policy, nor with
//! the contract's grammar and matcher.

use spokegate_broker::packet::{Publish, Qos};
use spokegate_broker::policy::{self, Session};
use spokegate_contract::Address;

/// What follows a channel's level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// Nothing.
    None,
    /// A dataset's id.
    Dataset,
    /// One of [`VERBS`].
    Verb,
}

/// Every channel: its direction, its level, and what follows.
pub const CHANNELS: [(&str, &str, Name); 13] = [
    ("down", "pull", Name::Dataset),
    ("down", "ack", Name::None),
    ("down", "command", Name::Verb),
    ("down", "parcel", Name::None),
    ("up", "reply", Name::None),
    ("up", "push", Name::Dataset),
    ("up", "result", Name::None),
    ("up", "hello", Name::None),
    ("up", "status", Name::None),
    ("up", "enrol", Name::None),
    ("down", "admission", Name::None),
    ("down", "crl", Name::None),
    ("up", "presence", Name::None),
];

/// Every command.
pub const VERBS: [&str; 5] = ["deploy", "renew", "restart", "secret", "update"];

/// Bytes that a topic may have.
const TOPIC_BYTES: usize = 256;
/// Bytes that a name on the open listener may have.
const OPEN_BYTES: usize = 1_024;

/// Whether a filter matches a topic: MQTT 3.1.1 §4.7, read level by level.
pub fn matches(filter: &str, topic: &str) -> bool {
    fn below(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) => true,
            (["+", filter @ ..], [_, topic @ ..]) => below(filter, topic),
            ([level, filter @ ..], [name, topic @ ..]) => level == name && below(filter, topic),
            ([], []) => true,
            _ => false,
        }
    }
    let (filter, topic): (Vec<&str>, Vec<&str>) =
        (filter.split('/').collect(), topic.split('/').collect());
    let wild_first = matches!(filter[0], "+" | "#");
    !(wild_first && topic[0].starts_with('$')) && below(&filter, &topic)
}

/// Whether a text may name a tenant, a satellite or a dataset.
fn is_id(text: &str) -> bool {
    let alphanumeric = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let bytes = text.as_bytes();
    (2..=40).contains(&bytes.len())
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
        && bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
}

/// A topic's tenant, satellite, direction and channel, when it is one of the fabric's.
fn read(topic: &str) -> Option<(&str, &str, &str, &str)> {
    let levels: Vec<&str> = topic.split('/').collect();
    let (head, tail) = levels.split_at_checked(6)?;
    let &[product, version, tenant, satellite, direction, channel] = head else {
        return None;
    };
    let whose = product == "sg" && version == "1" && is_id(tenant) && is_id(satellite);
    let known = CHANNELS.iter().any(|(way, level, name)| {
        let named = match (name, tail) {
            (Name::None, []) => true,
            (Name::Dataset, [dataset]) => is_id(dataset),
            (Name::Verb, [verb]) => VERBS.contains(verb),
            _ => false,
        };
        (*way, *level) == (direction, channel) && named
    });
    (topic.len() <= TOPIC_BYTES && whose && known)
        .then_some((tenant, satellite, direction, channel))
}

/// Whether a session may publish with QoS 1 on a topic.
pub fn may_publish(session: &Session, topic: &str) -> bool {
    let read = read(topic);
    match session {
        Session::Satellite(own) => read.is_some_and(|(tenant, satellite, way, channel)| {
            (tenant, satellite, way) == (own.tenant.as_str(), own.satellite.as_str(), "up")
                && channel != "presence"
        }),
        // The enrolment door takes these two and nobody else the second; a satellite takes all the others.
        Session::Sanitizer(own) => read.is_some_and(|(tenant, satellite, way, channel)| {
            let has_it = match (tenant, satellite) {
                ("enrolment", "door") => ["admission", "crl"].contains(&channel),
                ("enrolment", _) => false,
                _ => channel != "crl",
            };
            (tenant, way) == (own.as_str(), "down") && has_it
        }),
        Session::Open(_) => (1..=OPEN_BYTES).contains(&topic.len()) && !topic.contains(['+', '#']),
    }
}

/// Whether a session may subscribe with QoS 1 to a filter.
pub fn may_subscribe(session: &Session, filter: &str) -> bool {
    match session {
        Session::Satellite(own) => {
            let below = format!("sg/1/{}/{}/down/", own.tenant, own.satellite);
            let listed = ["#", "pull/#", "pull/+", "command/#", "command/+"];
            filter
                .strip_prefix(&below)
                .is_some_and(|rest| listed.contains(&rest) || read(filter).is_some())
        }
        Session::Sanitizer(own) => filter == format!("sg/1/{own}/+/up/#"),
        Session::Open(_) => {
            let levels: Vec<&str> = filter.split('/').collect();
            let last = levels.len() - 1;
            let valid = |(at, level): (usize, &&str)| match *level {
                "#" => at == last,
                "+" => true,
                other => !other.contains(['#', '+']),
            };
            (1..=OPEN_BYTES).contains(&filter.len()) && levels.iter().enumerate().all(valid)
        }
    }
}

/// The sessions that the target lets decide; ids that begin alike are among them.
pub fn sessions() -> Vec<Session> {
    let id = |text: &str| text.parse().expect("a valid id");
    let satellite = |tenant, name| {
        Session::Satellite(Address::new(
            id(tenant),
            str::parse(name).expect("a valid id"),
        ))
    };
    vec![
        satellite("acme", "hq"),
        satellite("acme", "hq2"),
        satellite("acme2", "hq"),
        satellite("acm", "down"),
        Session::Sanitizer(id("acme")),
        Session::Sanitizer(id("acme2")),
        Session::Sanitizer(id("up")),
        Session::Sanitizer(id("enrolment")),
        Session::Open("suite".to_owned()),
    ]
}

/// Whatever a client writes as topic or filter, policy and oracle agree, and what is allowed stays with its owner.
///
/// The first byte picks the session, the second the quality of service and the retain flag; the rest is the text.
///
/// # Panics
/// When they do not.
pub fn policy(bytes: &[u8]) {
    let [who, how, text @ ..] = bytes else { return };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let sessions = sessions();
    let session = &sessions[usize::from(*who) % sessions.len()];
    let fabric = !matches!(session, Session::Open(_));
    let (qos, retain) = (Qos::from_bits(how & 3), how & 4 != 0);
    let qos = qos.unwrap_or(Qos::AtLeastOnce);
    let message = Publish {
        topic: text.to_owned(),
        packet_id: 1,
        qos,
        retain,
        payload: Default::default(),
    };
    let sound = match qos {
        Qos::AtMostOnce => !fabric,
        Qos::AtLeastOnce => true,
        Qos::ExactlyOnce => !fabric,
    };
    let published = policy::publish(session, &message).is_ok();
    let expected = may_publish(session, text) && sound && !(fabric && retain);
    assert_eq!(published, expected, "{session:?} publishes {message:?}");

    let subscribed = policy::subscribe(session, text, qos).is_ok();
    let sound = match (session, qos) {
        (Session::Open(_), _) => true,
        (Session::Satellite(_), qos) => qos != Qos::ExactlyOnce,
        (Session::Sanitizer(_), qos) => qos == Qos::AtLeastOnce,
    };
    let expected = may_subscribe(session, text) && sound;
    assert_eq!(
        subscribed, expected,
        "{session:?} subscribes {text:?} {qos:?}"
    );
    if fabric {
        apart(session, &sessions, text, published, subscribed);
    }
}

/// What one session may say or hear is nothing that a session of another tenant may hear or say.
fn apart(session: &Session, sessions: &[Session], text: &str, published: bool, subscribed: bool) {
    for other in sessions
        .iter()
        .filter(|other| !matches!(other, Session::Open(_)))
    {
        if other.tenant() == session.tenant() {
            continue;
        }
        let whole = match other {
            Session::Satellite(own) => format!("sg/1/{}/{}/down/#", own.tenant, own.satellite),
            _ => format!("sg/1/{}/+/up/#", other.tenant().expect("not the open cell")),
        };
        assert!(
            !(published && matches(&whole, text)),
            "{other:?} would hear {text:?}"
        );
        for (way, channel, name) in CHANNELS {
            let tenant = other.tenant().expect("not the open cell");
            let name = match name {
                Name::None => "",
                Name::Dataset => "/devices",
                Name::Verb => "/deploy",
            };
            let topic = format!("sg/1/{tenant}/hq/{way}/{channel}{name}");
            assert!(
                !(subscribed && matches(text, &topic)),
                "{session:?} would hear {topic:?}"
            );
        }
    }
}
