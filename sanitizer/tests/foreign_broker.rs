//! One connection to a broker that is not ours, for all tenants; presence from heartbeats. With real Mosquitto.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use bytes::Bytes;
use serde_json::{Value, json};
use spokegate_contract::envelope::{
    Enrol, EnrolRequest, Presence, Push, SourceHealth, Status, Verdict,
};
use spokegate_contract::{Channel, Envelope, RequestId, Shape};
use std::time::Duration;
use support::agent::{Agent, body};
use support::mosquitto::Behind;
use support::{assert_sealed, device, id};

fn heartbeat() -> Vec<u8> {
    Status {
        agent_version: "0.1.0".into(),
        at_ms: 1,
        spool_messages: 0,
        spool_bytes: 0,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: SourceHealth::Up,
        certificate: None,
    }
    .encode()
}

/// A valid push of about 100 KB for each 165 rows.
fn push(sequence: u64, rows: usize) -> Vec<u8> {
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
        body: body(&Value::Array(vec![row; rows])),
    };
    push.encode()
}

fn backups() -> Channel {
    Channel::Push("backup-jobs".parse().unwrap())
}

fn tenants(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("t{number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_tenants_share_a_connection_and_are_told_apart_by_the_topic() {
    let Some(fabric) = Behind::start(&tenants(10), "").await else {
        return;
    };
    let mut centre = fabric.centre("report-service").await;
    centre.wait_for_sessions(11).await;
    for (number, name) in ["t0", "t9"].into_iter().enumerate() {
        let mut agent = fabric.agent(name, "hq").await;
        let id = id(u8::try_from(number).unwrap());
        assert_eq!(centre.ask(&id, name, "hq", json!({})).await.0, 202);
        let pull = agent.next_pull().await;
        agent.answer(&pull, &[json!([device(name)])]).await;
        let taken = centre
            .wait_for("reply", |record| record["id"] == json!(id))
            .await;
        assert_sealed(&taken);
        let from = (
            &taken.record["tenant"],
            &taken.record["rows"][0]["hostname"],
        );
        assert_eq!(from, (&json!(name), &json!(name)));
    }
    let log = fabric.log();
    let sanitizers = log.matches(" as sanitizer").count();
    assert_eq!((sanitizers, log.matches(" as sanitizer (").count()), (1, 1));
    assert_eq!(log.matches("Received SUBSCRIBE from sanitizer").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_broker_was_away_all_tenants_are_back() {
    let Some(mut fabric) = Behind::start(&tenants(9), "").await else {
        return;
    };
    let mut centre = fabric.centre("report-service").await;
    centre.wait_for_sessions(10).await;
    for ends in [10, 20] {
        fabric.mosquitto.restart().await;
        let down = async {
            while centre.status().await["counters"]["session_ends"].as_u64() < Some(ends) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), down)
            .await
            .expect("the loss is seen");
        centre.wait_for_sessions(10).await;
        let agent = fabric.agent("t8", "hq").await;
        agent.publish(Channel::Status, heartbeat()).await;
        centre
            .wait_for("status", |record| record["kind"] == "status")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_satellite_is_there_as_long_as_its_heartbeats_come_and_nobody_else_says_so() {
    let Some(fabric) = Behind::start(&tenants(2), "broker.offline_after_s=3").await else {
        return;
    };
    let mut centre = fabric.centre("report-service").await;
    centre.wait_for_sessions(3).await;
    let agent = fabric.agent("t0", "hq").await;
    let at_ms = 1;
    let forged = |online| Presence { online, at_ms }.encode();
    agent.publish(Channel::Presence, forged(true)).await;
    agent.publish(Channel::Status, heartbeat()).await;
    agent.publish(Channel::Presence, forged(false)).await;
    agent.publish(Channel::Status, heartbeat()).await;
    let mut said = Vec::new();
    while said.len() < 4 {
        for taken in centre.pull("status", 6_000).await {
            assert_sealed(&taken);
            said.push((taken.record["kind"].clone(), taken.record["online"].clone()));
        }
    }
    let status = || (json!("status"), Value::Null);
    let presence = |online: bool| (json!("presence"), json!(online));
    assert_eq!(said, [status(), presence(true), status(), presence(false)]);
    let (refused, answer) = centre.ask(&id(1), "t0", "hq", json!({})).await;
    assert_eq!(
        (refused, &answer["error"]["class"]),
        (503, &json!("offline"))
    );
    agent.publish(Channel::Status, heartbeat()).await;
    centre
        .wait_for("status", |record| record["online"] == true)
        .await;
    assert_eq!(centre.ask(&id(1), "t0", "hq", json!({})).await.0, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_door_relays_is_answered_and_it_is_told_who_is_revoked() {
    let Some(fabric) = Behind::start(&tenants(1), "").await else {
        return;
    };
    let mut provisioner = fabric.centre("provisioner").await;
    let mut reports = fabric.centre("report-service").await;
    reports.wait_for_sessions(2).await;
    let mut door: Agent = fabric.agent("enrolment", "door").await;
    let path = format!("{}/fuzz/corpus/csr/good", env!("CARGO_MANIFEST_DIR"));
    let enrol = Enrol {
        id: RequestId::from_bytes([9; 16]),
        csr: std::fs::read(path).unwrap().into(),
        request: EnrolRequest::Join {
            token: "0123456789abcdef".to_owned(),
            proof: [1; 32],
        },
        peer: Some("192.0.2.7".to_owned()),
    };
    door.publish(Channel::Enrol, enrol.encode()).await;
    let taken = provisioner.wait_for("enrol", |_| true).await;
    assert_sealed(&taken);
    let told = ["tenant", "satellite", "request", "peer"].map(|name| taken.record[name].clone());
    assert_eq!(
        told,
        ["enrolment", "door", "join", "192.0.2.7"].map(Value::from)
    );
    let pending = json!({"admissions": [{
        "tenant": "enrolment", "satellite": "door", "id": taken.record["id"], "verdict": "pending", "retry_s": 10,
    }]});
    assert_eq!(provisioner.post("/v1/admissions", &pending).await.0, 204);
    let admission = door.next_admission().await;
    assert_eq!(admission.id, enrol.id);
    assert_eq!(admission.verdict, Verdict::Pending { retry_s: 10 });

    // On change, and again whenever the door comes.
    let list = json!({"crl": "MAA="}).to_string().into_bytes();
    assert_eq!(
        provisioner.send("PUT", "/v1/crl", list).await.unwrap().0,
        204
    );
    let expected = Bytes::from_static(&[0x30, 0]);
    assert_eq!(door.next_crl().await.der, expected);
    let (online, at_ms) = (true, 1);
    door.publish(Channel::Presence, Presence { online, at_ms }.encode())
        .await;
    assert_eq!(door.next_crl().await.der, expected);
    // Nothing of the door is told to the report service.
    assert!(reports.pull("status", 200).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_lane_stands_still_does_not_hold_up_the_others() {
    let Some(fabric) = Behind::start(&tenants(2), "outbox_bytes_max=1048576").await else {
        return;
    };
    let mut centre = fabric.centre("report-service").await;
    centre.wait_for_sessions(3).await;
    let (noisy, quiet) = (
        fabric.agent("t0", "hq").await,
        fabric.agent("t1", "hq").await,
    );
    // The centre takes nothing over, so that the first ten fill the outbox and 256 more the share.
    for sequence in 1..=400 {
        noisy.publish(backups(), push(sequence, 165)).await;
    }
    let dropped = async {
        loop {
            let status = centre.status().await;
            if status["counters"]["dropped_over_share"].as_u64() > Some(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dropped)
        .await
        .expect("messages over the share");
    quiet.publish(Channel::Status, heartbeat()).await;
    let taken = centre
        .wait_for("status", |record| record["tenant"] == "t1")
        .await;
    assert_eq!(taken.record["kind"], "status");
    // Once the centre reads, the noisy one goes on as well; what was dropped comes again from its spool.
    for round in 0..600 {
        let taken = centre.pull("push", 200).await;
        let wanted = |record: &Value| record["sequence"] == 9_999;
        if taken.iter().any(|taken| wanted(&taken.record)) {
            return;
        }
        if round % 10 == 0 {
            noisy.publish(backups(), push(9_999, 1)).await;
        }
    }
    panic!("nothing passes after the flood");
}
