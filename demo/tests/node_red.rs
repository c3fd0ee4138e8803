//! The Node-RED of a tenant as `deploy/node-red` sets it up: open to the agent's token, to nobody and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use spokegate_contract::{Registry, Validator};
use spokegate_demo::http::PlainClient;
use spokegate_demo::node_red::{Installed, Missing, NodeRed, Setup, find_or_install};

const AGENT_TOKEN: &str = "agent-token-of-the-test";
const PUSH_TOKEN: &str = "push-token-of-the-test";

#[tokio::test(flavor = "multi_thread")]
async fn only_the_agents_token_opens_an_endpoint() {
    let Some(bed) = Bed::start("acme").await else {
        return;
    };
    let check = async |path: &str, token: &str, expected| {
        let url = format!("http://{}{path}", bed.node_red.addr());
        assert_eq!(
            bed.client.get(&url, token).await.unwrap().status,
            expected,
            "{path} {token}"
        );
    };
    for dataset in [
        "devices",
        "patch-status",
        "backup-jobs",
        "disk-capacity",
        "tickets",
    ] {
        check(&format!("/spokegate/{dataset}"), AGENT_TOKEN, 200).await;
        check(&format!("/spokegate/{dataset}"), "", 401).await;
        check(&format!("/spokegate/{dataset}"), PUSH_TOKEN, 401).await;
        check(&format!("/spokegate/{dataset}"), &AGENT_TOKEN[1..], 401).await;
    }
    check("/spokegate/nothing", AGENT_TOKEN, 404).await;
    check("/spokegate/nothing", "", 401).await;
    // No editor and no admin API, whatever is shown.
    for path in [
        "/",
        "/flows",
        "/editor/flows",
        "/settings",
        "/nodes",
        "/auth/login",
    ] {
        check(path, AGENT_TOKEN, 404).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_what_the_contracts_say() {
    let Some(bed) = Bed::start("globex").await else {
        return;
    };
    let registry = Registry::open(&repository().join("schemas")).unwrap();
    let mut served = Vec::new();
    for (dataset, usual) in [
        ("devices", 40),
        ("patch-status", 31),
        ("backup-jobs", 35),
        ("disk-capacity", 14),
        ("tickets", 40),
    ] {
        let contract = registry.get(&dataset.parse().unwrap(), 1).unwrap();
        let validator = Validator::data(contract).unwrap();
        let rows = bed.rows(dataset, "").await;
        assert_eq!(rows.len(), usual, "{dataset}");
        let many = bed.rows(dataset, "?limit=2500").await;
        assert_eq!(many.len(), 2_500, "{dataset}");
        for row in rows.iter().chain(&many) {
            assert_eq!(validator.check(row), Ok(()), "{dataset}: {row}");
        }
        assert_eq!(
            rows,
            bed.rows(dataset, "").await,
            "{dataset} is the same when asked again"
        );
        served.push(rows);
    }
    let switches = bed.rows("devices", "?kind=switch").await;
    assert!(!switches.is_empty() && switches.iter().all(|row| row["kind"] == "switch"));
    let behind = bed.rows("patch-status", "?only_missing=true").await;
    assert!(!behind.is_empty() && behind.len() < served[1].len());
    for query in [
        "limit=0",
        "limit=x",
        "limit=1000001",
        "kind=toaster",
        "kind=constructor",
    ] {
        let answer = bed.ask("devices", &format!("?{query}")).await;
        assert_eq!(answer.0, 400, "{query}: {}", answer.1);
        assert!(
            answer.1.contains(query.split('=').nth(1).unwrap()),
            "{}",
            answer.1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_come_in_a_moment() {
    let Some(bed) = Bed::start("acme").await else {
        return;
    };
    assert_eq!(bed.rows("devices", "?limit=10").await.len(), 10);
    let started = Instant::now();
    let (status, text) = bed.ask("devices", "?limit=100000").await;
    assert_eq!(
        (status, text.matches("\"hostname\"").count()),
        (200, 100_000)
    );
    // Well under a second on an idle machine; tests share theirs.
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_pushes_until_the_agent_has_taken_it() {
    use axum::http::{HeaderMap, StatusCode};
    let Some(installed) = installed() else { return };
    let (sender, mut pushes) = tokio::sync::mpsc::channel(16);
    let refusals = std::sync::atomic::AtomicU32::new(1);
    let refusals = std::sync::Arc::new(refusals);
    let take = move |headers: HeaderMap, body: String| {
        let (sender, refusals) = (sender.clone(), refusals.clone());
        async move {
            let token = headers["authorization"].to_str().unwrap().to_owned();
            sender.send((token, body)).await.unwrap();
            let refused = refusals.swap(0, std::sync::atomic::Ordering::SeqCst) > 0;
            if refused {
                StatusCode::INSUFFICIENT_STORAGE
            } else {
                StatusCode::ACCEPTED
            }
        }
    };
    let router = axum::Router::new().route("/v1/push/backup-jobs", axum::routing::post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/push", listener.local_addr().unwrap());
    let context = spokegate_daemon::Context::new();
    context
        .tasks
        .spawn("agent", async move { axum::serve(listener, router).await });
    let _bed = Bed::start_with(installed, "acme", &url).await;
    let mut bodies = Vec::new();
    for _ in 0..2 {
        let (token, body) = tokio::time::timeout(Duration::from_secs(20), pushes.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(token, format!("Bearer {PUSH_TOKEN}"));
        bodies.push(body);
    }
    assert_eq!(bodies[0], bodies[1], "what was refused comes again");
    let rows: Vec<Value> = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(rows.len(), 16);
}

#[test]
fn settings_that_would_open_it_up_are_refused() {
    let Some(installed) = installed() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (good, short) = (folder.path().join("good"), folder.path().join("short"));
    std::fs::write(&good, AGENT_TOKEN).unwrap();
    std::fs::write(&short, "short").unwrap();
    let check = |host: &str, token: Option<&Path>, expected: Option<&str>| {
        let mut command = Command::new(installed.node());
        command
            .arg("-e")
            .arg("require(process.argv[1])")
            .arg(installed.folder().join("settings.js"));
        command
            .env("SPOKEGATE_NODE_RED_DATA", folder.path())
            .env("SPOKEGATE_NODE_RED_HOST", host);
        command.env_remove("SPOKEGATE_AGENT_TOKEN_FILE");
        if let Some(token) = token {
            command.env("SPOKEGATE_AGENT_TOKEN_FILE", token);
        }
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        match expected {
            None => assert!(output.status.success(), "{host}: {told}"),
            Some(part) => assert!(
                !output.status.success() && told.contains(part),
                "{host}: {told}"
            ),
        }
    };
    check("127.0.0.1", Some(&good), None);
    check("127.3.2.1", Some(&good), None);
    check("::1", Some(&good), None);
    for host in [
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "localhost",
        "127.0.0.1.evil.test",
        "1127.0.0.1",
    ] {
        check(host, Some(&good), Some("allowed: 127.0.0.0/8 or ::1"));
    }
    check(
        "127.0.0.1",
        None,
        Some("SPOKEGATE_AGENT_TOKEN_FILE is not set"),
    );
    check("127.0.0.1", Some(&short), Some("at least 16 characters"));
    check(
        "127.0.0.1",
        Some(&folder.path().join("missing")),
        Some("no such file"),
    );
}

struct Bed {
    node_red: NodeRed,
    client: PlainClient,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn start(tenant: &str) -> Option<Self> {
        Some(Self::start_with(installed()?, tenant, "").await)
    }

    async fn start_with(installed: Installed, tenant: &str, push_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup {
            tenant: tenant.to_owned(),
            addr: free_addr(),
            data: folder.path().join("data"),
            agent_token: secret(folder.path(), "agent.token", AGENT_TOKEN),
            push_url: push_url.to_owned(),
            push_token: secret(folder.path(), "push.token", PUSH_TOKEN),
            push_every_s: 3_600,
        };
        let mut node_red = NodeRed::start(&installed, &setup).unwrap();
        node_red.ready(&setup.agent_token).await.unwrap();
        Self {
            node_red,
            client: PlainClient::new(),
            _folder: folder,
        }
    }

    async fn ask(&self, dataset: &str, query: &str) -> (u16, String) {
        let url = format!("http://{}/spokegate/{dataset}{query}", self.node_red.addr());
        let answer = self.client.get(&url, AGENT_TOKEN).await.unwrap();
        (
            answer.status,
            String::from_utf8(answer.body.to_vec()).unwrap(),
        )
    }

    async fn rows(&self, dataset: &str, query: &str) -> Vec<Value> {
        let (status, text) = self.ask(dataset, query).await;
        assert_eq!(status, 200, "{dataset}{query}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Node-RED; nothing when there is no Node.js, which is a failure in CI.
fn installed() -> Option<Installed> {
    match find_or_install(&repository().join("deploy/node-red")) {
        Ok(installed) => Some(installed),
        Err(missing @ (Missing::NoNode | Missing::OldNode(_))) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
            eprintln!("SKIPPED: {missing}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn secret(folder: &Path, name: &str, value: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, value).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn free_addr() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}
