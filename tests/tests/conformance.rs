//! Promise: the broker speaks MQTT 3.1.1 as others do. The same cases run over plain sockets against the `open` listener
//! and against Mosquitto in the same run; what ours refuses by design is named here with its reason.
//!
//! The client writes packets byte by byte and shares nothing with the broker's codec. With a copy of the interoperability
//! suite of Eclipse Paho, its own cases run as well, each in a process of its own:
//! `PAHO_TESTING=…/paho.mqtt.testing cargo test -p spokegate-tests --test conformance -- --nocapture`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test fails by panicking, prints its table, and its tasks end with it"
)]

#[path = "conformance/cases.rs"]
mod cases;
#[path = "conformance/paho.rs"]
mod paho;
#[path = "conformance/peer.rs"]
mod peer;
#[expect(dead_code, reason = "the broker's own tests use all of it")]
#[path = "../../broker/tests/support/harness.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use cases::{CASES, Case};
use peer::Mosquitto;
use support::TestBroker;

/// Longest that a case may take before it counts as failed.
const CASE: Duration = Duration::from_secs(20);

/// Case by case at one broker: whether it passes.
async fn run(addr: SocketAddr) -> Vec<bool> {
    let mut passed = Vec::new();
    for case in &CASES {
        let running = tokio::spawn((case.run)(addr));
        let outcome = tokio::time::timeout(CASE, running).await;
        passed.push(matches!(outcome, Ok(Ok(()))));
    }
    passed
}

/// One line of the table.
fn line(name: &str, ours: bool, peer: bool, why: &str) {
    let word = |passed| if passed { "passes" } else { "fails" };
    println!("{name:56} {:8} {:10} {why}", word(ours), word(peer));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_listener_does_what_mosquitto_does() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let broker = TestBroker::start().await;
    let (ours, peer) = tokio::join!(run(broker.open_addr()), run(mosquitto.addr()));
    println!("{:56} {:8} {:10}", "MQTT 3.1.1", "ours", "Mosquitto");
    let mut wrong = Vec::new();
    for (Case { name, refused, .. }, (ours, peer)) in CASES.iter().zip(ours.into_iter().zip(peer)) {
        line(name, ours, peer, refused);
        if ours != refused.is_empty() || !peer {
            wrong.push(*name);
        }
    }
    let kept = CASES.iter().filter(|case| case.refused.is_empty()).count();
    println!(
        "{} cases: ours passes {kept}, refuses {} by design",
        CASES.len(),
        CASES.len() - kept
    );
    assert!(wrong.is_empty(), "not as expected: {wrong:?}");
    if let Ok(folder) = std::env::var("PAHO_TESTING") {
        let wrong = original(&folder, broker.open_addr(), mosquitto.addr()).await;
        assert!(
            wrong.is_empty(),
            "Mosquitto passes these and ours does not: {wrong:?}"
        );
    }
}

/// What the original suite asks for and the broker refuses by design.
const REFUSED: [(&str, &str); 2] = [
    (
        "test_offline_message_queueing",
        "needs a persistent session",
    ),
    ("test_redelivery_on_reconnect", "needs a persistent session"),
];

/// The original suite, each case at both brokers: those that Mosquitto passes and ours neither passes nor refuses.
async fn original(folder: &str, ours: SocketAddr, peer: SocketAddr) -> Vec<String> {
    println!(
        "{:56} {:8} {:10}",
        "Paho client_test.py", "ours", "Mosquitto"
    );
    let mut wrong = Vec::new();
    for name in paho::names(folder) {
        let run = |addr: SocketAddr| {
            let (folder, name) = (folder.to_owned(), name.clone());
            tokio::task::spawn_blocking(move || paho::passes(&folder, addr.port(), &name))
        };
        let (ours, peer) = tokio::join!(run(ours), run(peer));
        let (ours, peer) = (ours.unwrap(), peer.unwrap());
        let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
        line(&name, ours, peer, refused.map_or("", |(_, why)| why));
        if !ours && peer && refused.is_none() {
            wrong.push(name);
        }
    }
    wrong
}
