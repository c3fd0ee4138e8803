//! Isolation over generated names: what policy allows one party never meets what belongs to another, by a matcher that
//! is not the broker's. Topics are made from the very filter under test, so that a filter which reaches too far is met
//! by a topic that shows it.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use spokegate_broker::packet::Qos;
use spokegate_broker::policy::Session;

use crate::{address, oracle, publishes, subscribes};

const CASES: u32 = 20_000;

/// Few letters and lengths: ids are often the beginning of one another, or a level's own word.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![8 => "ab", 4 => "aba|ba", 1 => "a-b|abb", 1 => "sg|up|down|sanitizer|pull|push|enrolment|door"]
}

fn session() -> impl Strategy<Value = Session> {
    prop_oneof![
        (id(), id()).prop_map(|(tenant, name)| Session::Satellite(address(&tenant, &name))),
        id().prop_map(|tenant| Session::Sanitizer(tenant.parse().unwrap())),
    ]
}

/// Any channel below an address, sometimes with a level too many or too few.
fn topic() -> impl Strategy<Value = String> {
    let channel = (
        0..oracle::CHANNELS.len(),
        id(),
        0..oracle::VERBS.len(),
        0..20_u8,
    );
    let channel = channel.prop_map(|(at, dataset, verb, odd)| {
        let (way, level, name) = oracle::CHANNELS[at];
        let name = match name {
            oracle::Name::None => String::new(),
            oracle::Name::Dataset => format!("/{dataset}"),
            oracle::Name::Verb => format!("/{}", oracle::VERBS[verb]),
        };
        match odd {
            0 => format!("{way}/{level}{name}/more"),
            1 => way.to_owned(),
            2 => format!("{way}/"),
            _ => format!("{way}/{level}{name}"),
        }
    });
    (id(), id(), channel).prop_map(|(tenant, name, rest)| format!("sg/1/{tenant}/{name}/{rest}"))
}

/// Filters: the ones in use, topics with wildcards dropped in anywhere, `$share` before them, and any text.
fn filter() -> impl Strategy<Value = String> {
    let wild = prop::collection::vec(prop::option::weighted(0.25, "[+#]"), 8);
    let mangled = (topic(), wild, 0..8_usize).prop_map(|(topic, wild, keep)| {
        let levels = topic.split('/').zip(wild);
        let mangled = levels.map(|(level, wild)| wild.unwrap_or_else(|| level.to_owned()));
        let mut levels: Vec<String> = mangled.collect();
        if levels.iter().any(|level| level == "#") {
            levels.truncate(keep.max(1));
        }
        levels.join("/")
    });
    let mangled = mangled.boxed();
    prop_oneof![
        3 => (id(), id(), "#|pull/#|pull/\\+|command/#|ack|pull/ab").prop_map(|(tenant, name, rest)| format!("sg/1/{tenant}/{name}/down/{rest}")),
        3 => id().prop_map(|tenant| format!("sg/1/{tenant}/+/up/#")),
        4 => mangled.clone(),
        1 => mangled.prop_map(|filter| format!("$share/g/{filter}")),
        1 => "\\PC{0,40}",
    ]
}

/// A topic that the filter is likely to match: literal levels stay, wildcards are filled with somebody's words.
fn met_by(filter: &str, fill: &[String]) -> String {
    let mut fill = fill.iter().cycle();
    let mut next = || fill.next().unwrap().clone();
    let mut levels = Vec::new();
    for level in filter.split('/') {
        match level {
            "+" => levels.push(next()),
            "#" => levels.extend([next(), next()]),
            other => levels.push(other.to_owned()),
        }
    }
    levels.join("/")
}

/// Whose a topic is, read from its levels alone.
fn owner(topic: &str) -> Option<(&str, &str, &str)> {
    let levels: Vec<&str> = topic.split('/').collect();
    match levels[..] {
        ["sg", "1", tenant, satellite, way, ..] => Some((tenant, satellite, way)),
        _ => None,
    }
}

/// What a session may hear is its own tenant's; a satellite's is its own and comes down, a sanitizer's goes up.
fn hears_rightly(session: &Session, topic: &str) -> bool {
    match (session, owner(topic)) {
        (_, None) => false,
        (Session::Satellite(own), Some(owner)) => {
            owner == (own.tenant.as_str(), own.satellite.as_str(), "down")
        }
        (Session::Sanitizer(own), Some((tenant, _, way))) => (tenant, way) == (own.as_str(), "up"),
        (Session::Open(_), _) => true,
    }
}

/// Runs a property and says how often its premise held; a property that never got that far proves nothing.
fn property<S: Strategy>(
    name: &str,
    strategy: S,
    holds: impl Fn(S::Value) -> Result<bool, String>,
) {
    let met = Cell::new(0_u32);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(CASES)
    });
    let outcome = runner.run(&strategy, |value| {
        met.set(met.get() + u32::from(holds(value).map_err(TestCaseError::fail)?));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    println!("{name}: {CASES} cases, in {} the premise held", met.get());
    assert!(met.get() > CASES / 40, "{name}: {} of {CASES}", met.get());
}

#[test]
fn no_filter_that_is_allowed_matches_a_topic_of_somebody_else() {
    let words = prop::collection::vec(
        prop_oneof![id(), Just("up".to_owned()), Just("down".to_owned())],
        3,
    );
    let strategy = (session(), filter(), words, topic());
    property(
        "allowed filters hear their own only",
        strategy,
        |(session, filter, words, topic)| {
            if subscribes(&session, &filter, Qos::AtLeastOnce).is_err() {
                return Ok(false);
            }
            for topic in [met_by(&filter, &words), topic] {
                if oracle::matches(&filter, &topic) && !hears_rightly(&session, &topic) {
                    return Err(format!("{session:?} hears {topic} by {filter}"));
                }
            }
            Ok(true)
        },
    );
}

#[test]
fn no_publish_that_is_allowed_is_heard_by_another_tenant_or_satellite() {
    let strategy = (session(), topic(), session(), filter());
    property(
        "allowed publishes stay in the tenant",
        strategy,
        |(speaker, topic, hearer, filter)| {
            if publishes(&speaker, &topic, Qos::AtLeastOnce, false).is_err() {
                return Ok(false);
            }
            // The hearer's own whole filter, and whatever else it may subscribe to.
            let whole = match &hearer {
                Session::Satellite(own) => format!("sg/1/{own}/down/#"),
                Session::Sanitizer(own) => format!("sg/1/{own}/+/up/#"),
                Session::Open(_) => unreachable!("no open session is made here"),
            };
            for filter in [whole, filter] {
                let hears = subscribes(&hearer, &filter, Qos::AtLeastOnce).is_ok()
                    && oracle::matches(&filter, &topic);
                let rightly = hearer.tenant() == speaker.tenant() && hears_rightly(&hearer, &topic);
                if hears && !rightly {
                    return Err(format!(
                        "{speaker:?} is heard by {hearer:?} on {topic} by {filter}"
                    ));
                }
                let satellites = matches!(
                    (&speaker, &hearer),
                    (Session::Satellite(_), Session::Satellite(_))
                );
                if hears && satellites {
                    return Err(format!("{speaker:?} speaks to {hearer:?} on {topic}"));
                }
            }
            Ok(true)
        },
    );
}

#[test]
fn tenants_and_satellites_with_the_same_names_elsewhere_are_strangers() {
    // The same two words in every arrangement, so that a check of the wrong level would pass.
    let strategy = (id(), id(), topic(), filter(), prop::bool::ANY);
    property(
        "levels are not mixed up",
        strategy,
        |(one, two, topic, filter, upward)| {
            let own = Session::Satellite(address(&one, &two));
            let swapped = format!(
                "sg/1/{two}/{one}/{}",
                if upward { "up/status" } else { "down/ack" }
            );
            if one != two {
                if publishes(&own, &swapped, Qos::AtLeastOnce, false).is_ok() {
                    return Err(format!("{own:?} publishes {swapped}"));
                }
                if subscribes(&own, &swapped, Qos::AtLeastOnce).is_ok() {
                    return Err(format!("{own:?} subscribes {swapped}"));
                }
            }
            for text in [&topic, &filter, &swapped] {
                let published = publishes(&own, text, Qos::AtLeastOnce, false).is_ok();
                let subscribed = subscribes(&own, text, Qos::AtLeastOnce).is_ok();
                if (published, subscribed)
                    != (
                        oracle::may_publish(&own, text),
                        oracle::may_subscribe(&own, text),
                    )
                {
                    return Err(format!("policy and oracle differ: {own:?} and {text}"));
                }
            }
            Ok(one != two)
        },
    );
}

#[test]
fn the_brokers_matcher_and_the_oracles_agree() {
    let words = prop::collection::vec("|a|b|\\$|\\$a|é", 1..6);
    let wild = prop::collection::vec("|a|b|\\+|#|\\$a|é", 1..6);
    let pair = (
        words.prop_map(|levels| levels.join("/")),
        wild.prop_map(|levels| levels.join("/")),
    );
    let valid = |filter: &str| {
        let levels: Vec<&str> = filter.split('/').collect();
        !levels[..levels.len() - 1].contains(&"#")
    };
    property("matchers agree", pair, |(topic, filter)| {
        let ours = spokegate_contract::filter::matches(&filter, &topic);
        if valid(&filter) && ours != oracle::matches(&filter, &topic) {
            return Err(format!("{filter} and {topic}: {ours}"));
        }
        Ok(valid(&filter) && ours)
    });
}

#[test]
fn the_oracle_follows_the_examples_of_the_standard() {
    let check = |filter: &str, topic: &str, expected: bool| {
        assert_eq!(
            oracle::matches(filter, topic),
            expected,
            "{filter} against {topic}"
        );
    };
    check("sport/tennis/player1/#", "sport/tennis/player1", true);
    check(
        "sport/tennis/player1/#",
        "sport/tennis/player1/ranking",
        true,
    );
    check("sport/tennis/player1/#", "sport/tennis/player12", false);
    check("sport/#", "sport", true);
    check("sport/tennis/+", "sport/tennis/player1", true);
    check("sport/tennis/+", "sport/tennis/player1/ranking", false);
    check("sport/+", "sport", false);
    check("sport/+", "sport/", true);
    check("+/+", "/finance", true);
    check("/+", "/finance", true);
    check("+", "/finance", false);
    check("#", "$SYS/broker", false);
    check("+/monitor/Clients", "$SYS/monitor/Clients", false);
    check("$SYS/#", "$SYS/broker", true);
}
