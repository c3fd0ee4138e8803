//! The promise: a satellite that sends too much rubbish is suspended by itself, an administrator sees it, and what it was
//! given meanwhile waits in its spool and comes afterwards.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use spokegate_demo::client::{NewRun, RunState};
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, Service, SourceChoice};

async fn fabric() -> Fabric {
    let mut options = Options::sample().unwrap();
    options.tenants.truncate(1);
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    for setting in [
        "budget.refusals=4",
        "budget.slow_after=4",
        "budget.suspend_s=8",
    ] {
        let setting = setting.to_owned();
        options.settings.push((Service::Sanitizer, setting));
    }
    Fabric::start(options).await.unwrap()
}

/// As a flow does it.
async fn push(fabric: &mut Fabric, rows: serde_json::Value) {
    let (url, token) = fabric.satellite("acme").unwrap().push_endpoint();
    let token = std::fs::read_to_string(token).unwrap();
    let body = Bytes::from(rows.to_string());
    let answer = PlainClient::new()
        .post_json(&format!("{url}/backup-jobs"), token.trim(), body)
        .await
        .unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
}

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
    if run.state != RunState::Done {
        return run.reason;
    }
    let document = browser.download(&run.id).await.unwrap();
    let mut package = zip::ZipArchive::new(std::io::Cursor::new(document.bytes.to_vec())).unwrap();
    std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_of_a_suspended_satellite_come_from_its_spool_afterwards() {
    let mut fabric = fabric().await;
    for number in 0..4 {
        push(&mut fabric, json!([{"job": number}])).await;
    }
    let mut admin = fabric.admin_browser().unwrap();
    admin.sign_in("carol", fabric.password()).await.unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let page = admin.get("/quarantine").await.unwrap();
        if page.text().contains("is suspended until") {
            break;
        }
        assert!(
            Instant::now() < end,
            "nobody was suspended: {}",
            page.text()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let good = json!([{
        "job": "While suspended", "hostname": "acme-srv01", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1.5, "message": "",
    }]);
    push(&mut fabric, good).await;
    let during = reported(&fabric).await;
    assert!(!during.contains("While suspended"), "{during}");
    let end = Instant::now() + Duration::from_secs(60);
    while !reported(&fabric).await.contains("While suspended") {
        assert!(Instant::now() < end, "the push was lost");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    fabric.shutdown().await;
}
