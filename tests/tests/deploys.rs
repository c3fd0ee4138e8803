//! The promise: a flow set is imported once and put in force on satellites by one command; each tries it beside what runs,
//! goes back by itself where it is not healthy, and says when somebody changed it since. Modules that it needs go with it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;
#[path = "fabric/kept.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod kept;
#[path = "deploys/modules.rs"]
mod modules;
#[path = "palette/node_red.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod node_red;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use commands::{fabric, fail, spokegate, until_online};
use kept::{Kept, flows};
use node_red::{Version, code, node};
use serde_json::{Value, json};
use spokegate_demo::Fabric;

const PATIENCE: Duration = Duration::from_secs(120);
const ACME: [&str; 2] = ["--tenant", "acme"];

/// Flows whose `/hello` answers a word.
fn hello(word: &str) -> Value {
    flows(&[("hello", &format!("msg.payload = '{word}'; return msg;"))])
}

/// The same with one more node.
fn hello_and(word: &str, more: Value) -> Value {
    let mut all = hello(word);
    all.as_array_mut().unwrap().push(more);
    all
}

/// A function that ends Node-RED a moment after its start, unless a condition holds.
fn crashing(unless: &str) -> Value {
    let code = format!("if (!({unless})) {{ Promise.reject(new Error('on purpose')); }}");
    json!({ "id": "crash", "type": "function", "z": "tab", "x": 1, "y": 1, "func": "return msg;", "initialize": code,
            "outputs": 1, "libs": [], "timeout": 0, "wires": [[]] })
}

/// Imports flows as the next version of the set `office`.
fn import(fabric: &Fabric, flows: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.json");
    std::fs::write(&file, flows.to_string()).unwrap();
    let rest = ["office", "--from-file", file.to_str().unwrap()];
    spokegate(fabric, "flows", "import", &rest)
}

fn deploy(fabric: &Fabric, version: &str) -> String {
    let rest = [&["office", "--version", version][..], &ACME].concat();
    spokegate(fabric, "flows", "deploy", &rest)
}

/// What a deploy says that does not succeed.
fn refused(fabric: &Fabric, version: &str, whom: &[&str]) -> String {
    let directory = fabric.authorities();
    let directory = [
        "flows",
        "deploy",
        "--directory",
        directory.to_str().unwrap(),
    ];
    let arguments = [&directory[..], &["office", "--version", version], whom].concat();
    let output = commands::run("spokegate", &arguments);
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!output.status.success(), "{told}");
    told
}

fn drift(fabric: &Fabric) -> String {
    spokegate(fabric, "flows", "drift", &ACME)
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_deployed_and_brought_back_on_node_red_4() {
    are_deployed_and_brought_back(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_deployed_and_brought_back_on_node_red_5() {
    are_deployed_and_brought_back(Version::Five).await;
}

async fn are_deployed_and_brought_back(version: Version) {
    let mut fabric = fabric().await;
    let satellite = Kept::start_on(&mut fabric, version_of(version), &hello("own"), "").await;
    assert_eq!(satellite.asked("hello").await, "own");
    until_online(&fabric, "acme", |_| true).await;
    assert!(drift(&fabric).contains("nothing was deployed here, and there are flows"));

    from_git(&fabric, &hello("one"));
    let told = deploy(&fabric, "1");
    assert!(
        told.contains("deploy acme/hq")
            && told.contains("done: office@1 runs")
            && told.ends_with("1 satellite with office@1\n"),
        "{told}"
    );
    assert_eq!(satellite.asked("hello").await, "one");
    assert!(deploy(&fabric, "1").contains("office@1 runs already"));
    assert!(drift(&fabric).contains("office@1 runs as it was deployed"));

    // The next version, and the way back.
    assert!(import(&fabric, &hello("two")).starts_with("office@2: 4 nodes, 1 tab;"));
    assert!(import(&fabric, &hello("two")).starts_with("office@2 holds the same already"));
    deploy(&fabric, "2");
    assert_eq!(satellite.asked("hello").await, "two");
    deploy(&fabric, "1");
    assert_eq!(satellite.asked("hello").await, "one");
    let listed = spokegate(&fabric, "flows", "list", &["office"]);
    assert!(
        listed.starts_with("office@2  4 nodes, 1 tab  imported "),
        "{listed}"
    );
    let shown = spokegate(&fabric, "flows", "show", &["office", "--version", "1"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 4);

    // Somebody edits them on the satellite.
    let file = satellite.folder().join("storage/flows.json");
    std::fs::write(&file, hello("edited").to_string()).unwrap();
    assert!(drift(&fabric).contains("office@1 was deployed, and changed here since"));
    deploy(&fabric, "1");
    assert!(drift(&fabric).contains("office@1 runs as it was deployed"));
    assert_eq!(satellite.asked("hello").await, "one");
    satellite.stop().await;
    fabric.shutdown().await;
}

/// A repository of the MSP with these flows, imported.
fn from_git(fabric: &Fabric, flows: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let who = [
            "-c",
            "user.name=Alice Moreau",
            "-c",
            "user.email=alice@example.com",
        ];
        let status = Command::new("git")
            .args(who)
            .args(arguments)
            .current_dir(folder.path())
            .status();
        assert!(status.unwrap().success(), "{arguments:?}");
    };
    git(&["init", "--quiet", "."]);
    std::fs::write(folder.path().join("flows.json"), flows.to_string()).unwrap();
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "office"]);
    let rest = ["office", "--from-git", folder.path().to_str().unwrap()];
    let told = spokegate(fabric, "flows", "import", &rest);
    assert!(told.starts_with("office@1: 4 nodes, 1 tab;"), "{told}");
}

/// Asks a flow again and again, until it is told to stop; the longest time without an answer.
async fn longest_silence(port: u16, token: String, over: Arc<AtomicBool>) -> Duration {
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    let client = spokegate_demo::http::PlainClient::new();
    while !over.load(Ordering::Relaxed) {
        let url = format!("http://127.0.0.1:{port}/spokegate/hello");
        let answer = client.get(&url, &token).await;
        if answer.is_ok_and(|answer| answer.status == 200) {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    longest.max(last.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_healthy_is_not_put_in_force_or_goes_back() {
    let mut fabric = fabric().await;
    let satellite = Kept::start(&mut fabric, &hello("own"), "").await;
    assert_eq!(satellite.asked("hello").await, "own");
    until_online(&fabric, "acme", |_| true).await;
    let process = satellite.status()["process"].clone();

    // What its trial shows never touches what runs.
    let over = Arc::new(AtomicBool::new(false));
    let (port, token) = satellite.endpoint();
    let asking = longest_silence(port, token, Arc::clone(&over));
    let here = tokio::runtime::Handle::current();
    let silence = std::thread::spawn(move || here.block_on(asking));
    let strange =
        json!({ "id": "strange", "type": "s7 in", "z": "tab", "x": 1, "y": 1, "wires": [[]] });
    import(&fabric, &hello_and("strange", strange));
    let told = refused(&fabric, "1", &ACME);
    assert!(told.contains("is not installed: s7 in"), "{told}");
    assert!(
        told.contains("1 satellite of this wave without it, 0 satellites not asked"),
        "{told}"
    );
    import(&fabric, &hello_and("crash", crashing("false")));
    let told = refused(&fabric, "2", &ACME);
    assert!(
        told.contains("in its trial it ended with exit status: 1"),
        "{told}"
    );
    over.store(true, Ordering::Relaxed);
    let silence = silence.join().unwrap();
    // A Node-RED that starts beside it takes a busy machine's time, never the one that runs.
    assert!(silence < Duration::from_secs(20), "silent for {silence:?}");
    assert_eq!(satellite.asked("hello").await, "own");
    assert_eq!(satellite.status()["process"], process);
    assert!(!satellite.beside_spool().join("flows/trial").exists());

    // What shows only in force goes back by itself, and no other satellite gets it.
    let in_trial = "env.get('SPOKEGATE_NODE_RED_TRIAL') === 'on'";
    import(&fabric, &hello_and("late", crashing(in_trial)));
    let told = refused(&fabric, "3", &["--all", "--wave", "1"]);
    assert!(
        told.contains("rolled-back: office@3 was not healthy, the flows of before run again: it ended with exit status: 1"),
        "{told}"
    );
    assert!(told.contains("1 satellite not asked"), "{told}");
    assert_eq!(satellite.asked("hello").await, "own");
    let commands = spokegate(&fabric, "satellite", "commands", &[]);
    assert!(!commands.contains("deploy globex"), "{commands}");
    assert!(drift(&fabric).contains("nothing was deployed here"));

    // Where the agent keeps no Node-RED it says so.
    import(&fabric, &hello("four"));
    let told = refused(&fabric, "4", &["--tenant", "globex"]);
    assert!(
        told.contains("unsupported: this agent keeps no Node-RED"),
        "{told}"
    );
    satellite.stop().await;
    fabric.shutdown().await;
}

/// Flows with a node of the palette that answers a dataset.
fn answering(dataset: &str) -> Value {
    let asked = json!({ "name": "", "dataset": dataset, "version": "1", "agent": "" });
    let reply = json!({ "name": "", "mode": "whole" });
    json!([
        { "id": "tab", "type": "tab", "label": "tab", "disabled": false },
        node("asked", "spokegate-dataset-request", asked, json!([["give"], []])),
        code("give", "msg.payload = []; return msg;", json!([["reply"]])),
        node("reply", "spokegate-dataset-reply", reply, json!([[], []])),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_asks_for_has_to_be_answered_by_node_red_4() {
    has_to_be_answered(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_asks_for_has_to_be_answered_by_node_red_5() {
    has_to_be_answered(Version::Five).await;
}

/// By nodes of the palette, below the root that the shipped settings give them.
async fn has_to_be_answered(version: Version) {
    let mut fabric = fabric().await;
    let source = "[[source]]\ndataset = 'tickets'\nkind = 'node-red'\nurl = 'http://127.0.0.1:@PORT@/spokegate'\n\
                  token_file = '@TOKEN@'";
    let satellite = Kept::start_on(&mut fabric, version_of(version), &hello("own"), source).await;
    assert_eq!(satellite.asked("hello").await, "own");
    until_online(&fabric, "acme", |_| true).await;
    import(&fabric, &answering("services"));
    let told = refused(&fabric, "1", &ACME);
    assert!(
        told.contains(
            "no dataset request node answers tickets v1, which a [[source]] of this agent asks for"
        ),
        "{told}"
    );
    assert_eq!(satellite.asked("hello").await, "own");
    import(&fabric, &answering("tickets"));
    assert!(deploy(&fabric, "2").contains("done: office@2 runs"));
    satellite.stop().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_ends_with_the_flows_of_before_or_the_new_ones() {
    let mut fabric = fabric().await;
    let satellite = Kept::start(&mut fabric, &hello("own"), "").await;
    assert_eq!(satellite.asked("hello").await, "own");
    let (port, token) = satellite.endpoint();
    let journal = satellite.beside_spool().join("flows");
    let (config, folder) = (satellite.config().to_owned(), satellite.folder().to_owned());
    satellite.stop().await;
    import(&fabric, &hello("new"));
    let rest = [&["office", "--version", "1", "--wait-s", "0"][..], &ACME].concat();
    let directory = fabric.authorities();
    let directory = [
        "flows",
        "deploy",
        "--directory",
        directory.to_str().unwrap(),
    ];
    // Ordered while no agent runs; each life of the agent takes it up again.
    fail("spokegate", &[&directory[..], &rest].concat());
    for name in ["before.json", "switch.json"] {
        let mut agent = run(&config);
        until(name, || journal.join(name).exists());
        agent.kill().unwrap();
        agent.wait().unwrap();
        let present = std::fs::read_to_string(folder.join("storage/flows.json")).unwrap();
        assert!(
            present.contains("'own'") || present.contains("'new'"),
            "{present}"
        );
    }
    let mut agent = run(&config);
    let end = Instant::now() + PATIENCE;
    loop {
        let commands = spokegate(&fabric, "satellite", "commands", &[]);
        if commands.contains("done: office@1 runs") {
            break;
        }
        assert!(Instant::now() < end, "{commands}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let url = format!("http://127.0.0.1:{port}/spokegate/hello");
    let answer = spokegate_demo::http::PlainClient::new()
        .get(&url, &token)
        .await
        .unwrap();
    assert_eq!(answer.body.as_ref(), b"new");
    assert!(!journal.join("switch.json").exists());
    agent.kill().unwrap();
    agent.wait().unwrap();
    fabric.shutdown().await;
}

fn run(config: &Path) -> std::process::Child {
    let binary = spokegate_tests::binary(env!("CARGO_TARGET_TMPDIR"), "spokegate-agent");
    let mut command = Command::new(binary);
    command.args(["run", "--config"]).arg(config);
    command.spawn().unwrap()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The program and the script of a version.
fn version_of(version: Version) -> (std::path::PathBuf, std::path::PathBuf) {
    let script = version.folder().join("node_modules/node-red/red.js");
    let node = match version {
        Version::Four => kept::node(),
        Version::Five => version.node(),
    };
    (node, script)
}
