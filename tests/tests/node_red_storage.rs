//! The promise: what is deployed into Node-RED 4 and 5 is on the disk of its machine, flows with their credentials, and no kill
//! leaves Node-RED with less than it had acknowledged; it starts whether or not there is an agent.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "palette/node_red.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod node_red;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use node_red::{NodeRed, Version};
use serde_json::{Value, json};
use spokegate_demo::http::PlainClient;

const PATIENCE: Duration = Duration::from_secs(120);
const TOKEN: &str = "agent-token-of-the-test";
/// Ends by signal 9 in the middle of saves.
const KILLS: u64 = 30;

#[test]
fn the_storage_does_what_node_red_4_expects() {
    keeps_its_word(Version::Four);
}

#[test]
fn the_storage_does_what_node_red_5_expects() {
    keeps_its_word(Version::Five);
}

/// The storage's own tests, through the runtime of this Node-RED.
fn keeps_its_word(version: Version) {
    let storage = node_red::repository().join("deploy/node-red/storage");
    let output = Command::new(version.node())
        .args(["--test", "--test-reporter=tap"])
        .args(["test/storage.test.js", "test/sync.test.js"])
        .current_dir(storage)
        .env("PALETTE_NODE_RED", version.folder())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    let passed = told.lines().find_map(|line| line.strip_prefix("# pass "));
    let passed: u32 = passed.unwrap().parse().unwrap();
    assert!(passed >= 40, "{passed} tests passed\n{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_4_begins_empty_and_finds_again_what_it_saved() {
    begins_empty(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_5_begins_empty_and_finds_again_what_it_saved() {
    begins_empty(Version::Five).await;
}

async fn begins_empty(version: Version) {
    let tokens = tempfile::tempdir().unwrap();
    let port = spokegate_tests::free_port().port();
    let mut editor = Editor(NodeRed::start_with(
        version,
        port,
        &token(&tokens),
        None,
        None,
    ));
    assert_eq!(editor.flows().await, json!([]));
    editor.deploy(7).await.unwrap();
    let entry = json!({ "name": "ping", "text": "return msg;" });
    editor
        .save("library/local/functions/net/ping.js", &entry)
        .await;
    let entry = json!({ "text": "[]" });
    editor.save("library/local/flows/net/one", &entry).await;

    editor.0.kill();
    editor.0.again();
    assert_eq!(editor.state().await, (7, "user-7".to_owned()));
    let folders = editor.get("library/local/functions/").await.unwrap();
    assert_eq!(folders, json!(["net"]));
    let listed = editor.get("library/local/functions/net/").await.unwrap();
    assert_eq!(listed, json!([{ "fn": "ping.js", "name": "ping" }]));
    let entry = editor.text("library/local/functions/net/ping.js").await;
    assert_eq!(entry.as_deref(), Some("return msg;"));
    let flows = editor.get("library/local/flows/net").await.unwrap();
    assert_eq!(flows, json!([{ "fn": "one.json" }]));
    assert_eq!(editor.text("library/local/functions/net/no.js").await, None);

    // A file of Node-RED's own place is in force from the next start on.
    editor.0.kill();
    let own = editor.0.folder().join("flows.json");
    std::fs::write(own, without_credentials(8).to_string()).unwrap();
    editor.0.again();
    assert_eq!(editor.flows().await, without_credentials(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_costs_node_red_4_what_it_acknowledged() {
    survives_kills(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kill_costs_node_red_5_what_it_acknowledged() {
    survives_kills(Version::Five).await;
}

/// Each deploy has a number, in its flows and in its credentials.
async fn survives_kills(version: Version) {
    let kills = std::env::var("KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let tokens = tempfile::tempdir().unwrap();
    let port = spokegate_tests::free_port().port();
    let node_red = NodeRed::start_with(version, port, &token(&tokens), None, None);
    let mut editor = Editor(node_red);
    editor.flows().await;
    editor.deploy(1).await.unwrap();
    let acknowledged = Arc::new(AtomicU64::new(1));
    for kill in 0..kills {
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, ended) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        let url = format!("{}flows", editor.0.editor());
        let from = acknowledged.load(Ordering::SeqCst) + 1_000;
        let deploys = async move {
            for number in from.. {
                if ended.load(Ordering::SeqCst) || deploy(&url, number).await.is_none() {
                    return;
                }
                seen.store(number, Ordering::SeqCst);
            }
        };
        // No two kills at the same place of a save.
        let killed = async {
            tokio::time::sleep(Duration::from_millis(40 + kill * 17)).await;
            editor.0.kill();
            stop.store(true, Ordering::SeqCst);
        };
        tokio::join!(deploys, killed);
        editor.0.again();
        let (number, user) = editor.state().await;
        let least = acknowledged.load(Ordering::SeqCst);
        assert!(number >= least, "{number} after {least} was acknowledged");
        assert_eq!(user, format!("user-{number}"), "flows and credentials");
        acknowledged.store(number, Ordering::SeqCst);
    }
}

fn token(folder: &tempfile::TempDir) -> PathBuf {
    let file = folder.path().join("agent.token");
    std::fs::write(&file, TOKEN).unwrap();
    file
}

fn flows_of(number: u64) -> Value {
    let label = number.to_string();
    let credentials = json!({ "user": format!("user-{number}"), "password": "p" });
    json!([
        { "id": "tab", "type": "tab", "label": label },
        { "id": "request", "type": "http request", "z": "tab", "x": 1, "y": 1, "method": "GET", "ret": "txt",
          "url": "http://127.0.0.1:9/", "authType": "basic", "wires": [[]], "credentials": credentials },
    ])
}

fn without_credentials(number: u64) -> Value {
    let mut flows = flows_of(number);
    flows[1].as_object_mut().unwrap().remove("credentials");
    flows
}

/// `None` when Node-RED did not say that it has it.
async fn deploy(url: &str, number: u64) -> Option<()> {
    let flows = flows_of(number).to_string();
    let answer = PlainClient::new().post_json(url, "", flows.into()).await;
    (answer.ok()?.status == 204).then_some(())
}

/// Node-RED's admin API.
struct Editor(NodeRed);

impl Editor {
    async fn deploy(&self, number: u64) -> Option<()> {
        deploy(&format!("{}flows", self.0.editor()), number).await
    }

    async fn save(&self, path: &str, value: &Value) {
        let url = format!("{}{path}", self.0.editor());
        let answer = PlainClient::new()
            .post_json(&url, "", value.to_string().into())
            .await;
        assert_eq!(answer.unwrap().status, 204, "{}", self.0.log());
    }

    /// The flows, once Node-RED answers.
    async fn flows(&self) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(flows) = self.get("flows").await {
                return flows;
            }
            assert!(Instant::now() < end, "{}", self.0.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The number of the deploy whose flows there are, and the user in its credentials.
    async fn state(&self) -> (u64, String) {
        let flows = self.flows().await;
        let number = flows[0]["label"].as_str().map(str::parse);
        let Some(Ok(number)) = number else {
            panic!("Node-RED began with {flows}\n{}", self.0.log());
        };
        let credentials = self.get("credentials/http-request/request").await.unwrap();
        let user = credentials["user"].as_str().unwrap_or_default();
        (number, user.to_owned())
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let text = self.text(path).await?;
        Some(serde_json::from_str(&text).unwrap())
    }

    async fn text(&self, path: &str) -> Option<String> {
        let url = format!("{}{path}", self.0.editor());
        let answer = PlainClient::new().get(&url, "").await.ok()?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status == 200).then_some(text)
    }
}
