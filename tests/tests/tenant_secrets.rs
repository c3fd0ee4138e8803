//! The promise: a tenant's secret goes sealed from the operator to the satellite, flows read it as `${NAME}` on Node-RED 4
//! and 5, and it is in no flow, log, listing or file but the one that the agent keeps for itself.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;
#[path = "palette/node_red.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod node_red;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use commands::{fabric, fail, spokegate, until_online};
use node_red::{NodeRed, Version, node};
use serde_json::{Value, json};
use spokegate_demo::Fabric;
use spokegate_demo::http::PlainClient;

const PATIENCE: Duration = Duration::from_secs(120);
const FIRST: &str = "Canary-first-31d7-$&'\"";
const SECOND: &str = "Canary-second-c04b";
/// The agent's own file, beside its certificate.
const OWN: &str = ".secrets";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_flows_of_node_red_4_and_nothing_else() {
    a_secret_reaches_flows(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_flows_of_node_red_5_and_nothing_else() {
    a_secret_reaches_flows(Version::Five).await;
}

async fn a_secret_reaches_flows(version: Version) {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let told = set(&fabric, FIRST);
    assert!(
        told.contains("secret acme/hq (command 1): done: MAIL_PASSWORD is kept"),
        "{told}"
    );
    let listed = spokegate(&fabric, "secret", "list", &["--tenant", "acme"]);
    assert!(
        listed.starts_with("acme/hq  MAIL_PASSWORD  since "),
        "{listed}"
    );
    let others = spokegate(&fabric, "secret", "list", &["--tenant", "globex"]);
    assert_eq!(others, "");

    let door = Door::open();
    let node_red = started(&mut fabric, version, &door).await;
    assert_eq!(field(&node_red).await, FIRST);
    assert_eq!(door.password(), FIRST, "a credential");
    let flows = PlainClient::new()
        .get(&format!("{}flows", node_red.editor()), "")
        .await;
    let flows = String::from_utf8(flows.unwrap().body.to_vec()).unwrap();
    assert!(flows.contains("${MAIL_PASSWORD}"), "{flows}");
    let commands = spokegate(&fabric, "satellite", "commands", &[]);
    let listings = [told, listed, flows, commands];
    is_nowhere_else(&fabric, &node_red, FIRST, &listings);

    // Another value: flows read it from the next start on.
    set(&fabric, SECOND);
    assert_eq!(field(&node_red).await, FIRST);
    drop(node_red);
    let node_red = started(&mut fabric, version, &door).await;
    assert_eq!(field(&node_red).await, SECOND);
    is_nowhere_else(&fabric, &node_red, SECOND, &[]);
    assert!(
        holders(fabric.folder(), FIRST).is_empty(),
        "the old one is gone"
    );
    drop(node_red);

    let to = ["--tenant", "acme", "--satellite", "hq", "MAIL_PASSWORD"];
    let told = spokegate(&fabric, "secret", "remove", &to);
    assert!(told.contains("done: MAIL_PASSWORD is removed"), "{told}");
    assert_eq!(
        spokegate(&fabric, "secret", "list", &["--tenant", "acme"]),
        ""
    );
    assert!(holders(fabric.folder(), SECOND).is_empty());
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_secret_is_refused_before_it_is_sent() {
    let fabric = fabric().await;
    let directory = fabric.authorities();
    let folder = tempfile::tempdir().unwrap();
    let refused = |tenant: &str, name: &str, value: &str, expected: &str| {
        let file = folder.path().join("value");
        std::fs::write(&file, value).unwrap();
        let told = fail(
            "spokegate",
            &[
                "secret",
                "set",
                "--directory",
                directory.to_str().unwrap(),
                "--tenant",
                tenant,
                name,
                "--value-file",
                file.to_str().unwrap(),
            ],
        );
        assert!(told.contains(expected), "{told}");
        let shown = value.len() > 3 && told.contains(value);
        assert!(!shown, "the value is shown");
    };
    refused("acme", "PATH", "canary", "hint: choose another name");
    refused("acme", "MAIL-PASSWORD", "canary", "no digit in front");
    refused("acme", "X", "\n", "allowed are 1 to 8192");
    refused("acme", "X", &"c".repeat(8_193), "allowed are 1 to 8192");
    refused("acme", "X", "can\0ary", "without a zero character");
    refused("nobody", "X", "canary", "no satellite of nobody");
    fabric.shutdown().await;
}

fn set(fabric: &Fabric, value: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    std::fs::write(&file, format!("{value}\n")).unwrap();
    let rest = ["--tenant", "acme", "MAIL_PASSWORD", "--value-file"];
    let rest: Vec<&str> = rest.into_iter().chain([file.to_str().unwrap()]).collect();
    spokegate(fabric, "secret", "set", &rest)
}

async fn started(fabric: &mut Fabric, version: Version, door: &Door) -> NodeRed {
    let port = spokegate_tests::free_port().port();
    let satellite = fabric.satellite("acme").unwrap();
    let (url, token) = satellite.push_endpoint();
    let node_red = NodeRed::start(version, port, satellite.agent_token_file(), url, token);
    node_red.answers(&["devices"]).await;
    node_red.deploy(flows(door.port())).await;
    node_red
}

/// `/field` answers with a field that is the secret; a request with the secret as its credential goes to a door.
fn flows(door: u16) -> Value {
    let template = json!({ "field": "payload", "fieldType": "msg", "format": "text", "syntax": "plain",
                           "template": "${MAIL_PASSWORD}", "output": "str" });
    let once = json!({ "props": [], "repeat": "", "once": true, "onceDelay": "0.1" });
    let request = json!({ "method": "GET", "ret": "txt", "url": format!("http://127.0.0.1:{door}/"), "authType": "basic",
                          "credentials": { "user": "reports", "password": "${MAIL_PASSWORD}" } });
    json!([
        { "id": "tab", "type": "tab", "label": "secrets" },
        node("in", "http in", json!({ "url": "/field", "method": "get" }), json!([["field"]])),
        node("field", "template", template, json!([["out"]])),
        node("out", "http response", json!({ "headers": {} }), json!([])),
        node("once", "inject", once, json!([["request"]])),
        node("request", "http request", request, json!([[]])),
    ])
}

async fn field(node_red: &NodeRed) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(text) = node_red.asked("field").await {
            return text;
        }
        assert!(Instant::now() < end, "the flow does not answer");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Neither what Node-RED was started with nor what it or the fabric wrote holds the value.
#[track_caller]
fn is_nowhere_else(fabric: &Fabric, node_red: &NodeRed, value: &str, listings: &[String]) {
    let process = Path::new("/proc").join(node_red.process().to_string());
    for name in ["environ", "cmdline"] {
        let bytes = std::fs::read(process.join(name)).unwrap();
        assert!(!holds(&bytes, value), "{name} of Node-RED");
    }
    let found = holders(node_red.folder(), value);
    assert!(found.is_empty(), "{found:?}");
    let found = holders(fabric.folder(), value);
    let (own, foreign): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| path.ends_with(OWN));
    assert!(foreign.is_empty(), "{foreign:?}");
    assert_eq!(own.len(), 1, "the agent's own file");
    for listing in listings {
        assert!(!listing.contains(value), "{listing}");
    }
}

fn holds(bytes: &[u8], value: &str) -> bool {
    bytes
        .windows(value.len())
        .any(|part| part == value.as_bytes())
}

/// Every file below a folder that holds the value, as it is or as JSON writes it. A process of its own looks: this one has the
/// registry open, and would lose its locks on each file that it closes.
fn holders(folder: &Path, value: &str) -> Vec<String> {
    let json = serde_json::to_string(value).unwrap();
    let patterns = format!("{value}\n{}\n", json.trim_matches('"'));
    let mut grep = Command::new("grep")
        .args(["-rlaF", "--devices=skip", "-f", "-"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = grep.stdin.take().unwrap();
    input.write_all(patterns.as_bytes()).unwrap();
    drop(input);
    let output = grep.wait_with_output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    found.lines().map(str::to_owned).collect()
}

/// A listener that notes with which credentials somebody came.
struct Door {
    port: u16,
    came: std::sync::mpsc::Receiver<String>,
}

impl Door {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, came) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = [0; 4_096];
                let read = stream.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
                if sender.send(text).is_err() {
                    return;
                }
            }
        });
        Self { port, came }
    }

    fn port(&self) -> u16 {
        self.port
    }

    /// The password of whoever came first.
    fn password(&self) -> String {
        use base64::Engine as _;
        let request = self.came.recv_timeout(PATIENCE).unwrap();
        let shown = request.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let basic = value.strip_prefix("Basic ")?;
            name.eq_ignore_ascii_case("authorization").then_some(basic)
        });
        let Some(shown) = shown else {
            panic!("no credentials in {request}");
        };
        let pair = base64::engine::general_purpose::STANDARD
            .decode(shown)
            .unwrap();
        let pair = String::from_utf8(pair).unwrap();
        pair.strip_prefix("reports:").unwrap().to_owned()
    }
}
