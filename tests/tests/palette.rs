//! The promise: a Node-RED author answers a dataset with three nodes, and pushes with one, on Node-RED 4 and 5: what the
//! examples of the palette say reaches a report, and the editor tells the contract's verdict before anything is sent.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "palette/kills.rs"]
mod kills;
#[path = "palette/node_red.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod node_red;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use node_red::{NodeRed, Version};
use serde_json::{Value, json};
use spokegate_demo::client::{NewRun, Run, RunState};
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, SourceChoice};

const PATIENCE: Duration = Duration::from_secs(120);
/// The datasets that the examples answer.
const ASKED: [&str; 2] = ["devices", "patch-status"];

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_answer_on_node_red_4() {
    three_nodes_answer(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_answer_on_node_red_5() {
    three_nodes_answer(Version::Five).await;
}

#[test]
fn every_node_keeps_its_word_on_node_red_4() {
    nodes_keep_their_word(Version::Four);
}

#[test]
fn every_node_keeps_its_word_on_node_red_5() {
    nodes_keep_their_word(Version::Five);
}

async fn three_nodes_answer(version: Version) {
    let mut fabric = fabric().await;
    let port = spokegate_tests::free_port().port();
    ask_the_palette(&mut fabric, port).await;
    let node_red = {
        let satellite = fabric.satellite("acme").unwrap();
        let (push_url, push_token) = satellite.push_endpoint();
        NodeRed::start(
            version,
            port,
            satellite.agent_token_file(),
            push_url,
            push_token,
        )
    };
    node_red.answers(&ASKED).await;

    // The three examples as an author imports them: pulled whole, pulled in parts, pushed on a timer.
    let words = until_reported(&fabric, "Offsite copy of srv-01").await;
    for expected in ["srv-01", "pc-07", "pc-2000"] {
        assert!(words.contains(expected), "{expected} is in no report");
    }

    local_api_tells(&mut fabric).await;
    let setup = json!({
        "editor": node_red.editor(),
        "pictures": pictures(),
        "name": format!("palette-{}", version.name()),
    });
    let browsing = tokio::task::spawn_blocking(move || browse(&setup));
    browsing.await.unwrap();

    what_goes_wrong_has_a_kind(&fabric, &node_red).await;
    drop(node_red);
    fabric.shutdown().await;
}

/// The centre learns the kind of a failure and no word of the flow's; the flow learns what the contract refuses.
async fn what_goes_wrong_has_a_kind(fabric: &Fabric, node_red: &NodeRed) {
    node_red.deploy(node_red::failing()).await;
    node_red.answers(&ASKED).await;
    let refused = node_red.told(|told| told["error"].is_object()).await;
    assert_eq!(refused["error"]["type"], "contract", "{refused}");
    assert_eq!(refused["faults"][0]["what"], "contract:required");
    assert_eq!(refused["faults"][0]["where"], "/0");

    // Nobody answers: the flow's time passes.
    check_run(&order(fabric).await, "its flow did not answer in time");

    // The flow is deployed anew while its answer is awaited.
    let (run, ()) = tokio::join!(order(fabric), async {
        node_red.told(|told| told["asked"] == 2).await;
        node_red.deploy(node_red::empty()).await;
    });
    check_run(&run, "its flow ended with an error");

    // Nobody is there any more.
    check_run(
        &order(fabric).await,
        "no dataset request node answers for it",
    );
}

#[track_caller]
fn check_run(run: &Run, expected: &str) {
    assert_eq!(run.state, RunState::Failed, "{run:?}");
    let told = format!("{run:?}");
    assert!(told.contains(expected), "{expected} is not in {told}");
}

async fn fabric() -> Fabric {
    let mut options = Options::sample().unwrap();
    options.tenants.truncate(1);
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    Fabric::start(options).await.unwrap()
}

/// Has the agent ask dataset request nodes at `port` where it asked a flow.
async fn ask_the_palette(fabric: &mut Fabric, port: u16) {
    let satellite = fabric.satellite("acme").unwrap();
    satellite.stop_agent().await;
    satellite.stop_source().await;
    let mut text = std::fs::read_to_string(satellite.config()).unwrap();
    for dataset in ASKED {
        let old = format!(
            "kind = \"http\"\nurl = \"{}\"",
            satellite.source_url(dataset)
        );
        let new = format!(
            "kind = \"node-red\"\nurl = \"http://127.0.0.1:{port}/spokegate\"\ntimeout_ms = 8000"
        );
        assert!(text.contains(&old), "{text}");
        text = text.replace(&old, &new);
    }
    std::fs::write(satellite.config(), text).unwrap();
    satellite.start_agent().await.unwrap();
    satellite.connected().await.unwrap();
}

/// What the agent says to flows of this machine: datasets, status, and a verdict in the sanitizer's words.
async fn local_api_tells(fabric: &mut Fabric) {
    let satellite = fabric.satellite("acme").unwrap();
    let (push_url, token) = satellite.push_endpoint();
    let token = std::fs::read_to_string(token).unwrap();
    let base = push_url.strip_suffix("/push").unwrap();
    let client = PlainClient::new();
    let get = async |path: &str| -> Value {
        let answer = client.get(&format!("{base}{path}"), token.trim()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
        serde_json::from_slice(&answer.body).unwrap()
    };
    let status = get("/status").await;
    assert_eq!(
        (&status["link"], &status["contracts"]),
        (&json!(true), &json!(true))
    );
    let datasets = get("/datasets").await;
    let devices = datasets["datasets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|dataset| dataset["dataset"] == "devices")
        .unwrap();
    assert_eq!(
        (
            &devices["title"],
            &devices["pulled"],
            &devices["directions"]
        ),
        (&json!("Devices"), &json!(true), &json!(["pull"]))
    );
    assert!(devices["schema"]["properties"]["hostname"].is_object());
    let check = async |path: &str, body: &str| -> (u16, Value) {
        let url = format!("{base}/check/{path}");
        let answer = client
            .post_json(&url, token.trim(), body.to_owned().into())
            .await
            .unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    };
    let (status, verdict) = check("devices/1?kind=pull", r#"[{"hostname":"a b"}]"#).await;
    assert_eq!((status, &verdict["valid"]), (200, &json!(false)));
    assert_eq!(verdict["faults"][0]["where"], "/0", "{verdict}");
    assert_eq!(verdict["faults"][0]["what"], "contract:required");
    assert_eq!(
        check("devices/1", "[]").await.1,
        json!({"valid": true, "checked": 0, "faults": []})
    );
    assert_eq!(check("devices/9", "[]").await.0, 404);
    assert_eq!(check("no-such/1", "[]").await.0, 404);
}

async fn order(fabric: &Fabric) -> Run {
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let order = NewRun {
        report: "customer-overview",
        tenants: &["acme"],
        fields: &[],
    };
    let run = browser.order(&order).await.unwrap();
    browser.await_end(&run).await.unwrap()
}

/// The document of a report, once these words are in it.
async fn until_reported(fabric: &Fabric, words: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let run = order(fabric).await;
        assert_eq!(run.state, RunState::Done, "{run:?}");
        let mut browser = fabric.browser().unwrap();
        browser.sign_in("alice", fabric.password()).await.unwrap();
        let document = browser.download(&run.id).await.unwrap();
        let bytes = std::io::Cursor::new(document.bytes.to_vec());
        let mut package = zip::ZipArchive::new(bytes).unwrap();
        let part = package.by_name("word/document.xml").unwrap();
        let text = std::io::read_to_string(part).unwrap();
        if text.contains(words) {
            return text;
        }
        assert!(Instant::now() < end, "{words} did not reach the centre");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// The palette's own tests, each node in flows of this Node-RED.
fn nodes_keep_their_word(version: Version) {
    let palette = node_red::repository().join("deploy/node-red/palette");
    let output = Command::new("node")
        .args([
            "--test",
            "--test-reporter=tap",
            "test/pull.test.js",
            "test/push.test.js",
        ])
        .current_dir(palette)
        .env("PALETTE_NODE", version.node())
        .env("PALETTE_NODE_RED", version.folder())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    let passed = told.lines().find_map(|line| line.strip_prefix("# pass "));
    let passed: u32 = passed.unwrap().parse().unwrap();
    assert!(passed >= 21, "{passed} tests passed\n{told}");
}

/// Uses the editor in a real Chromium; what it needs comes on standard input.
fn browse(setup: &Value) {
    let mut node = Command::new("node")
        .arg("palette.mjs")
        .current_dir(node_red::repository().join("tests/journeys"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = node.stdin.take().unwrap();
    input.write_all(setup.to_string().as_bytes()).unwrap();
    drop(input);
    let output = node.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("the editor: ok"), "{told}");
}

fn pictures() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("palette")
}
