//! What a real Node-RED's *push* node says is taken reaches the centre once, however often Node-RED is killed.
//!
//! The kills of agents and links by hundreds are in the agent's own tests, with flows that need no Node-RED.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spokegate_demo::Fabric;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::node_red::{NodeRed, Version, code, node};
use super::{PATIENCE, fabric};

/// Of Node-RED; each life pushes about five times, and the centre keeps fifty.
const KILLS: u64 = 6;
/// Pushes that a life has seen taken before it ends.
const TAKEN: usize = 3;
/// Where the flow notes what was taken, in Node-RED's folder.
const LEDGER: &str = "taken.txt";

/// Pushes a job of a name of its own ten times a second, and notes those that the agent has taken.
fn flows() -> Value {
    let often = json!({ "props": [], "repeat": "0.1", "once": true, "onceDelay": "0.1" });
    let push = json!({ "dataset": "backup-jobs", "version": "1", "check": true, "batchRows": "1", "agent": "" });
    let job = "msg.job = `kill ${Date.now()}-${Math.random()}`; msg.payload = [{ job: msg.job, hostname: 'srv01',
        last_run: '2026-11-20T02:41:07Z', result: 'success', size_bytes: 1, duration_s: 1, message: '' }]; return msg;";
    let file = json!({ "filename": LEDGER, "filenameType": "str", "appendNewline": true, "overwriteFile": "false", "createDir": false });
    json!([
        { "id": "tab", "type": "tab", "label": "kills" },
        node("often", "inject", often, json!([["job"]])),
        code("job", job, json!([["push"]])),
        node("push", "spokegate-push", push, json!([["taken"], []])),
        code("taken", "msg.payload = msg.job; return msg;", json!([["file"]])),
        node("file", "file", file, json!([[]])),
    ])
}

fn taken(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(LEDGER)).unwrap_or_default();
    // A line without its end was being written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(str::to_owned).collect()
}

/// How often the centre has each job of acme's.
async fn stored(fabric: &Fabric) -> BTreeMap<String, usize> {
    let mut store = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(fabric.folder().join("reports/reports.db"))
        .read_only(true)
        .connect()
        .await
        .unwrap();
    let query = "SELECT body FROM push WHERE tenant = 'acme' AND dataset = 'backup-jobs'";
    let rows = sqlx::query(query).fetch_all(&mut store).await.unwrap();
    store.close().await.unwrap();
    let mut jobs = BTreeMap::new();
    for row in rows {
        let body: Value = serde_json::from_slice(row.get("body")).unwrap();
        let text = body.to_string();
        if let Some((_, job)) = text.split_once("\"job\":\"kill ") {
            let name = job.split('"').next().unwrap();
            *jobs.entry(format!("kill {name}")).or_insert(0) += 1;
        }
    }
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn what_push_says_is_taken_arrives_once_however_often_node_red_is_killed() {
    let mut fabric = fabric().await;
    let satellite = fabric.satellite("acme").unwrap();
    let (push_url, push_token) = satellite.push_endpoint();
    let agent = Some((push_url.to_owned(), push_token.to_owned()));
    let token = satellite.agent_token_file().to_owned();
    let port = spokegate_tests::free_port().port();
    let mut node_red = NodeRed::start_with(Version::Five, port, &token, agent, Some(&flows()));
    for kill in 0..KILLS {
        let (before, end) = (taken(node_red.folder()).len(), Instant::now() + PATIENCE);
        while taken(node_red.folder()).len() < before + TAKEN {
            assert!(Instant::now() < end, "{}", node_red.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // No two at the same place of a push.
        tokio::time::sleep(Duration::from_millis(kill * 13)).await;
        node_red.kill();
        if kill + 1 < KILLS {
            node_red.again();
        }
    }
    let due = taken(node_red.folder());
    let end = Instant::now() + PATIENCE;
    let came = loop {
        let came = stored(&fabric).await;
        if due.iter().all(|job| came.contains_key(job)) {
            break came;
        }
        assert!(Instant::now() < end, "{due:?} {came:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(due.len() >= TAKEN * KILLS as usize, "{due:?}");
    assert!(came.values().all(|times| *times == 1), "{came:?}");
    drop(node_red);
    fabric.shutdown().await;
}
