//! The promise: what an operator orders of a satellite is done once, the operator sees what came of it, and neither broker
//! nor sanitizer can order anything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;

use commands::{fabric, spokegate, until_online};
use spokegate_identity::TlsFiles;

const HQ: [&str; 4] = ["--tenant", "acme", "--satellite", "hq"];

#[tokio::test(flavor = "multi_thread")]
async fn a_satellite_renews_its_certificate_when_it_is_told_to_and_the_operator_sees_it() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let identity = fabric.satellite("acme").unwrap().identity().to_owned();
    let certificate = TlsFiles::in_directory(&identity).certificate;
    let before = std::fs::read(&certificate).unwrap();

    let told = spokegate(&fabric, "satellite", "renew", &HQ);
    assert!(
        told.starts_with("renew acme/hq (command 1): done: good until "),
        "{told}"
    );
    assert_ne!(std::fs::read(&certificate).unwrap(), before);

    // A second one has the next number; the list has the newest first.
    spokegate(&fabric, "satellite", "renew", &HQ);
    let listed = spokegate(&fabric, "satellite", "commands", &HQ);
    let numbers: Vec<bool> = listed
        .lines()
        .zip(["(command 2): done", "(command 1): done"])
        .map(|(line, expected)| line.contains(expected))
        .collect();
    assert_eq!(numbers, [true, true], "{listed}");
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_waits_for_a_satellite_that_is_away() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    fabric.satellite("acme").unwrap().stop_agent().await;
    let mut order = HQ.to_vec();
    order.extend(["--wait-s", "0"]);
    let told = spokegate(&fabric, "satellite", "renew", &order);
    assert!(told.contains("no answer yet"), "{told}");
    let listed = spokegate(&fabric, "satellite", "commands", &HQ);
    assert!(listed.contains("open until"), "{listed}");

    fabric
        .satellite("acme")
        .unwrap()
        .start_agent()
        .await
        .unwrap();
    let came = async {
        loop {
            let listed = spokegate(&fabric, "satellite", "commands", &HQ);
            if listed.contains("done: good until") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), came)
        .await
        .unwrap();
    fabric.shutdown().await;
}
