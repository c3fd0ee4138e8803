//! The promise: the fabric delivers over another broker as it does over ours. Agent, sanitizer and centre are the same
//! programs; what they do here is what the other files promise of our own broker: pulls answer, pushes survive, bad data
//! is quarantined, certificates renew.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "brokers/balancer.rs"]
mod balancer;
#[path = "fabric/certificates.rs"]
mod certificates;
#[path = "brokers/external.rs"]
mod external;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use spokegate_daemon::Clock;
use spokegate_demo::client::{NewRun, Run, RunState};
use spokegate_demo::http::PlainClient;
use spokegate_demo::{BrokerChoice, BrokerNeeds, Fabric, Options, OtherBroker, SourceChoice};
use spokegate_provisioner::broker_config::{Kind, Parties};

use balancer::Balancer;
use external::{Needs, Running};

/// Longest wait for a push; a killed node's connections and leaders must be replaced in it.
const ARRIVES: Duration = Duration::from_secs(120);

/// A broker for the demonstration, which stays in the test's hands.
#[derive(Debug)]
struct Other {
    kind: Kind,
    started: Mutex<Option<Started>>,
    links: tempfile::TempDir,
}

struct Started {
    broker: Running,
    balancer: Balancer,
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Started").finish_non_exhaustive()
    }
}

impl OtherBroker for Other {
    fn start(&self, needs: &BrokerNeeds) -> anyhow::Result<SocketAddr> {
        let needs = Needs {
            trust_domain: needs.trust_domain.to_string(),
            tls: needs.tls.clone(),
            parties: Parties::new(needs.satellites.clone())?,
            nodes: external::nodes(self.links.path()),
            observer: None,
            hole: None,
        };
        let broker = Running::start(self.kind, &needs).expect("it is installed");
        let balancer = Balancer::start(broker.addresses());
        let addr = balancer.addr();
        *self.started.lock().unwrap() = Some(Started { broker, balancer });
        Ok(addr)
    }
}

impl Other {
    /// Ends the node that has the most connections, as a crash of its machine would.
    fn kill_a_node(&self) {
        let mut started = self.started.lock().unwrap();
        let started = started.as_mut().unwrap();
        let busiest = started.balancer.busiest();
        started.broker.kill(busiest);
    }
}

/// The fabric with one customer over another broker; none where that is not installed.
async fn fabric(kind: Kind) -> Option<(Fabric, Arc<Other>)> {
    if !external::is_installed(kind) {
        return None;
    }
    let other = Arc::new(Other {
        kind,
        started: Mutex::new(None),
        links: tempfile::tempdir().unwrap(),
    });
    let mut options = Options::sample().unwrap();
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    options.broker = BrokerChoice::External(other.clone());
    Some((Fabric::start(options).await.unwrap(), other))
}

async fn report(fabric: &Fabric, tenant: &str) -> (Run, String) {
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let order = NewRun {
        report: "customer-overview",
        tenants: &[tenant],
        fields: &[],
    };
    let run = browser.order(&order).await.unwrap();
    let run = browser.await_end(&run).await.unwrap();
    if run.state != RunState::Done {
        return (run, String::new());
    }
    let document = browser.download(&run.id).await.unwrap();
    let mut package = zip::ZipArchive::new(std::io::Cursor::new(document.bytes.to_vec())).unwrap();
    let text = std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap();
    (run, text)
}

/// As a flow does it: posts to the agent's local endpoint, which answers once it is on disk.
async fn push(fabric: &mut Fabric, body: Bytes) {
    let (url, token) = fabric.satellite("acme").unwrap().push_endpoint();
    let token = std::fs::read_to_string(token).unwrap();
    let answer = PlainClient::new()
        .post_json(&format!("{url}/backup-jobs"), token.trim(), body)
        .await
        .unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
}

fn job(name: &str) -> Bytes {
    let row = serde_json::json!([{
        "job": name, "hostname": "acme-srv01", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1.5, "message": "",
    }]);
    Bytes::from(row.to_string())
}

/// A report by then shows the pushed job, beside what it pulls.
async fn until_reported(fabric: &Fabric, name: &str) {
    let end = Instant::now() + ARRIVES;
    loop {
        let (run, text) = report(fabric, "acme").await;
        if text.contains(name) {
            return;
        }
        assert!(
            Instant::now() < end,
            "{name} did not reach the centre: {run:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Both customers' data are pulled, each from its own segment.
async fn pulls_answer(fabric: &Fabric) {
    for tenant in ["acme", "globex"] {
        let end = Instant::now() + ARRIVES;
        loop {
            let (run, text) = report(fabric, tenant).await;
            if run.state == RunState::Done {
                assert!(text.contains(&format!("{tenant}-")), "{tenant}: {text}");
                break;
            }
            assert!(Instant::now() < end, "{tenant}: {run:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Rows that break their contract stop at the sanitizer, named and not shown.
async fn bad_input_is_quarantined(fabric: &mut Fabric) {
    let mut admin = fabric.admin_browser().unwrap();
    admin.sign_in("carol", fabric.password()).await.unwrap();
    let before = admin.get("/quarantine").await.unwrap();
    assert!(!before.text().contains("backup-jobs"), "{}", before.text());
    let bad = r#"[{"job": "<script>SECRET</script>", "result": "perhaps"}]"#;
    push(fabric, Bytes::from_static(bad.as_bytes())).await;
    let end = Instant::now() + ARRIVES;
    loop {
        let page = admin.get("/quarantine").await.unwrap();
        assert!(!page.html().contains("SECRET"), "the page shows the value");
        if page.text().contains("backup-jobs") {
            return;
        }
        assert!(
            Instant::now() < end,
            "nothing in quarantine: {}",
            page.text()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Past two thirds of its life a certificate is replaced, over this broker as over ours.
async fn certificates_renew(fabric: &mut Fabric) {
    let serial = certificates::short_lived(fabric, -300_000, 60_000).await;
    let identity = fabric.satellite("acme").unwrap().identity().to_owned();
    let until_ms = certificates::until_renewed(&identity, &serial).await;
    assert!(until_ms > Clock::system().now_ms() + 6 * 86_400_000);
}

/// Everything that is promised, with the sanitizer dying on the way.
async fn promises(fabric: &mut Fabric) {
    pulls_answer(fabric).await;
    push(fabric, job("Before the crash")).await;
    until_reported(fabric, "Before the crash").await;
    fabric.sanitizer().kill();
    push(fabric, job("During the crash")).await;
    fabric.sanitizer().start_again().await.unwrap();
    until_reported(fabric, "During the crash").await;
    bad_input_is_quarantined(fabric).await;
    // What was refused does not hold up what follows.
    push(fabric, job("After bad data")).await;
    until_reported(fabric, "After bad data").await;
    certificates_renew(fabric).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_mosquitto() {
    if let Some((mut fabric, _other)) = fabric(Kind::Mosquitto).await {
        promises(&mut fabric).await;
        fabric.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_rabbitmq() {
    if let Some((mut fabric, _other)) = fabric(Kind::Rabbitmq).await {
        promises(&mut fabric).await;
        fabric.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_cluster_of_nats_that_loses_a_node() {
    if let Some((mut fabric, other)) = fabric(Kind::Nats).await {
        promises(&mut fabric).await;
        push(&mut fabric, job("On its way")).await;
        other.kill_a_node();
        push(&mut fabric, job("With one node less")).await;
        until_reported(&fabric, "With one node less").await;
        pulls_answer(&fabric).await;
        fabric.shutdown().await;
    }
}
