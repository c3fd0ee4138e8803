//! The promise: what is deployed into a customer's Node-RED 4 and 5 is a version at the centre once the link is back, can be
//! fetched, brought back and made a flow set, and holds no credential, key, session or secret.

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

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use commands::{fabric, spokegate, until_online};
use node_red::{NodeRed, Version};
use serde_json::{Value, json};
use spokegate_demo::Fabric;
use spokegate_demo::client::{Browser, Page};
use spokegate_demo::http::PlainClient;

const PATIENCE: Duration = Duration::from_secs(120);
const SECRET: &str = "Canary-secret-31d7";
const PASSWORD: &str = "Canary-password-c04b";
/// The agent's own file with the tenant's secrets.
const OWN: &str = ".secrets";

#[tokio::test(flavor = "multi_thread")]
async fn flows_of_node_red_4_are_versions_at_the_centre() {
    reach_the_centre(Version::Four).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_of_node_red_5_are_versions_at_the_centre() {
    reach_the_centre(Version::Five).await;
}

async fn reach_the_centre(version: Version) {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    until_online(&fabric, "globex", |_| true).await;
    set_secret(&fabric);
    let mut carol = fabric.admin_browser().unwrap();
    carol.sign_in("carol", fabric.password()).await.unwrap();
    assert_eq!(status(&mut carol, "/flows/acme/hq").await, 404);

    // Without agent and link everything goes on, over a kill as well.
    let mut acme = started(&mut fabric, "acme", version).await;
    fabric.satellite("acme").unwrap().stop_agent().await;
    acme.deploy(flows("Grüße 1", true)).await;
    save(&acme, "library/local/functions/net/ping.js").await;
    acme.kill();
    acme.again();
    assert_eq!(once_there(&acme).await[0]["label"], "Grüße 1");
    fabric
        .satellite("acme")
        .unwrap()
        .start_agent()
        .await
        .unwrap();
    let first = fetched(&mut carol, "acme", 1).await;
    assert_eq!(first, expected("Grüße 1"));

    acme.deploy(flows("2", false)).await;
    let second = fetched(&mut carol, "acme", 2).await;
    assert_eq!(second[0]["label"], "2");
    let page = carol.get("/flows/acme/hq").await.unwrap();
    let html = page.html();
    assert!(html.contains("1 tab changed, 1 node removed"), "{html}");
    assert!(html.contains("1 tab added, 2 nodes added"), "{html}");

    // Another customer's are its own.
    let globex = started(&mut fabric, "globex", version).await;
    globex.deploy(flows("globex", false)).await;
    let other = fetched(&mut carol, "globex", 1).await;
    assert_eq!(other[0]["label"], "globex");
    assert_eq!(status(&mut carol, "/flows/globex/hq/2/download").await, 404);

    bring_back(&mut acme, &mut carol, &first).await;
    from_a_shell(&fabric, &mut carol).await;
    holds_no_secret(&fabric, &acme);
    fabric.shutdown().await;
}

/// The first version, as a file in Node-RED's folder; what nodes still have as credentials fits.
async fn bring_back(acme: &mut NodeRed, carol: &mut Browser, first: &Value) {
    acme.kill();
    std::fs::write(acme.folder().join("flows.json"), first.to_string()).unwrap();
    acme.again();
    assert_eq!(&once_there(acme).await, first);
    assert_eq!(&fetched(carol, "acme", 3).await, first);
}

/// The same by `spokegate report admin flows`, with everything.
async fn from_a_shell(fabric: &Fabric, carol: &mut Browser) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, mode).unwrap();
        path
    };
    let token = file("token", &token(carol).await);
    let ca = file("ca.pem", fabric.ca_pem());
    let (server, output) = (fabric.admin_url(), folder.path().join("all.json"));
    let run = async |words: &str| {
        let mut command = Command::new(commands::binary("spokegate"));
        command
            .args(["report", "--server", &server, "--json", "--token-file"])
            .arg(&token)
            .arg("--ca")
            .arg(&ca)
            .args(["admin", "flows"])
            .args(words.split(' '))
            .current_dir(folder.path());
        let told = tokio::task::spawn_blocking(move || command.output()).await;
        let told = told.unwrap().unwrap();
        let words = String::from_utf8_lossy(&told.stderr).into_owned();
        assert!(told.status.success(), "{words}");
        String::from_utf8(told.stdout).unwrap()
    };
    let listed: Value = serde_json::from_str(&run("list").await).unwrap();
    assert_eq!(listed["versions"].as_array().unwrap().len(), 2, "{listed}");
    let own = run("list --tenant acme --satellite hq").await;
    let own: Value = serde_json::from_str(&own).unwrap();
    assert_eq!(own["versions"][0]["number"], 3, "{own}");
    assert_eq!(own["versions"][2]["nodes_changes"]["added"], 2, "{own}");
    run("download --tenant acme --satellite hq 1 --all --output all.json").await;
    let all: Value = serde_json::from_slice(&std::fs::read(output).unwrap()).unwrap();
    assert_eq!(all["flows"], expected("Grüße 1"));
    assert_eq!(all["credentials"], json!(["request"]));
    assert!(all["modules"]["node-red"].is_string(), "{all}");
    let entry = "// name: ping\nsend(\"${MAIL_PASSWORD}\")";
    assert_eq!(all["library"]["functions/net/ping.js"], entry);

    // What a tenant runs becomes a flow set for others.
    run("download --tenant acme --satellite hq 1 --output flows.json").await;
    let file = folder.path().join("flows.json");
    let import = ["office", "--from-file", file.to_str().unwrap()];
    let told = spokegate(fabric, "flows", "import", &import);
    assert!(told.starts_with("office@1: "), "{told}");
    let set = spokegate(fabric, "flows", "show", &["office"]);
    let set: Value = serde_json::from_str(&set).unwrap();
    let count = |flows: &Value| flows.as_array().unwrap().len();
    assert_eq!(count(&set), count(&expected("Grüße 1")));
}

/// Neither the store nor a log nor a spool has what must stay in the segment.
fn holds_no_secret(fabric: &Fabric, acme: &NodeRed) {
    let settings = std::fs::read(acme.folder().join("storage/settings.json")).unwrap();
    let settings: Value = serde_json::from_slice(&settings).unwrap();
    let key = settings["_credentialSecret"].as_str().unwrap();
    let credentials = std::fs::read(acme.folder().join("storage/credentials.json")).unwrap();
    let credentials: Value = serde_json::from_slice(&credentials).unwrap();
    let sealed = credentials["$"].as_str().unwrap();
    for canary in [PASSWORD, key, sealed, SECRET] {
        let found = holders(fabric.folder(), canary);
        let (own, foreign): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|path| path.ends_with(OWN));
        assert!(foreign.is_empty(), "{canary}: {foreign:?}");
        assert_eq!(own.len(), usize::from(canary == SECRET));
    }
    // What is looked for could be found.
    assert!(!holders(acme.folder(), key).is_empty());
    let told = std::fs::read_to_string(acme.folder().join("node-red.log")).unwrap();
    assert!(!told.contains(SECRET) && !told.contains(PASSWORD), "{told}");
}

fn set_secret(fabric: &Fabric) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    std::fs::write(&file, SECRET).unwrap();
    let file = file.to_str().unwrap();
    let rest = ["--tenant", "acme", "MAIL_PASSWORD", "--value-file", file];
    spokegate(fabric, "secret", "set", &rest);
}

async fn started(fabric: &mut Fabric, tenant: &str, version: Version) -> NodeRed {
    let port = spokegate_tests::free_port().port();
    let satellite = fabric.satellite(tenant).unwrap();
    let (url, token) = satellite.push_endpoint();
    let agent = Some((url.to_owned(), token.to_owned()));
    let token = satellite.agent_token_file().to_owned();
    let node_red = NodeRed::start_with(version, port, &token, agent, None);
    assert_eq!(once_there(&node_red).await, json!([]));
    node_red
}

/// A tab, a node with credentials, and one with a secret where none belongs.
fn flows(label: &str, both: bool) -> Value {
    let mut flows = json!([
        { "id": "tab", "type": "tab", "label": label },
        { "id": "request", "type": "http request", "z": "tab", "x": 1, "y": 1, "method": "GET", "ret": "txt",
          "url": "http://127.0.0.1:9/", "authType": "basic", "wires": [[]],
          "credentials": { "user": "reports", "password": PASSWORD } },
        { "id": "note", "type": "comment", "z": "tab", "x": 1, "y": 1, "info": format!("it is {SECRET}"), "wires": [] },
    ]);
    if !both {
        flows.as_array_mut().unwrap().pop();
    }
    flows
}

fn expected(label: &str) -> Value {
    let mut flows = flows(label, true);
    flows[1].as_object_mut().unwrap().remove("credentials");
    flows[2]["info"] = json!("it is ${MAIL_PASSWORD}");
    flows
}

async fn save(node_red: &NodeRed, path: &str) {
    let entry = json!({ "name": "ping", "text": format!("send(\"{SECRET}\")") });
    let url = format!("{}{path}", node_red.editor());
    let answer = PlainClient::new()
        .post_json(&url, "", entry.to_string().into())
        .await;
    assert_eq!(answer.unwrap().status, 204);
}

/// The flows that Node-RED has, once it answers.
async fn once_there(node_red: &NodeRed) -> Value {
    let (url, end) = (
        format!("{}flows", node_red.editor()),
        Instant::now() + PATIENCE,
    );
    loop {
        if let Ok(answer) = PlainClient::new().get(&url, "").await
            && answer.status == 200
        {
            return serde_json::from_slice(&answer.body).unwrap();
        }
        assert!(Instant::now() < end, "{}", node_red.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A version's flows, once the centre has it.
async fn fetched(carol: &mut Browser, tenant: &str, number: u64) -> Value {
    let path = format!("/flows/{tenant}/hq/{number}/download");
    let end = Instant::now() + PATIENCE;
    loop {
        let page: Page = carol.get(&path).await.unwrap();
        if page.status() == 200 {
            return serde_json::from_slice(page.bytes()).unwrap();
        }
        assert!(Instant::now() < end, "{path} did not come");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn status(carol: &mut Browser, path: &str) -> u16 {
    carol.get(path).await.unwrap().status()
}

async fn token(browser: &mut Browser) -> String {
    let page = browser.get("/your-tokens").await.unwrap();
    let fields = [("name", "flows"), ("days", "1"), ("scope", "admin:read")];
    let made = browser.submit(&page, "/your-tokens", &fields).await;
    let html = made.unwrap().html();
    let after = html.split("<code id=\"token\">").nth(1);
    let after = after.unwrap_or_else(|| panic!("{html}"));
    after.split('<').next().unwrap().to_owned()
}

/// Every file below a folder that holds the text. A process of its own looks: this one has the registry open, and would lose
/// its locks on each file that it closes.
fn holders(folder: &Path, text: &str) -> Vec<String> {
    let mut grep = Command::new("grep")
        .args(["-rlaF", "--devices=skip", "-f", "-"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = grep.stdin.take().unwrap();
    input.write_all(format!("{text}\n").as_bytes()).unwrap();
    drop(input);
    let output = grep.wait_with_output().unwrap();
    let found = String::from_utf8(output.stdout).unwrap();
    found.lines().map(str::to_owned).collect()
}
