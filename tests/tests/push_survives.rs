//! The promise: what a segment pushed is kept until the centre has it, whatever dies on the way, and is stored once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use spokegate_demo::client::{NewRun, RunState};
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, SourceChoice};

async fn fabric() -> Fabric {
    let mut options = Options::sample().unwrap();
    options.tenants.truncate(1);
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    Fabric::start(options).await.unwrap()
}

fn job(name: &str) -> Bytes {
    let row = serde_json::json!([{
        "job": name, "hostname": "acme-srv01", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1.5, "message": "",
    }]);
    Bytes::from(row.to_string())
}

/// As a flow does it: posts to the agent's local endpoint, which answers once it is on disk.
async fn push(fabric: &mut Fabric, name: &str) {
    let (url, token) = fabric.satellite("acme").unwrap().push_endpoint();
    let token = std::fs::read_to_string(token).unwrap();
    let answer = PlainClient::new()
        .post_json(&format!("{url}/backup-jobs"), token.trim(), job(name))
        .await
        .unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// The backup jobs that a report shows now: from the newest push that the centre has stored.
async fn reported(fabric: &Fabric) -> String {
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let order = NewRun {
        report: "customer-overview",
        tenants: &["acme"],
        fields: &[],
    };
    let run = browser.order(&order).await.unwrap();
    let run = browser.await_end(&run).await.unwrap();
    assert_eq!(run.state, RunState::Done, "{run:?}");
    let document = browser.download(&run.id).await.unwrap();
    let mut package = zip::ZipArchive::new(std::io::Cursor::new(document.bytes.to_vec())).unwrap();
    std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap()
}

async fn until_reported(fabric: &Fabric, name: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !reported(fabric).await.contains(name) {
        assert!(Instant::now() < end, "{name} did not reach the centre");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_made_while_the_sanitizer_is_dead_arrives_after_its_return() {
    let mut fabric = fabric().await;
    push(&mut fabric, "Before the crash").await;
    until_reported(&fabric, "Before the crash").await;
    fabric.sanitizer().kill();
    push(&mut fabric, "During the crash").await;
    fabric.sanitizer().start_again().await.unwrap();
    until_reported(&fabric, "During the crash").await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_outlives_the_agent_that_took_it() {
    let mut fabric = fabric().await;
    fabric.sanitizer().kill();
    push(&mut fabric, "Kept on disk").await;
    fabric.satellite("acme").unwrap().stop_agent().await;
    fabric.sanitizer().start_again().await.unwrap();
    fabric
        .satellite("acme")
        .unwrap()
        .start_agent()
        .await
        .unwrap();
    until_reported(&fabric, "Kept on disk").await;
    fabric.shutdown().await;
}
