//! The promise: a tenant's router that dies takes that tenant's connections along and nothing else. It is made anew, and
//! what the tenant's satellites pushed meanwhile all reaches the centre, once; another tenant's pushes keep their pace.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, SourceChoice};
use sqlx::{ConnectOptions, Connection, Row};

/// Below the number of pushes of one dataset that the centre keeps.
const PUSHES: usize = 45;
/// After how many pushes the router is killed.
const KILLS: [usize; 3] = [8, 18, 30];
/// Longest way of another tenant's push to the centre's store.
const PACE_MS: i64 = 3_000;
/// Longest wait until all is stored.
const STORED: Duration = Duration::from_secs(60);

async fn fabric() -> Fabric {
    let mut options = Options::sample().unwrap();
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    Fabric::start(options).await.unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with the centre's clock"
)]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Pushes as a flow does, and says when the agent had it on disk.
async fn push(fabric: &mut Fabric, tenant: &str, name: &str) -> i64 {
    let row = serde_json::json!([{
        "job": name, "hostname": "srv01", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1.5, "message": "",
    }]);
    let (url, token) = fabric.satellite(tenant).unwrap().push_endpoint();
    let (url, token) = (
        format!("{url}/backup-jobs"),
        std::fs::read_to_string(token).unwrap(),
    );
    let answer = PlainClient::new()
        .post_json(&url, token.trim(), Bytes::from(row.to_string()))
        .await
        .unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    now_ms()
}

/// What the centre has of a tenant: each pushed job with how often, and when it was stored last.
async fn stored(fabric: &Fabric, tenant: &str) -> BTreeMap<String, (usize, i64)> {
    let mut store = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(fabric.folder().join("reports/reports.db"))
        .read_only(true)
        .connect()
        .await
        .unwrap();
    let rows = sqlx::query(
        "SELECT body, received_at FROM push WHERE tenant = ? AND dataset = 'backup-jobs'",
    )
    .bind(tenant)
    .fetch_all(&mut store)
    .await
    .unwrap();
    store.close().await.unwrap();
    let mut jobs = BTreeMap::new();
    for row in rows {
        let body: serde_json::Value = serde_json::from_slice(row.get("body")).unwrap();
        let text = body.to_string();
        let Some((_, job)) = text.split_once("\"job\":\"push ") else {
            continue;
        };
        let number = job.split('"').next().unwrap();
        let entry = jobs.entry(format!("push {number}")).or_insert((0, 0));
        *entry = (entry.0 + 1, row.get("received_at"));
    }
    jobs
}

async fn until_stored(
    fabric: &Fabric,
    tenant: &str,
    count: usize,
) -> BTreeMap<String, (usize, i64)> {
    let mut jobs = BTreeMap::new();
    let wait = async {
        while jobs.len() < count {
            tokio::time::sleep(Duration::from_millis(100)).await;
            jobs = stored(fabric, tenant).await;
        }
    };
    let waited = tokio::time::timeout(STORED, wait).await;
    assert!(
        waited.is_ok(),
        "{} of {count} pushes of {tenant} reached the centre: {jobs:?}",
        jobs.len()
    );
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn its_tenant_comes_back_with_nothing_lost_and_another_tenant_notices_nothing() {
    let mut fabric = fabric().await;
    let mut other_at_ms = BTreeMap::new();
    for n in 0..PUSHES {
        let name = format!("push {n}");
        push(&mut fabric, "acme", &name).await;
        if KILLS.contains(&n) {
            // Only a router that serves can die under its tenant.
            until_stored(&fabric, "acme", n / 2).await;
            fabric
                .broker()
                .broker()
                .kill_router(&"acme".parse().unwrap());
        }
        let at_ms = push(&mut fabric, "globex", &name).await;
        other_at_ms.insert(name, at_ms);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let own = until_stored(&fabric, "acme", PUSHES).await;
    let other = until_stored(&fabric, "globex", PUSHES).await;
    assert_eq!(fabric.broker().broker().routers_lost(), KILLS.len());
    for jobs in [&own, &other] {
        assert_eq!(jobs.len(), PUSHES);
        assert!(jobs.values().all(|(times, _)| *times == 1), "{jobs:?}");
    }
    let slowest_ms = other
        .iter()
        .map(|(name, (_, at_ms))| at_ms - other_at_ms[name])
        .max();
    assert!(slowest_ms < Some(PACE_MS), "{slowest_ms:?}");
    fabric.shutdown().await;
}
