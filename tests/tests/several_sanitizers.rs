//! The promise: several sanitizers share the load, and when one of them dies nobody notices: reports are right and whole,
//! and no push is lost or stored twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;
#[path = "fabric/source.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use commands::{PATIENCE, session, spokegate, succeed, token};
use source::{DEVICE, Pace, SlowSource, name};
use spokegate_demo::client::{Browser, NewRun, RunState};
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, SourceChoice, Tenant};
use tokio::task::JoinHandle;

const TENANTS: [&str; 6] = ["acme", "globex", "hooli", "initech", "soylent", "umbrella"];
/// Some 20 chunks in about 3 seconds.
const PACE: Pace = Pace {
    rows: Some(8_000),
    piece: 50,
    pause: Duration::from_millis(18),
};
/// Two pushes of the same customer are so far apart.
const PUSH_EVERY: Duration = Duration::from_millis(40);

async fn fabric() -> Fabric {
    let mut options = Options::sample().unwrap();
    options.tenants = TENANTS
        .map(|id| Tenant::new(id, &id.to_uppercase()).unwrap())
        .to_vec();
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    options.sanitizers = 2;
    Fabric::start(options).await.unwrap()
}

/// What each sanitizer serves, once every customer is served.
async fn shares(fabric: &Fabric) -> Vec<BTreeSet<String>> {
    let end = Instant::now() + PATIENCE;
    loop {
        let links = fabric.reports().service().state().engine.relay().links();
        let shares: Vec<BTreeSet<String>> = links
            .iter()
            .map(|link| {
                link.tenants
                    .iter()
                    .flatten()
                    .map(ToString::to_string)
                    .collect()
            })
            .collect();
        if shares.iter().map(BTreeSet::len).sum::<usize>() == TENANTS.len() {
            return shares;
        }
        assert!(
            Instant::now() < end,
            "not every customer is served: {shares:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Pushes backup jobs as a flow does, until it is told to stop; says how many the agent took.
fn push(fabric: &mut Fabric, tenant: &'static str, stop: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let (url, token) = fabric.satellite(tenant).unwrap().push_endpoint();
    let token = std::fs::read_to_string(token).unwrap().trim().to_owned();
    let (url, stop) = (format!("{url}/backup-jobs"), Arc::clone(stop));
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::task::spawn(async move {
        let client = PlainClient::new();
        let mut taken = 0;
        while !stop.load(Ordering::Relaxed) {
            let job = serde_json::json!([{
                "job": format!("push-{tenant}-{taken}"), "hostname": "srv01", "last_run": "2026-11-20T02:41:07Z",
                "result": "success", "size_bytes": 1, "duration_s": 1.5, "message": "",
            }]);
            let body = Bytes::from(job.to_string());
            let answer = client.post_json(&url, &token, body).await.unwrap();
            assert_eq!(answer.status, 202, "{answer:?}");
            taken += 1;
            tokio::time::sleep(PUSH_EVERY).await;
        }
        taken
    })
}

async fn store(fabric: &Fabric) -> sqlx::SqliteConnection {
    let file = fabric.folder().join("reports/reports.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    sqlx::ConnectOptions::connect(&options).await.unwrap()
}

/// From here on every push that the centre stores is noted; the centre itself keeps only the latest ones.
async fn observe(fabric: &Fabric) {
    let mut store = store(fabric).await;
    for statement in [
        "CREATE TABLE test_seen (body BLOB)",
        "CREATE TRIGGER test_seen_push AFTER INSERT ON push BEGIN INSERT INTO test_seen VALUES (NEW.body); END",
    ] {
        sqlx::query(statement).execute(&mut store).await.unwrap();
    }
    sqlx::Connection::close(store).await.unwrap();
}

/// How often the centre has stored each pushed job.
async fn stored(fabric: &Fabric) -> BTreeMap<String, u64> {
    let mut store = store(fabric).await;
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar("SELECT body FROM test_seen")
        .fetch_all(&mut store)
        .await
        .unwrap();
    sqlx::Connection::close(store).await.unwrap();
    let mut jobs = BTreeMap::new();
    for body in bodies {
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap();
        for row in rows {
            let job = row["job"].as_str().unwrap().to_owned();
            if job.starts_with("push-") {
                *jobs.entry(job).or_default() += 1;
            }
        }
    }
    jobs
}

/// Waits until all are stored; counts what is lost and what is doubled.
async fn counted(fabric: &Fabric, pushed: &BTreeMap<&str, u64>) -> (u64, u64) {
    let end = Instant::now() + 2 * PATIENCE;
    loop {
        let jobs = stored(fabric).await;
        let expected = pushed
            .iter()
            .flat_map(|(tenant, count)| (0..*count).map(move |n| format!("push-{tenant}-{n}")));
        let lost = expected.filter(|job| !jobs.contains_key(job)).count() as u64;
        let doubled = jobs.values().filter(|times| **times > 1).count() as u64;
        if lost == 0 || Instant::now() >= end {
            return (lost, doubled);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What came of one report.
struct Reported {
    tenant: &'static str,
    took: Duration,
    fault: Option<String>,
}

/// Orders a report about one customer and looks at every row of it.
async fn report(mut browser: Browser, tenant: &'static str) -> Reported {
    let began = Instant::now();
    let order = NewRun {
        report: "customer-overview",
        tenants: &[tenant],
        fields: &[],
    };
    let run = browser.order(&order).await.unwrap();
    let run = browser.await_end(&run).await.unwrap();
    let took = began.elapsed();
    if run.state != RunState::Done {
        let fault = Some(format!("{:?}: {}", run.state, run.reason));
        return Reported {
            tenant,
            took,
            fault,
        };
    }
    let document = browser.download(&run.id).await.unwrap();
    let mut package = zip::ZipArchive::new(std::io::Cursor::new(document.bytes.to_vec())).unwrap();
    let text = std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap();
    let fault = fault_of(tenant, &text);
    Reported {
        tenant,
        took,
        fault,
    }
}

/// What is wrong with a document's rows: each must stand there once.
fn fault_of(tenant: &str, text: &str) -> Option<String> {
    let rows = PACE.rows.unwrap();
    let mut missing: BTreeSet<String> = (0..rows).map(|number| name(tenant, number)).collect();
    let length = name(tenant, 0).len();
    let mut found = 0;
    for (end, _) in text.match_indices(DEVICE) {
        let end = end + DEVICE.len();
        found += 1;
        missing.remove(
            text.get(end.saturating_sub(length)..end)
                .unwrap_or_default(),
        );
    }
    let first = missing.first();
    (found != rows || first.is_some())
        .then(|| format!("{found} rows instead of {rows}, missing {first:?}"))
}

/// Once all answers are under way, kills the sanitizer with the most customers; gives them.
async fn kill_in_the_middle(fabric: &mut Fabric, sources: &[SlowSource]) -> BTreeSet<String> {
    let shares = shares(fabric).await;
    let victim = (0..shares.len())
        .max_by_key(|place| shares[*place].len())
        .unwrap();
    let middle = PACE.rows.unwrap() / 2;
    let end = Instant::now() + PATIENCE;
    while sources.iter().any(|source| source.rows() < middle) {
        assert!(Instant::now() < end, "the answers do not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fabric.sanitizers()[victim].kill();
    shares[victim].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_dies_in_the_middle_of_pulls_and_pushes_and_nobody_notices() {
    let mut fabric = fabric().await;
    let before = shares(&fabric).await;
    assert!(
        before.iter().all(|share| !share.is_empty()),
        "each serves some: {before:?}"
    );
    let mut sources = Vec::new();
    for tenant in TENANTS {
        sources.push(SlowSource::start(&mut fabric, tenant, PACE).await);
    }
    observe(&fabric).await;
    let stop = Arc::new(AtomicBool::new(false));
    let pushes = TENANTS.map(|tenant| (tenant, push(&mut fabric, tenant, &stop)));
    let reports = reports(&fabric).await;
    let moved = kill_in_the_middle(&mut fabric, &sources).await;
    let mut failed = Vec::new();
    let mut longest = Duration::ZERO;
    for report in reports {
        let Reported {
            tenant,
            took,
            fault,
        } = report.await.unwrap();
        longest = longest.max(took);
        failed.extend(fault.map(|fault| format!("{tenant}: {fault}")));
    }
    let after = shares(&fabric).await;
    stop.store(true, Ordering::Relaxed);
    let mut pushed = BTreeMap::new();
    for (tenant, push) in pushes {
        pushed.insert(tenant, push.await.unwrap());
    }
    let (lost, doubled) = counted(&fabric, &pushed).await;
    let asked: u64 = sources.iter().map(SlowSource::asked).sum();
    println!(
        "several sanitizers: {} and {} customers, killed with {} in the middle of {} pulls of {} rows (asked {asked} times); \
         failed: {}, longest report {} ms, pushes: {}, lost: {lost}, doubled: {doubled}",
        before[0].len(),
        before[1].len(),
        moved.len(),
        TENANTS.len(),
        PACE.rows.unwrap(),
        failed.len(),
        longest.as_millis(),
        pushed.values().sum::<u64>(),
    );
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!((lost, doubled), (0, 0));
    let most = TENANTS.len() + moved.len();
    assert!(
        asked > TENANTS.len() as u64,
        "no pull was under way when the sanitizer died"
    );
    assert!(
        asked <= most as u64,
        "a pull that was hit is asked once more, no other"
    );
    assert!(
        after.iter().any(BTreeSet::is_empty),
        "the dead one serves nobody: {after:?}"
    );
    assert!(sources.iter().all(|source| !source.is_busy()));
    fabric.shutdown().await;
}

/// Everybody's report, each by a person of its own.
async fn reports(fabric: &Fabric) -> Vec<JoinHandle<Reported>> {
    let mut reports = Vec::new();
    for tenant in TENANTS {
        let mut browser = fabric.browser().unwrap();
        browser.sign_in("alice", fabric.password()).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        reports.push(tokio::task::spawn(report(browser, tenant)));
    }
    reports
}

/// A satellite joins, as an engineer has it join.
async fn join(fabric: &Fabric, folder: &Path, tenant: &str, number: u32) {
    let satellite = format!("branch-{number}");
    let token = token(fabric, folder, tenant, &["--satellite", &satellite]);
    let identity = folder.join(&satellite);
    let arguments = [
        "join",
        "--token-file",
        token.to_str().unwrap(),
        "--directory",
        identity.to_str().unwrap(),
    ]
    .map(str::to_owned);
    let joined = tokio::task::spawn_blocking(move || {
        succeed("spokegate-agent", &arguments.each_ref().map(String::as_str))
    });
    joined.await.unwrap();
    std::fs::remove_file(token).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn satellites_join_and_revocations_arrive_without_the_report_service_and_with_either_sanitizer()
 {
    let mut fabric = fabric().await;
    let folder = tempfile::tempdir().unwrap();
    fabric.reports().stop().await;
    let mut joined = 0;
    for dead in [0, 1] {
        fabric.sanitizers()[dead].kill();
        join(&fabric, folder.path(), "acme", joined).await;
        joined += 1;
        let tenant = TENANTS[dead + 1];
        let revoked = ["--tenant", tenant, "--satellite", "hq"];
        spokegate(&fabric, "satellite", "revoke", &revoked);
        let end = Instant::now() + PATIENCE;
        while session(&fabric, tenant).is_some() {
            assert!(Instant::now() < end, "{tenant} is still connected");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        fabric.sanitizers()[dead].start_again().await.unwrap();
    }
    println!(
        "several sanitizers: {joined} joined and 2 revoked with the report service down and one sanitizer dead"
    );
    fabric.shutdown().await;
}
