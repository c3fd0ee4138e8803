//! Modules of the palette go with their flow set as verified packages, without npm on the satellite; they are
//! tried, put in force and taken back together with the flows that need them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use spokegate_demo::Fabric;
use tempfile::TempDir;

use super::commands::{self, fabric, spokegate, until_online};
use super::kept::{Kept, flows};
use super::node_red::Version;
use super::{ACME, deploy, drift, version_of};

/// A node that says a word, found by a package inside its own.
const NODE: &str = "module.exports = function (RED) {
  const word = require('word-of-ours');
  RED.nodes.registerType('say-word', function (config) {
    RED.nodes.createNode(this, config);
    this.on('input', (msg, send, done) => { msg.payload = word(); send(msg); done(); });
  });
};";
const EDITOR: &str = "<script type=\"text/javascript\">RED.nodes.registerType('say-word', { category: 'function', defaults: {} });</script>";

/// Flows whose `/hello` answers without any module.
fn own() -> Value {
    flows(&[("hello", "msg.payload = 'own'; return msg;")])
}

/// Flows whose `/hello` answers what the module's node says.
fn saying() -> Value {
    let mut all = flows(&[("hello", "return msg;")]);
    let nodes = all.as_array_mut().unwrap();
    let function = nodes.iter_mut().find(|node| node["type"] == "function");
    function.unwrap()["wires"] = json!([["say"]]);
    nodes.push(
        json!({ "id": "say", "type": "say-word", "z": "tab", "x": 1, "y": 1, "wires": [["out"]] }),
    );
    all
}

/// A package as `npm pack` makes it, of a module that says a word.
fn package(folder: &Path, version: &str, word: &str) -> PathBuf {
    let own = folder.join(version).join("package");
    let inside = own.join("node_modules/word-of-ours");
    std::fs::create_dir_all(&inside).unwrap();
    let manifest = json!({
        "name": "@msp/node-red-say-word", "version": version, "node-red": { "nodes": { "say-word": "say-word.js" } },
        "dependencies": { "word-of-ours": "1.0.0" }, "bundleDependencies": true,
        "scripts": { "postinstall": "touch ran" },
    });
    for (path, text) in [
        (own.join("package.json"), manifest.to_string()),
        (own.join("say-word.js"), NODE.to_owned()),
        (own.join("say-word.html"), EDITOR.to_owned()),
        (
            inside.join("package.json"),
            json!({ "name": "word-of-ours", "version": "1.0.0" }).to_string(),
        ),
        (
            inside.join("index.js"),
            format!("module.exports = () => {word};"),
        ),
    ] {
        std::fs::write(path, text).unwrap();
    }
    let packed = folder.join(format!("say-word-{version}.tgz"));
    let mut tar = Command::new("tar");
    let tar = tar
        .arg("-czf")
        .arg(&packed)
        .arg("-C")
        .arg(folder.join(version))
        .arg("package");
    assert!(tar.status().unwrap().success());
    packed
}

/// Imports flows with modules as the next version of `office`.
fn import(fabric: &Fabric, flows: &Value, modules: &[&Path]) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("flows.json");
    std::fs::write(&file, flows.to_string()).unwrap();
    let mut rest = vec!["office", "--from-file", file.to_str().unwrap()];
    for module in modules {
        rest.extend(["--module", module.to_str().unwrap()]);
    }
    spokegate(fabric, "flows", "import", &rest)
}

fn refused(fabric: &Fabric, version: &str) -> String {
    super::refused(fabric, version, &ACME)
}

/// The folders of modules that a satellite keeps.
fn kept_modules(satellite: &Kept) -> Vec<PathBuf> {
    let folder = satellite.beside_spool().join("flows/modules");
    let there = std::fs::read_dir(folder).into_iter().flatten().flatten();
    there.map(|entry| entry.path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_go_with_their_flows_on_node_red_4() {
    modules_go_with_their_flows(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_go_with_their_flows_on_node_red_5() {
    modules_go_with_their_flows(Version::Five).await;
}

async fn modules_go_with_their_flows(version: Version) {
    let folder = TempDir::new().unwrap();
    let mut fabric = fabric().await;
    let mut satellite = Kept::start_on(&mut fabric, version_of(version), &own(), "").await;
    assert_eq!(satellite.asked("hello").await, "own");
    until_online(&fabric, "acme", |_| true).await;

    // Without the module the flows are not put in force; with it they are.
    import(&fabric, &saying(), &[]);
    let told = refused(&fabric, "1");
    assert!(told.contains("is not installed: say-word"), "{told}");
    assert_eq!(satellite.asked("hello").await, "own");
    let one = package(folder.path(), "1.0.0", "'one'");
    let told = import(&fabric, &saying(), &[&one]);
    assert!(
        told.contains("office@2: 5 nodes, 1 tab, @msp/node-red-say-word@1.0.0; "),
        "{told}"
    );
    let told = import(&fabric, &saying(), &[&one]);
    assert!(
        told.starts_with("office@2 holds the same already"),
        "{told}"
    );
    let told = deploy(&fabric, "2");
    assert!(told.contains("done: office@2 runs"), "{told}");
    assert_eq!(satellite.asked("hello").await, "one");
    assert!(drift(&fabric).contains("office@2 runs as it was deployed"));
    assert!(deploy(&fabric, "2").contains("office@2 runs already"));
    let shown = spokegate(&fabric, "flows", "show", &["office"]);
    assert_eq!(
        serde_json::from_str::<Value>(&shown)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        5
    );

    // After a restart of everything they are there.
    satellite = satellite.again().await;
    assert_eq!(satellite.asked("hello").await, "one");
    until_online(&fabric, "acme", |_| true).await;
    satellite.stop().await;
    fabric.shutdown().await;
}

/// A satellite that runs version 1, with the module's version 1.0.0.
async fn with_a_module(fabric: &mut Fabric, folder: &Path) -> Kept {
    let satellite = Kept::start(fabric, &own(), "").await;
    until_online(fabric, "acme", |_| true).await;
    import(fabric, &saying(), &[&package(folder, "1.0.0", "'one'")]);
    deploy(fabric, "1");
    assert_eq!(satellite.asked("hello").await, "one");
    satellite
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_that_are_not_healthy_go_back_with_their_flows() {
    let folder = TempDir::new().unwrap();
    let mut fabric = fabric().await;
    let satellite = with_a_module(&mut fabric, folder.path()).await;
    let two = package(folder.path(), "2.0.0", "'two'");
    import(&fabric, &saying(), &[&two]);
    deploy(&fabric, "2");
    assert_eq!(satellite.asked("hello").await, "two");
    assert_eq!(
        kept_modules(&satellite).len(),
        1,
        "those of before are gone"
    );
    let throws = package(folder.path(), "3.0.0", "1; throw new Error('on purpose')");
    import(&fabric, &saying(), &[&throws]);
    let told = refused(&fabric, "3");
    assert!(told.contains("what ran goes on"), "{told}");
    assert_eq!(
        kept_modules(&satellite).len(),
        1,
        "what was not put in force is gone"
    );
    let late = "1; if (process.env.SPOKEGATE_NODE_RED_TRIAL !== 'on') setTimeout(() => process.exit(1), 500)";
    let late = package(folder.path(), "4.0.0", late);
    import(&fabric, &saying(), &[&late]);
    let told = refused(&fabric, "4");
    assert!(told.contains("the flows of before run again"), "{told}");
    assert_eq!(satellite.asked("hello").await, "two");
    assert_eq!(kept_modules(&satellite).len(), 1);
    assert!(drift(&fabric).contains("office@2 runs as it was deployed"));
    satellite.stop().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_that_were_changed_are_told_and_those_that_are_not_needed_go() {
    let folder = TempDir::new().unwrap();
    let mut fabric = fabric().await;
    let satellite = with_a_module(&mut fabric, folder.path()).await;
    let module = kept_modules(&satellite)[0].join("node_modules/@msp/node-red-say-word");
    assert!(!module.join("ran").exists(), "no script of a package runs");
    let file = module.join("node_modules/word-of-ours/index.js");
    std::fs::write(file, "module.exports = () => 'x';").unwrap();
    let told = drift(&fabric);
    assert!(
        told.contains("office@1 was deployed, and its modules changed here since"),
        "{told}"
    );
    deploy(&fabric, "1");
    assert!(drift(&fabric).contains("office@1 runs as it was deployed"));
    assert_eq!(satellite.asked("hello").await, "one");
    import(&fabric, &own(), &[]);
    deploy(&fabric, "2");
    assert_eq!(satellite.asked("hello").await, "own");
    assert_eq!(kept_modules(&satellite), Vec::<PathBuf>::new());

    // One of the machine's own would be taken in its place, which is told.
    let there = satellite
        .folder()
        .join("node_modules/@msp/node-red-say-word");
    std::fs::create_dir_all(&there).unwrap();
    let told = refused(&fabric, "1");
    assert!(
        told.contains("Node-RED takes the one in") && told.contains("what ran goes on"),
        "{told}"
    );
    satellite.stop().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_with_flows_is_refused_at_the_centre() {
    let fabric = fabric().await;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("flows.json");
    std::fs::write(&file, saying().to_string()).unwrap();
    let own = folder.path().join("bad/package");
    std::fs::create_dir_all(&own).unwrap();
    let manifest = json!({ "name": "x", "version": "1.0.0", "node-red": { "nodes": { "x": "x.js" } },
                           "dependencies": { "left-pad": "1" } });
    std::fs::write(own.join("package.json"), manifest.to_string()).unwrap();
    let packed = folder.path().join("x.tgz");
    let mut tar = Command::new("tar");
    let tar = tar
        .arg("-czf")
        .arg(&packed)
        .arg("-C")
        .arg(folder.path().join("bad"))
        .arg("package");
    assert!(tar.status().unwrap().success());
    for (module, words) in [
        (&packed, "it needs left-pad, which is not in it"),
        (&file, "npm pack"),
        (&folder.path().join("none.tgz"), "none.tgz"),
    ] {
        let directory = fabric.authorities();
        let output = commands::run(
            "spokegate",
            &[
                "flows",
                "import",
                "--directory",
                directory.to_str().unwrap(),
                "office",
                "--from-file",
                file.to_str().unwrap(),
                "--module",
                module.to_str().unwrap(),
            ],
        );
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success() && told.contains(words), "{told}");
    }
    assert_eq!(spokegate(&fabric, "flows", "list", &["office"]), "");
    fabric.shutdown().await;
}
