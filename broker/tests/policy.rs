//! The policy against every channel there is, against generated topics and filters, and against an oracle of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "policy/isolation.rs"]
mod isolation;
#[expect(unreachable_pub, reason = "a crate of its own in the fuzz workspace")]
#[path = "../fuzz/src/lib.rs"]
mod oracle;
#[path = "policy/table.rs"]
mod table;

use spokegate_broker::packet::{Publish, Qos};
use spokegate_broker::policy::{self, Denial, Rule, Session};
use spokegate_contract::Address;

fn address(tenant: &str, satellite: &str) -> Address {
    Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
}

fn publishes(session: &Session, topic: &str, qos: Qos, retain: bool) -> Result<Rule, Denial> {
    let message = Publish {
        topic: topic.to_owned(),
        packet_id: 1,
        qos,
        retain,
        payload: bytes::Bytes::new(),
    };
    policy::publish(session, &message).map(|permit| permit.rule())
}

fn subscribes(session: &Session, filter: &str, qos: Qos) -> Result<Rule, Denial> {
    policy::subscribe(session, filter, qos).map(|permit| permit.rule())
}

#[test]
fn the_fuzz_corpus_is_decided_as_the_oracle_decides() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/policy");
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        oracle::policy(&std::fs::read(entry.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 40, "{seeds} seeds in {folder}");
}
