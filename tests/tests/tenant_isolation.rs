//! Promise: a customer's certificate reaches that customer's own topics and nothing else, whatever bytes its holder
//! sends and whichever broker stands in the middle. Every attack is made over real TLS against a real broker; it is
//! refused, or proven to come to nothing while those who would have noticed are listening; and has a twin that is allowed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "tenant_isolation/brokers.rs"]
mod brokers;
#[path = "tenant_isolation/cases.rs"]
mod cases;
#[path = "brokers/external.rs"]
mod external;
#[path = "tenant_isolation/own.rs"]
mod own;
#[path = "tenant_isolation/pki.rs"]
mod pki;
#[path = "tenant_isolation/scene.rs"]
mod scene;
#[path = "tenant_isolation/suite.rs"]
mod suite;
#[path = "tenant_isolation/wire.rs"]
mod wire;

use std::path::Path;

use spokegate_provisioner::broker_config::Kind;

use brokers::Embedded;
use pki::Pki;
use scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn attacks_on_our_own_broker() {
    let pki = Pki::new();
    let (_running, broker) = Embedded::start(&pki).await;
    let tally = suite::run(Scene::set(broker, pki).await).await;
    tally.print_and_check("embedded");
}

async fn attacks_on(kind: Kind) {
    let pki = Pki::new();
    if let Some((_running, broker)) = brokers::external(kind, &pki, None) {
        let tally = suite::run(Scene::set(broker, pki).await).await;
        tally.print_and_check(kind.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attacks_on_mosquitto() {
    attacks_on(Kind::Mosquitto).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attacks_on_a_cluster_of_nats() {
    attacks_on(Kind::Nats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attacks_on_rabbitmq() {
    attacks_on(Kind::Rabbitmq).await;
}

/// What is proven by silence would not be silent: a broker with two rights too many, and without fixed client ids, is
/// found out.
#[tokio::test(flavor = "multi_thread")]
async fn the_suite_notices_a_hole() {
    let hole = |folder: &Path| {
        let change = |name: &str, from: &str, to: &str| {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.contains(from));
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        };
        let more =
            "user acme.hq\ntopic read sg/1/globex/hq/up/#\ntopic write sg/1/globex/hq/down/ack";
        change("spokegate.acl", "user acme.hq\n", &format!("{more}\n"));
        change(
            "mosquitto.conf",
            "use_username_as_clientid true",
            "use_username_as_clientid false",
        );
    };
    let pki = Pki::new();
    let Some((_running, broker)) = brokers::external(Kind::Mosquitto, &pki, Some(hole)) else {
        return;
    };
    let through = suite::run(Scene::set(broker, pki).await).await.through;
    for (attack, what) in [
        ("subscribe: #", "received sg/1/globex/hq/up/reply"),
        (
            "subscribe: sg/1/+/+/up/#",
            "received sg/1/globex/hq/up/reply",
        ),
        (
            "publish: sg/1/globex/hq/down/ack",
            "delivered to globex.hq, observer",
        ),
        (
            "will: sg/1/globex/hq/down/ack",
            "delivered to globex.hq, observer",
        ),
        ("client id: \"globex.hq\"", "cut off: globex.hq"),
    ] {
        let line = format!("{attack}: {what}");
        assert!(
            through.contains(&line),
            "{line} is not in:\n{}",
            through.join("\n")
        );
    }
}
