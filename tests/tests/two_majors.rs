//! The promise: two major versions of a dataset are served side by side, asked for and sent, and a customer's own contract
//! narrows what passes for that customer alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "two_majors/folders.rs"]
mod folders;

use std::time::{Duration, Instant};

use bytes::Bytes;
use folders::Folders;
use serde_json::{Value, json};
use spokegate_demo::client::{NewRun, Run, RunState};
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, Service, SourceChoice};

/// How long what was announced or sent may take to reach the centre.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn two_majors_of_a_dataset_run_side_by_side() {
    let folders = Folders::new();
    let mut fabric = fabric(&folders).await;
    give_second_major(&mut fabric, &folders).await;

    // Acme's satellite has both, Globex' the first alone.
    let second = until_done(&fabric, "second", &["acme"]).await;
    assert_eq!(second, "[acme v2 rack-7]");
    let first = until_done(&fabric, "first", &["acme", "globex"]).await;
    assert!(
        first.contains("[acme v1 ") && first.contains("[globex v1 "),
        "{first}"
    );
    assert!(!first.contains("v2"), "{first}");
    let newest = until_done(&fabric, "newest", &["acme", "globex"]).await;
    assert!(
        newest.starts_with("[acme v2 rack-7][globex v1 "),
        "{newest}"
    );
    let missing = run(&fabric, "second", &["globex"]).await;
    assert_eq!(missing.state, RunState::Failed, "{missing:?}");

    pushes_keep_their_versions(&mut fabric).await;
    fabric.shutdown().await;
}

/// Both versions are sent at once; each need gets its own, and a need without a version the newest.
async fn pushes_keep_their_versions(fabric: &mut Fabric) {
    let old = json!([{
        "job": "Nightly", "hostname": "acme-srv01", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1.5, "message": "",
    }]);
    let new = json!([{"job": "Weekly", "outcome": "good"}]);
    assert_eq!(push(fabric, "backup-jobs?version=1", &old).await.0, 202);
    assert_eq!(push(fabric, "backup-jobs?version=2", &new).await.0, 202);
    assert_eq!(
        until_done(fabric, "first-push", &["acme"]).await,
        "[acme v1 Nightly]"
    );
    assert_eq!(
        until_done(fabric, "second-push", &["acme"]).await,
        "[acme v2 Weekly]"
    );
    assert_eq!(
        until_done(fabric, "newest-push", &["acme"]).await,
        "[acme v2 Weekly]"
    );

    let (status, answer) = push(fabric, "backup-jobs", &old).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("several versions here: 1, 2"), "{answer}");
    let (status, answer) = push(fabric, "devices?version=1", &json!([])).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("devices v1 is never pushed"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_own_contract_narrows_what_passes_for_that_customer_alone() {
    let mut folders = Folders::new();
    let mut narrowed = folders.schema("devices/v1/row.schema.json");
    // No device of the source is called so.
    narrowed["properties"]["hostname"] =
        json!({"type": "string", "enum": ["z"], "maxLength": 1, "x-text": "ident"});
    folders.put("tenants/acme/devices/v1/row.schema.json", &narrowed);
    let fabric = fabric(&folders).await;
    let other = until_done(&fabric, "first", &["globex"]).await;
    assert!(other.contains("[globex v1 "), "{other}");
    let refused = run(&fabric, "first", &["acme"]).await;
    assert_eq!(refused.state, RunState::Failed, "{refused:?}");
    assert!(
        format!("{refused:?}").contains("contract:enum"),
        "{refused:?}"
    );
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_own_contract_that_widens_stops_the_start() {
    let mut folders = Folders::new();
    let mut widened = folders.schema("devices/v1/row.schema.json");
    widened["properties"]["hostname"] =
        json!({"type": "string", "maxLength": 300, "x-text": "line"});
    folders.put("tenants/acme/devices/v1/row.schema.json", &widened);
    let Err(error) = Fabric::start(options(&folders)).await else {
        panic!("it started");
    };
    let text = format!("{error:#}");
    assert!(text.contains("may only narrow"), "{text}");
}

fn options(folders: &Folders) -> Options {
    let mut options = Options::sample().unwrap();
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    let schemas = format!("schemas={}", folders.schemas().display());
    let reports = format!("reports={}", folders.reports().display());
    options.settings.extend([
        (Service::Sanitizer, schemas.clone()),
        (Service::Agent, schemas.clone()),
        (Service::Reports, schemas),
        (Service::Reports, reports),
    ]);
    options
}

async fn fabric(folders: &Folders) -> Fabric {
    Fabric::start(options(folders)).await.unwrap()
}

/// Binds the second majors at Acme's agent, beside the first ones.
async fn give_second_major(fabric: &mut Fabric, folders: &Folders) {
    let flow = folders::flow(&json!([{"host": "acme-srv01", "rack": "rack-7"}]));
    let satellite = fabric.satellite("acme").unwrap();
    satellite.stop_agent().await;
    let token = satellite.agent_token_file().display();
    let sources = format!(
        "\n[[source]]\ndataset = \"devices\"\nversion = 2\nkind = \"http\"\nurl = \"http://{flow}/v2\"\n\
         token_file = \"{token}\"\n\n[[source]]\ndataset = \"backup-jobs\"\nversion = 2\nkind = \"push\"\n"
    );
    let config = satellite.config().to_owned();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text + &sources).unwrap();
    satellite.start_agent().await.unwrap();
    assert!(folders.schemas().is_dir());
}

async fn push(fabric: &mut Fabric, place: &str, rows: &Value) -> (u16, String) {
    let (url, token) = fabric.satellite("acme").unwrap().push_endpoint();
    let token = std::fs::read_to_string(token).unwrap();
    let answer = PlainClient::new()
        .post_json(
            &format!("{url}/{place}"),
            token.trim(),
            Bytes::from(rows.to_string()),
        )
        .await
        .unwrap();
    (
        answer.status,
        String::from_utf8(answer.body.to_vec()).unwrap(),
    )
}

async fn run(fabric: &Fabric, report: &str, tenants: &[&str]) -> Run {
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let order = NewRun {
        report,
        tenants,
        fields: &[],
    };
    let run = browser.order(&order).await.unwrap();
    browser.await_end(&run).await.unwrap()
}

/// What the report says, once it can be made and says something.
async fn until_done(fabric: &Fabric, report: &str, tenants: &[&str]) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let run = run(fabric, report, tenants).await;
        if run.state == RunState::Done {
            let mut browser = fabric.browser().unwrap();
            browser.sign_in("alice", fabric.password()).await.unwrap();
            let document = browser.download(&run.id).await.unwrap();
            let said = folders::said(&document.bytes);
            if said.contains('[') {
                return said;
            }
        }
        assert!(Instant::now() < end, "{report}: {run:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
