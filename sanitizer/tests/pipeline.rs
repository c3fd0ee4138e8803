//! What a satellite sends reaches the centre, clean and sealed, through the real processes.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::json;
use spokegate_contract::Channel;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::{Ack, Hello, Push, SourceHealth, Status};
use support::agent::body;
use support::{Fabric, assert_sealed, device, id};

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_comes_back_in_order_and_sealed() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    let mut agent = fabric.agent("acme", "hq").await;
    assert_eq!(
        centre
            .ask(&id(1), "acme", "hq", json!({"limit": 3}))
            .await
            .0,
        202
    );
    let pull = agent.next_pull().await;
    assert_eq!(
        (pull.id.to_string(), pull.version, pull.credit),
        (id(1), 1, 8)
    );
    assert_eq!(pull.params, body(&json!({"limit": 3})));
    agent
        .answer(
            &pull,
            &[
                json!([device("one"), device("two")]),
                json!([device("three")]),
            ],
        )
        .await;

    let mut records = Vec::new();
    while records.len() < 2 {
        records.extend(centre.pull("reply", 5_000).await);
    }
    records.iter().for_each(assert_sealed);
    let first = &records[0].record;
    assert_eq!(
        (&first["kind"], &first["tenant"], &first["satellite"]),
        (&json!("reply"), &json!("acme"), &json!("hq"))
    );
    assert_eq!(
        (&first["id"], &first["dataset"], &first["version"]),
        (&json!(id(1)), &json!("devices"), &json!(1))
    );
    assert_eq!(
        (&first["sequence"], &first["last"]),
        (&json!(0), &json!(false))
    );
    assert_eq!(first["rows"], json!([device("one"), device("two")]));
    assert_eq!(
        (&records[1].record["sequence"], &records[1].record["last"]),
        (&json!(1), &json!(true))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_status_presence_and_pushes_have_their_lanes_and_acks_go_down() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    let mut agent = fabric.agent("acme", "hq").await;
    let presence = centre
        .wait_for("status", |record| record["kind"] == "presence")
        .await;
    assert_eq!(presence.record["online"], json!(true));
    let hello = Hello {
        agent_version: "0.1.0".into(),
        at_ms: 1_800_000_000_000,
        epoch: 7,
        last_sequence: 3,
        acked_sequence: 1,
        datasets: vec![("devices".parse().unwrap(), 1)],
    };
    agent.publish(Channel::Hello, hello.encode()).await;
    let seen = centre
        .wait_for("status", |record| record["kind"] == "hello")
        .await;
    assert_sealed(&seen);
    assert_eq!(
        seen.record["datasets"],
        json!([{"dataset": "devices", "version": 1}])
    );
    let status = Status {
        agent_version: "0.1.0".into(),
        at_ms: 5,
        spool_messages: 2,
        spool_bytes: 300,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: SourceHealth::Down,
        certificate: None,
    };
    agent.publish(Channel::Status, status.encode()).await;
    let seen = centre
        .wait_for("status", |record| record["kind"] == "status")
        .await;
    assert_eq!(
        (&seen.record["node_red"], &seen.record["sent_at"]),
        (&json!("down"), &json!(5))
    );

    let row = json!({
        "job": "nightly", "hostname": "srv-01", "last_run": "2026-01-05T10:00:00Z", "result": "success",
        "size_bytes": 1024, "duration_s": 12, "message": "all good",
    });
    let push = Push {
        epoch: 7,
        sequence: 4,
        version: 1,
        captured_at_ms: 1_700_000_000_000,
        shape: spokegate_contract::Shape::Rows,
        body: body(&json!([row])),
    };
    let channel = || Channel::Push("backup-jobs".parse().unwrap());
    agent.publish(channel(), push.encode()).await;
    let seen = centre
        .wait_for("push", |record| record["kind"] == "push")
        .await;
    assert_sealed(&seen);
    assert_eq!(
        (&seen.record["epoch"], &seen.record["sequence"]),
        (&json!(7), &json!(4))
    );
    assert_eq!(seen.record["rows"], json!([row]));

    let acks = json!({"push": [{"tenant": "acme", "satellite": "hq", "epoch": 7, "sequence": 4}]});
    assert_eq!(centre.post("/v1/acks", &acks).await.0, 204);
    assert_eq!(
        agent.next_ack().await,
        Ack::Push {
            epoch: 7,
            sequence: 4
        }
    );
    // Sent again although stored: acknowledged again, and the centre hears nothing of it.
    agent.publish(channel(), push.encode()).await;
    assert_eq!(
        agent.next_ack().await,
        Ack::Push {
            epoch: 7,
            sequence: 4
        }
    );
    assert!(centre.pull("push", 300).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_wait_until_they_are_taken_over() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    let mut agent = fabric.agent("globex", "hq").await;
    centre.ask(&id(2), "globex", "hq", json!({})).await;
    let pull = agent.next_pull().await;
    agent.answer(&pull, &[json!([])]).await;
    let first = centre.pull("reply", 5_000).await;
    assert_eq!(first[0].record["rows"], json!([]));
    // Another connection that has acknowledged nothing sees it again; an ack of another boot frees nothing.
    let mut other = fabric.centre().await;
    other.acked.insert("reply".into(), 99);
    other.boot = "0".repeat(32);
    assert_eq!(other.pull("reply", 0).await.len(), 1);
    assert!(centre.pull("reply", 0).await.is_empty());
    assert!(fabric.centre().await.pull("reply", 0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_is_refused_with_class_and_reason() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    let now_ms = spokegate_daemon::Clock::system().now_ms();
    let good = json!({
        "id": id(3), "tenant": "acme", "satellite": "hq", "dataset": "devices", "version": 1, "params": {},
        "deadline_ms": now_ms + 30_000, "credit": 8,
    });
    for (key, value, status, class, detail) in [
        (
            "tenant",
            json!("initech"),
            404,
            "refused",
            "tenant initech is not served by this sanitizer",
        ),
        (
            "dataset",
            json!("payroll"),
            404,
            "refused",
            "dataset payroll version 1 cannot be pulled",
        ),
        (
            "version",
            json!(9),
            404,
            "refused",
            "dataset devices version 9 cannot be pulled",
        ),
        (
            "params",
            json!({"limit": 0}),
            422,
            "invalid",
            "parameters: /limit: contract:minimum",
        ),
        (
            "params",
            json!({"nonsense": 1}),
            422,
            "invalid",
            "parameters: /: contract:additionalProperties",
        ),
        (
            "params",
            json!([]),
            422,
            "invalid",
            "parameters: /: contract:type",
        ),
        (
            "deadline_ms",
            json!(1),
            400,
            "refused",
            "the deadline has passed or is too far away",
        ),
        (
            "credit",
            json!(0),
            400,
            "refused",
            "credit is 0, allowed is 1 to 8192, usual 8",
        ),
    ] {
        let mut request = good.clone();
        request[key] = value;
        let (answered, answer) = centre.post("/v1/requests", &request).await;
        let expected = json!({"error": {"class": class, "detail": detail}});
        assert_eq!((answered, answer), (status, expected), "{key}");
    }
    assert_eq!(
        centre.post("/v1/requests", &json!({"id": "x"})).await.0,
        400
    );
    assert_eq!(centre.post("/v1/requests", &good).await.0, 202);
    // A satellite that was there and is gone.
    let agent = fabric.agent("acme", "gone").await;
    centre
        .wait_for("status", |record| {
            record["satellite"] == "gone" && record["online"] == true
        })
        .await;
    agent.disconnect().await;
    centre
        .wait_for("status", |record| {
            record["satellite"] == "gone" && record["online"] == false
        })
        .await;
    let (status, answer) = centre.ask(&id(4), "acme", "gone", json!({})).await;
    assert_eq!(
        (status, &answer["error"]["class"]),
        (503, &json!("offline"))
    );
    assert_eq!(
        answer["error"]["detail"],
        "satellite acme/gone is not connected"
    );
}
