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

use spokegate_provisioner::broker_config::Kind;

use brokers::Embedded;
use pki::Pki;
use scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn attacks_on_our_own_broker() {
    let pki = Pki::new();
    let (_running, broker) = Embedded::start(&pki).await;
    suite::run(Scene::set(broker, pki).await).await;
}

async fn attacks_on(kind: Kind) {
    let pki = Pki::new();
    if let Some((running, broker)) = brokers::external(kind, &pki) {
        suite::run(Scene::set(broker, pki).await).await;
        drop(running);
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
