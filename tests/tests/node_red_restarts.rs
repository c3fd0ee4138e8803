//! The promise: what the MSP orders of a satellite's Node-RED is done and answered with what came of it, and a secret that
//! was rotated reaches the flows in the tenant's window, not before and not without one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;
#[path = "fabric/kept.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod kept;

use std::time::{Duration, Instant};

use commands::{fabric, fail, spokegate, until_online};
use kept::{Kept, flows};
use serde_json::{Value, json};
use spokegate_daemon::Clock;
use spokegate_demo::Fabric;
use time::OffsetDateTime;

const HQ: [&str; 4] = ["--tenant", "acme", "--satellite", "hq"];
const HOUR_MS: u64 = 3_600_000;
const PATIENCE: Duration = Duration::from_secs(120);

/// `/field` answers the secret: a template's text is replaced as Node-RED starts.
fn reading() -> Value {
    let mut all = flows(&[("field", "return msg;")]);
    for node in all.as_array_mut().unwrap() {
        if node["id"] == "do-field" {
            *node = json!({ "id": "do-field", "type": "template", "z": "tab", "x": 1, "y": 1, "field": "payload", "fieldType": "msg",
                            "format": "text", "syntax": "plain", "template": "${MAIL_PASSWORD}", "output": "str", "wires": [["out"]] });
        }
    }
    all
}

fn set(fabric: &Fabric, value: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    std::fs::write(&file, value).unwrap();
    let rest = [
        "--tenant",
        "acme",
        "MAIL_PASSWORD",
        "--value-file",
        file.to_str().unwrap(),
    ];
    spokegate(fabric, "secret", "set", &rest)
}

fn restart(fabric: &Fabric, more: &[&str]) -> String {
    let rest: Vec<&str> = HQ.iter().chain(more).copied().collect();
    spokegate(fabric, "satellite", "restart", &rest)
}

fn refused(fabric: &Fabric, more: &[&str]) -> String {
    let directory = fabric.authorities();
    let mut arguments = vec![
        "satellite",
        "restart",
        "--directory",
        directory.to_str().unwrap(),
    ];
    arguments.extend(HQ.iter().chain(more));
    fail("spokegate", &arguments)
}

/// Two hours of a day that begin in two hours.
fn window() -> String {
    let at = |hours: u64| {
        let at = Clock::system().now_ms() + hours * HOUR_MS;
        let at = OffsetDateTime::from_unix_timestamp(i64::try_from(at / 1_000).unwrap()).unwrap();
        format!("{:02}:{:02}", at.hour(), at.minute())
    };
    format!(
        "restart_window = \"{}-{}\"\nrestart_zone = \"UTC\"",
        at(2),
        at(4)
    )
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_reaches_flows_in_the_window_and_not_before() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    set(&fabric, "first-value");
    let satellite = Kept::start(&mut fabric, &reading(), &window()).await;
    assert_eq!(satellite.asked("field").await, "first-value");

    // The same value again is no change.
    let told = set(&fabric, "first-value");
    assert!(!told.contains("restart"), "{told}");
    assert!(satellite.status()["restart_due"].is_null());

    let told = set(&fabric, "second-value");
    assert!(
        told.contains("a restart is due since") && told.contains("planned for"),
        "{told}"
    );
    let due = satellite.status()["restart_due"].clone();
    assert_eq!(due["cause"], "secrets", "{due}");
    let text = satellite.verb(&["status"]);
    assert!(text.contains("its secrets have changed"), "{text}");
    let found = satellite.verb(&["doctor"]);
    assert!(found.contains("it is restarted in its window"), "{found}");
    assert!(!format!("{told}{text}{found}").contains("second-value"));
    // The centre knows it by the next status.
    let mut carol = fabric.admin_browser().unwrap();
    carol.sign_in("carol", fabric.password()).await.unwrap();
    until("the page says that a restart is due", async || {
        let page = carol.get("/satellites").await.unwrap();
        page.html().contains("runs with secrets of before")
    })
    .await;

    // An hour before the window opens nothing happens.
    satellite.clock.advance(HOUR_MS);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(satellite.asked("field").await, "first-value");
    // Once it is open: within its first quarter of an hour.
    satellite.clock.advance(HOUR_MS + 16 * 60_000);
    until("the new value", async || {
        satellite.ask("field").await.as_deref() == Some("second-value")
    })
    .await;
    until("nothing is due", async || {
        satellite.status()["restart_due"].is_null()
    })
    .await;
    until("the page says nothing of it", async || {
        let page = carol.get("/satellites").await.unwrap();
        !page.html().contains("runs with secrets of before")
    })
    .await;
    assert_eq!(satellite.status()["restarts"], 0, "it was no crash");
    assert!(satellite.log().contains("its window is open"));
    satellite.stop().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_window_nothing_restarts_it_but_a_word_or_the_agents_own_start() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let satellite = Kept::start(&mut fabric, &reading(), "").await;
    until_online(&fabric, "acme", |_| true).await;
    satellite.asked("field").await;
    let told = set(&fabric, "first-value");
    assert!(
        told.contains("not by itself, for node_red.restart_window is not set"),
        "{told}"
    );
    let found = satellite.verb(&["doctor"]);
    assert!(found.contains("or set node_red.restart_window"), "{found}");
    let told = refused(&fabric, &[]);
    assert!(
        told.contains("has no node_red.restart_window, hint: set one, or order it with --now"),
        "{told}"
    );
    satellite.clock.advance(48 * HOUR_MS);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let process = satellite.status()["process"].clone();

    satellite.clock.set(Clock::system().now_ms());
    let told = restart(&fabric, &["--now"]);
    assert!(
        told.contains("done: Node-RED 4.") && told.contains("answers"),
        "{told}"
    );
    assert_ne!(satellite.status()["process"], process);
    assert_eq!(satellite.asked("field").await, "first-value");
    assert!(satellite.status()["restart_due"].is_null());

    // An agent that starts anew starts Node-RED with what is kept: nothing is due.
    set(&fabric, "second-value");
    assert!(!satellite.status()["restart_due"].is_null());
    let satellite = satellite.again().await;
    assert_eq!(satellite.asked("field").await, "second-value");
    assert!(satellite.status()["restart_due"].is_null());
    satellite.stop().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_ends_in_safe_mode_or_has_nothing_to_restart_says_so() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let told = refused(&fabric, &["--now"]);
    assert!(
        told.contains("unsupported: this agent keeps no Node-RED"),
        "{told}"
    );

    let satellite = Kept::start(&mut fabric, &reading(), &window()).await;
    satellite.asked("field").await;
    let told = restart(&fabric, &[]);
    assert!(
        told.contains("the centre ordered it") && told.contains("planned for"),
        "{told}"
    );
    assert_eq!(satellite.status()["restart_due"]["cause"], "ordered");

    // From the next start on a flow ends Node-RED as soon as it runs.
    let mut crashing = reading();
    crashing.as_array_mut().unwrap().extend([
        json!({ "id": "once", "type": "inject", "z": "tab", "x": 1, "y": 1, "props": [], "repeat": "", "once": true,
                "onceDelay": "0.1", "wires": [["bad"]] }),
        json!({ "id": "bad", "type": "function", "z": "tab", "x": 1, "y": 1, "func": "Promise.reject(new Error('boom'));",
                "outputs": 1, "libs": [], "timeout": 0, "wires": [[]] }),
    ]);
    let flows = fabric.folder().join("kept-node-red/flows.json");
    std::fs::write(flows, crashing.to_string()).unwrap();
    let told = refused(&fabric, &["--now", "--wait-s", "180"]);
    assert!(
        told.contains("is in safe mode: no flow runs after 3 crashes"),
        "{told}"
    );
    // Nobody restarts it by a clock now: somebody has to mend the flow.
    let told = refused(&fabric, &[]);
    assert!(told.contains("is in safe mode, and is left so"), "{told}");
    satellite.stop().await;
    fabric.shutdown().await;
}
