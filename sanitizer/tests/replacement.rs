//! Certificates change under running processes, and no process outlives the supervisor.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::json;
use spokegate_contract::envelope::{SourceHealth, Status};
use spokegate_contract::{Channel, Envelope};
use std::process::Command;
use std::time::Duration;
use support::certificates::Authority;
use support::{Centre, Fabric};
use tokio::io::AsyncReadExt;

const LOOKS: usize = 200;
const LOOK: Duration = Duration::from_millis(50);

fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

fn heartbeat() -> Vec<u8> {
    Status {
        agent_version: "0.1.0".into(),
        at_ms: 1,
        spool_messages: 0,
        spool_bytes: 0,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: SourceHealth::Up,
        certificate: None,
    }
    .encode()
}

async fn connects(fabric: &Fabric, authority: &Authority) -> bool {
    let certificate = authority.identity("service/report-service");
    match Centre::connect(fabric.inner, authority, Some(&certificate)).await {
        // A client certificate is refused after the client's side of the handshake is done.
        Ok(mut centre) => centre.send("GET", "/v1/status", Vec::new()).await.is_ok(),
        Err(_) => false,
    }
}

async fn until_connects(fabric: &Fabric, authority: &Authority) {
    for _ in 0..LOOKS {
        if connects(fabric, authority).await {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("the new files were never used");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_of_the_second_hop_are_used_and_what_is_connected_stays() {
    let fabric = Fabric::start().await;
    let folder = fabric.folder.path().join("sanitizer-inner");
    let mut before = fabric.centre().await;
    before.status().await;
    let new = Authority::new();
    assert!(!connects(&fabric, &new).await);
    new.write(&new.server(), &folder);
    until_connects(&fabric, &new).await;
    // The connection of before goes on; a new one of the old authority does not come in.
    before.status().await;
    assert!(!connects(&fabric, &fabric.inner_ca).await);

    // Half of a pair is no pair: what was read before stays, and asking changes nothing.
    let key = std::fs::read(folder.join("key.pem")).unwrap();
    std::fs::write(folder.join("key.pem"), "no key").unwrap();
    signal("-HUP", fabric.sanitizer.id().unwrap());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(connects(&fabric, &new).await);
    std::fs::write(folder.join("key.pem"), key).unwrap();
    until_connects(&fabric, &new).await;
    before.status().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_of_the_first_hop_leaves_the_sessions_up() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    let agent = fabric.agent("acme", "hq").await;
    centre
        .wait_for("status", |record| record["kind"] == "presence")
        .await;
    let folder = fabric.folder.path().join("sanitizer-fabric");
    let renewed = fabric.fabric_ca.identity("service/sanitizer");
    fabric.fabric_ca.write(&renewed, &folder);
    signal("-HUP", fabric.sanitizer.id().unwrap());
    for _ in 0..10 {
        agent.publish(Channel::Status, heartbeat()).await;
        centre
            .wait_for("status", |record| record["kind"] == "status")
            .await;
        let status = centre.status().await;
        let tenants = status["tenants"].as_array().unwrap();
        assert!(tenants.iter().all(|tenant| tenant["session"] == "up"));
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(centre.status().await["counters"].get("session_ends"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_supervisor_is_killed_nothing_answers_in_its_place() {
    let mut fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    centre.status().await;
    fabric.sanitizer.start_kill().unwrap();
    fabric.sanitizer.wait().await.unwrap();
    // Egress ends with its parent, not when it has drained: a request that waits is cut off.
    let pull =
        json!({"lane": "push", "boot": "", "ack": 0, "max": 1, "max_bytes": 1, "wait_ms": 20_000});
    let waiting = centre.send("POST", "/v1/pull", pull.to_string().into_bytes());
    let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    assert!(ended.expect("an end at once").is_err());
    // While the kernel takes the listener down, a connection may still come about; it is reset unheard.
    let gone = async {
        loop {
            match tokio::net::TcpStream::connect(fabric.inner).await {
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => break,
                Err(_) => {}
                Ok(mut stream) => {
                    let heard = stream.read(&mut [0; 1]).await;
                    assert!(matches!(heard, Ok(0) | Err(_)), "something answered");
                }
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(30), gone).await;
    refused.expect("the door of the centre closes");
}
