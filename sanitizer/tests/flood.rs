//! One satellite that sends without end while the centre is away fills nobody's memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::{Value, json};
use spokegate_contract::envelope::Push;
use spokegate_contract::{Channel, Envelope, Shape};
use std::time::Duration;
use support::agent::{Agent, body};
use support::{Centre, Fabric};

/// What a lane may have (`ingest/handed.rs`), and the message that reaches the limit.
const LANE_BYTES: u64 = 8 * 1024 * 1024 + 131_072;
/// Room for the supervisor's own copies in pipes and windows.
const RSS_GROWTH_KB_MAX: u64 = 48 * 1024;

/// A valid push of about 100 KB.
fn push(sequence: u64) -> Vec<u8> {
    let row = json!({
        "job": "x".repeat(120), "hostname": "h", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1834, "message": "m".repeat(400),
    });
    let push = Push {
        epoch: 1,
        sequence,
        version: 1,
        captured_at_ms: 1_700_000_000_000,
        shape: Shape::Rows,
        body: body(&Value::Array(vec![row; 165])),
    };
    push.encode()
}

async fn flood(agent: &Agent, messages: u64) {
    for sequence in 1..=messages {
        let channel = Channel::Push("backup-jobs".parse().unwrap());
        agent.publish(channel, push(sequence)).await;
    }
}

fn rss_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

async fn lane(centre: &mut Centre) -> Value {
    let status = centre.status().await;
    let mut lanes = status["tenants"].as_array().unwrap().iter();
    lanes.find(|lane| lane["tenant"] == "acme").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_while_the_centre_is_away_is_held_back_across_connections() {
    // The broker drops a session that acknowledges nothing; each new one used to bring as much again.
    let fabric = Fabric::start_behind("write_ms = 300", "outbox_bytes_max=1048576").await;
    let supervisor = fabric.sanitizer.id().unwrap();
    let mut centre = fabric.centre().await;
    let agent = fabric.agent("acme", "hq").await;
    let before = rss_kb(supervisor);
    let (mut queued_most, mut rss_most) = (0, 0);
    let watch = async {
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let queued = lane(&mut centre).await["queued_bytes"].as_u64().unwrap();
            queued_most = queued_most.max(queued);
            rss_most = rss_most.max(rss_kb(supervisor));
        }
    };
    tokio::select! {
        () = watch => {}
        () = async { flood(&agent, 1_500).await; std::future::pending().await } => {}
    }
    println!("queued {queued_most} B, supervisor {before} kB, then {rss_most} kB");
    assert!(queued_most > 1_000_000, "the flood must reach the lane");
    assert!(
        queued_most <= LANE_BYTES,
        "{queued_most} B wait in the lane"
    );
    assert!(
        rss_most <= before + RSS_GROWTH_KB_MAX,
        "the supervisor grew from {before} to {rss_most} kB"
    );

    // The centre comes back: what was held is handed out, and new messages pass again.
    let wanted = |record: &Value| record["kind"] == "push" && record["sequence"] == 9_999;
    let mut other = fabric.centre().await;
    for _ in 0..200 {
        let taken = other.pull("push", 100).await;
        if taken.iter().any(|taken| wanted(&taken.record)) {
            return;
        }
        if taken.is_empty() {
            let channel = Channel::Push("backup-jobs".parse().unwrap());
            agent.publish(channel, push(9_999)).await;
        }
    }
    panic!("nothing passes after the flood");
}
