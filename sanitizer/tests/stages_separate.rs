//! With users of their own, processes are watched, ended and replaced as ever. Needs root.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::json;
use spokegate_contract::envelope::{SourceHealth, Status};
use spokegate_contract::{Channel, Envelope};
use std::path::Path;
use std::time::Duration;
use support::processes::{children, signal};
use support::{Centre, Fabric, device, id, separate};

const STAGES: [&str; 3] = ["ingest", "worker", "egress"];

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_user_is_ended_when_it_stalls_and_lanes_go_on() {
    let settings = format!("{} worker.stall_ms_max=300", separate::settings());
    let fabric = Fabric::start_with(&settings).await;
    let mut centre = fabric.centre().await;
    pull(&fabric, &mut centre, 1).await;
    let pid = fabric.worker_pid(&mut centre, "acme").await;
    let agent = fabric.agent("acme", "branch").await;
    signal("-STOP", pid);
    let status = Status {
        agent_version: "1".into(),
        at_ms: 1,
        spool_messages: 0,
        spool_bytes: 0,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: SourceHealth::Up,
        certificate: None,
    };
    agent.publish(Channel::Status, status.encode()).await;
    for _ in 0..200 {
        if !Path::new(&format!("/proc/{pid}")).exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        !Path::new(&format!("/proc/{pid}")).exists(),
        "{pid} is not ended"
    );
    pull(&fabric, &mut centre, 2).await;
    let status = centre.status().await;
    assert_eq!(status["separate_users"], json!(true));
    for stage in ["derive", "egress", "ingest", "worker"] {
        let layers = &status["stages"][stage];
        assert!(
            layers["held"].as_array().unwrap().contains(&json!("user")),
            "{stage}: {layers}"
        );
        assert_eq!(layers["missing"], json!([]), "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_supervisor_is_killed_no_process_of_another_user_lives_on() {
    let mut fabric = Fabric::start_with(&separate::settings()).await;
    let supervisor = fabric.sanitizer.id().unwrap();
    let all: Vec<u64> = STAGES
        .into_iter()
        .flat_map(|verb| children(supervisor, verb))
        .collect();
    assert!(all.len() >= 5, "{all:?}");
    // One that stands still would not see its pipe close.
    signal("-STOP", children(supervisor, "worker")[0]);
    signal("-KILL", u64::from(supervisor));
    fabric.sanitizer.wait().await.unwrap();
    let lives = || {
        let mut pids = all.iter();
        pids.any(|pid| Path::new(&format!("/proc/{pid}/exe")).exists())
    };
    for _ in 0..100 {
        if !lives() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("some of {all:?} live on");
}

async fn pull(fabric: &Fabric, centre: &mut Centre, number: u8) {
    let mut agent = fabric.agent("acme", "hq").await;
    while centre.ask(&id(number), "acme", "hq", json!({})).await.0 != 202 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pull = agent.next_pull().await;
    agent.answer(&pull, &[json!([device("one")])]).await;
    let wanted = json!(id(number));
    centre
        .wait_for("reply", |record| {
            record["id"] == wanted && record["rows"].is_array()
        })
        .await;
}
