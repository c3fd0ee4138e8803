//! No stage can be left out: with any one of them gone, nothing that a satellite sends comes out on the centre's side.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::{Value, json};
use spokegate_contract::envelope::{SourceHealth, Status};
use spokegate_contract::{Channel, Envelope};
use std::path::Path;
use std::time::Duration;
use support::agent::Agent;
use support::processes::{children, signal};
use support::{Centre, Fabric};

/// Longer than anything takes that comes at all.
const LONG: Duration = Duration::from_secs(4);
const STAGES: [&str; 3] = ["ingest", "worker", "egress"];
/// Nothing but the test replaces a stage.
const NO_REPLACEMENT: &str = "worker.stall_ms_max=600000 worker.age_s_max=600000";

#[tokio::test(flavor = "multi_thread")]
async fn while_a_stage_stands_still_nothing_flows_and_afterwards_all_of_it() {
    for (number, stage) in STAGES.into_iter().enumerate() {
        let fabric = Fabric::start_with(NO_REPLACEMENT).await;
        let agent = fabric.agent("acme", "hq").await;
        let mut centre = fabric.centre().await;
        let sent = 1_000 * (number as u64 + 1);
        send(&agent, sent).await;
        centre
            .wait_for("status", |record| record["sent_at"] == json!(sent))
            .await;

        let supervisor = fabric.sanitizer.id().unwrap();
        let stopped = children(supervisor, stage);
        assert!(!stopped.is_empty(), "{stage}");
        stopped.iter().for_each(|pid| signal("-STOP", *pid));
        let held = sent + 1;
        send(&agent, held).await;
        assert!(
            nothing_comes(&fabric, &mut centre, held).await,
            "without {stage}"
        );
        stopped.iter().for_each(|pid| signal("-CONT", *pid));
        // The same message: what was missing was the stage.
        let mut centre = fabric.centre().await;
        centre
            .wait_for("status", |record| record["sent_at"] == json!(held))
            .await;
    }
    println!(
        "stages: {} of {} cannot stand still unnoticed",
        STAGES.len(),
        STAGES.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_stage_nothing_flows() {
    for (number, stage) in STAGES.into_iter().enumerate() {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let program = folder.path().join("spokegate-sanitizer");
        std::fs::hard_link(support::PROGRAM, &program).unwrap();
        let fabric = Fabric::start_in(folder, "", NO_REPLACEMENT).await;
        let agent = fabric.agent("acme", "hq").await;
        let mut centre = fabric.centre().await;
        let sent = 1_000 * (number as u64 + 1);
        send(&agent, sent).await;
        centre
            .wait_for("status", |record| record["sent_at"] == json!(sent))
            .await;

        remove(&fabric, stage, &program).await;
        let lost = sent + 1;
        send(&agent, lost).await;
        assert!(
            nothing_comes(&fabric, &mut centre, lost).await,
            "without {stage}"
        );
    }
    println!(
        "stages: {} of {} cannot be left out",
        STAGES.len(),
        STAGES.len()
    );
}

/// Ends a stage and takes away what another could be started from.
async fn remove(fabric: &Fabric, stage: &str, program: &Path) {
    std::fs::remove_file(program).unwrap();
    let supervisor = fabric.sanitizer.id().unwrap();
    let gone = children(supervisor, stage);
    assert!(!gone.is_empty(), "{stage}");
    gone.iter().for_each(|pid| signal("-KILL", *pid));
    for _ in 0..200 {
        if children(supervisor, stage).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{stage} is still there");
}

async fn send(agent: &Agent, at_ms: u64) {
    let status = Status {
        agent_version: "1".into(),
        at_ms,
        spool_messages: 0,
        spool_bytes: 0,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: SourceHealth::Up,
        certificate: None,
    };
    agent.publish(Channel::Status, status.encode()).await;
}

/// Whether the centre, which asks all the time over old and new connections, gets no record of a message for a long time.
async fn nothing_comes(fabric: &Fabric, centre: &mut Centre, at_ms: u64) -> bool {
    let asking = async {
        loop {
            for lane in ["status", "quarantine"] {
                let asked = json!({"lane": lane, "boot": centre.boot, "ack": 0, "max": 4096, "max_bytes": 4_194_304, "wait_ms": 200});
                let answer = centre
                    .send("POST", "/v1/pull", asked.to_string().into_bytes())
                    .await;
                match answer {
                    Ok((200, _, body)) if mentions(&body, at_ms) => return,
                    Ok(_) => {}
                    Err(_) => reconnect(fabric, centre).await,
                }
            }
        }
    };
    tokio::time::timeout(LONG, asking).await.is_err()
}

fn mentions(lines: &[u8], at_ms: u64) -> bool {
    let lines = std::str::from_utf8(lines).unwrap().lines();
    let records = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut sent = records.map(|line| line["record"]["sent_at"].clone());
    sent.any(|sent| sent == json!(at_ms))
}

async fn reconnect(fabric: &Fabric, centre: &mut Centre) {
    let certificate = fabric.inner_ca.identity("service/report-service");
    let attempt = Centre::connect(fabric.inner, &fabric.inner_ca, Some(&certificate));
    match tokio::time::timeout(Duration::from_millis(500), attempt).await {
        Ok(Ok(other)) => *centre = other,
        _ => tokio::time::sleep(Duration::from_millis(100)).await,
    }
}
