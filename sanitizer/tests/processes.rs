//! Processes may die at any moment; workers are confined; only the centre may ask.
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
use spokegate_contract::envelope::{SourceHealth, Status};
use support::processes::{children, proc_file, signal, stop_workers};
use support::{Centre, Fabric, device, id};

async fn assert_serves(fabric: &Fabric, centre: &mut Centre, number: u8) {
    let mut agent = fabric.agent("acme", "hq").await;
    for _ in 0..100 {
        if centre.ask(&id(number), "acme", "hq", json!({})).await.0 == 202 {
            let pull = agent.next_pull().await;
            agent.answer(&pull, &[json!([device("one")])]).await;
            let wanted = json!(id(number));
            centre
                .wait_for("reply", |record| {
                    record["id"] == wanted && record["rows"].is_array()
                })
                .await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no request was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_confined_as_the_system_sees_them() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    let status = centre.status().await;
    for lane in status["tenants"].as_array().unwrap() {
        let layers: Vec<&str> = lane["sandbox_layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer.as_str().unwrap())
            .collect();
        for layer in [
            "environment",
            "descriptors",
            "no-new-privileges",
            "limits",
            "landlock",
            "no-files",
            "seccomp",
        ] {
            assert!(layers.contains(&layer), "{layer} of {layers:?}");
        }
    }
    let supervisor = fabric.sanitizer.id().unwrap();
    let workers = children(supervisor, "worker");
    assert!(workers.len() >= 2, "{workers:?}");
    for pid in workers {
        let status = proc_file(pid, "status");
        let value = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key))
                .unwrap()
                .trim()
                .to_owned()
        };
        assert_eq!(
            (value("Seccomp:"), value("NoNewPrivs:"), value("Threads:")),
            ("2".into(), "1".into(), "1".into())
        );
        let limits = proc_file(pid, "limits");
        let limit = |name: &str| {
            limits
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap()
                .split_whitespace()
                .rev()
                .nth(1)
                .map(str::to_owned)
        };
        assert_eq!(limit("Max open files").as_deref(), Some("0"));
        assert_eq!(limit("Max file size").as_deref(), Some("0"));
        let mut descriptors: Vec<_> = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .flatten()
            .collect();
        descriptors.sort_by_key(std::fs::DirEntry::file_name);
        let targets: Vec<_> = descriptors
            .iter()
            .map(|fd| std::fs::read_link(fd.path()).unwrap())
            .collect();
        assert_eq!(targets.len(), 2, "{targets:?}");
        assert!(
            targets
                .iter()
                .all(|target| target.to_string_lossy().starts_with("pipe:")),
            "{targets:?}"
        );
    }
    for verb in ["worker", "ingest", "egress"] {
        for pid in children(supervisor, verb) {
            assert_eq!(proc_file(pid, "environ"), "", "{verb}");
            assert!(!proc_file(pid, "cmdline").contains("5a5a"), "{verb}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_replaced_and_the_lane_goes_on() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    assert_serves(&fabric, &mut centre, 1).await;
    for round in 2..5 {
        let pid = fabric.worker_pid(&mut centre, "acme").await;
        signal("-KILL", pid);
        assert_serves(&fabric, &mut centre, round).await;
        // The status is told once a second.
        while fabric.worker_pid(&mut centre, "acme").await == pid {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    assert!(centre.pull("quarantine", 0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_stalls_two_workers_goes_to_quarantine_and_others_go_on() {
    let fabric = Fabric::start_with("worker.stall_ms_max=300").await;
    let mut centre = fabric.centre().await;
    let mut agent = fabric.agent("acme", "hq").await;
    centre.ask(&id(1), "acme", "hq", json!({})).await;
    let pull = agent.next_pull().await;
    centre
        .wait_for("status", |record| record["kind"] == "presence")
        .await;
    let lanes = centre.status().await["tenants"].as_array().unwrap().len();
    stop_workers(fabric.sanitizer.id().unwrap(), lanes).await;
    agent.answer(&pull, &[json!([device("one")])]).await;
    let failed = centre
        .wait_for("reply", |record| record["id"] == json!(id(1)))
        .await;
    assert_eq!(
        failed.record["failure"],
        json!({"class": "invalid", "detail": "/: stall"})
    );
    let refused = centre
        .wait_for("quarantine", |record| record["id"] == json!(id(1)))
        .await;
    assert_eq!(refused.record["reason"], "stall");
    drop(agent);
    assert_serves(&fabric, &mut centre, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stalls_by_itself_is_replaced_and_its_message_answered() {
    let fabric = Fabric::start_with("worker.stall_ms_max=300").await;
    let mut centre = fabric.centre().await;
    let mut agent = fabric.agent("acme", "hq").await;
    centre.ask(&id(1), "acme", "hq", json!({})).await;
    let pull = agent.next_pull().await;
    centre
        .wait_for("status", |record| record["kind"] == "presence")
        .await;
    let pid = fabric.worker_pid(&mut centre, "acme").await;
    signal("-STOP", pid);
    agent.answer(&pull, &[json!([device("one")])]).await;
    let answered = centre
        .wait_for("reply", |record| record["id"] == json!(id(1)))
        .await;
    assert_eq!(answered.record["rows"], json!([device("one")]));
    assert!(centre.pull("quarantine", 0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_messages_with_a_lost_worker_are_tried_again_and_none_is_lost() {
    let fabric = Fabric::start_with("worker.stall_ms_max=60000").await;
    let mut centre = fabric.centre().await;
    let agent = fabric.agent("acme", "hq").await;
    centre
        .wait_for("status", |record| {
            record["kind"] == "presence" && record["satellite"] == "hq"
        })
        .await;
    let pid = fabric.worker_pid(&mut centre, "acme").await;
    signal("-STOP", pid);
    for number in 0..20 {
        let status = Status {
            agent_version: "1".into(),
            at_ms: number,
            spool_messages: 0,
            spool_bytes: 0,
            spool_oldest_ms: None,
            restart_due_ms: None,
            node_red: SourceHealth::Up,
            certificate: None,
        };
        agent.publish(Channel::Status, status.encode()).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    signal("-KILL", pid);
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let records = centre.pull("status", 5_000).await;
        assert!(!records.is_empty(), "{seen:?}");
        seen.extend(
            records
                .iter()
                .filter_map(|taken| taken.record["sent_at"].as_u64()),
        );
    }
    assert_eq!(seen, (0..20).collect::<Vec<u64>>());
    assert!(centre.pull("quarantine", 0).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn recycled_workers_lose_nothing() {
    let fabric = Fabric::start_with("worker.messages_max=3").await;
    let mut centre = fabric.centre().await;
    let mut agent = fabric.agent("acme", "hq").await;
    centre.ask(&id(1), "acme", "hq", json!({})).await;
    let pull = agent.next_pull().await;
    let chunks: Vec<_> = (0..40)
        .map(|number| json!([device(&format!("host-{number}"))]))
        .collect();
    agent.answer(&pull, &chunks).await;
    let mut sequences = Vec::new();
    while sequences.len() < 40 {
        let records = centre.pull("reply", 5_000).await;
        assert!(!records.is_empty(), "{sequences:?}");
        sequences.extend(
            records
                .iter()
                .map(|taken| taken.record["sequence"].as_u64().unwrap()),
        );
    }
    assert_eq!(sequences, (0..40).collect::<Vec<u64>>());
    let status = centre.status().await;
    let lane = status["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .find(|lane| lane["tenant"] == "acme")
        .unwrap()
        .clone();
    assert_eq!(lane["worker_crashes"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_and_egress_come_back() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let fabric = Fabric::start_with(&format!("inner.listen=127.0.0.1:{port}")).await;
    let mut centre = fabric.centre().await;
    let supervisor = fabric.sanitizer.id().unwrap();
    signal("-KILL", children(supervisor, "ingest")[0]);
    assert_serves(&fabric, &mut centre, 1).await;

    let boot = centre.boot.clone();
    signal("-KILL", children(supervisor, "egress")[0]);
    let certificate = fabric.inner_ca.identity("service/report-service");
    let mut centre = loop {
        match Centre::connect(fabric.inner, &fabric.inner_ca, Some(&certificate)).await {
            Ok(centre) => break centre,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    };
    // The cursor of the other run frees nothing here.
    centre.boot.clone_from(&boot);
    centre.acked.insert("reply".into(), 1_000);
    assert_serves(&fabric, &mut centre, 2).await;
    assert_ne!(centre.boot, boot);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_centre_may_ask() {
    let fabric = Fabric::start().await;
    let certificate = |path: &str| fabric.inner_ca.identity(path);
    for (path, expected) in [
        ("service/report-service", 200),
        ("service/sanitizer", 403),
        ("tenant/acme/satellite/hq", 403),
        ("service/report-service/", 403),
    ] {
        let mut client = Centre::connect(fabric.inner, &fabric.inner_ca, Some(&certificate(path)))
            .await
            .unwrap();
        for target in ["/v1/status", "/v1/quarantine"] {
            assert_eq!(
                client.send("GET", target, Vec::new()).await.unwrap().0,
                expected,
                "{path} {target}"
            );
        }
    }
    // No certificate, and one of the other hop's CA: TLS 1.3 tells the client when it reads.
    let foreign = fabric.fabric_ca.identity("service/report-service");
    for certificate in [None, Some(&foreign)] {
        if let Ok(mut client) = Centre::connect(fabric.inner, &fabric.inner_ca, certificate).await {
            assert!(client.send("GET", "/v1/status", Vec::new()).await.is_err());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_the_second_hop_are_bounded() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    for (body, expected) in [
        (vec![b' '; 1024 * 1024 + 1], 413),
        (b"{}".to_vec(), 400),
        (
            br#"{"lane":"reply","boot":"","ack":0,"max":0,"max_bytes":1,"wait_ms":0}"#.to_vec(),
            400,
        ),
        (
            br#"{"lane":"reply","boot":"","ack":0,"max":1,"max_bytes":1,"wait_ms":25001}"#.to_vec(),
            400,
        ),
        (
            br#"{"lane":"other","boot":"","ack":0,"max":1,"max_bytes":1,"wait_ms":0}"#.to_vec(),
            400,
        ),
        (
            br#"{"lane":"reply","boot":"","ack":0,"max":1,"max_bytes":1,"wait_ms":0}"#.to_vec(),
            200,
        ),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = fabric
            .centre()
            .await
            .send("POST", "/v1/pull", body)
            .await
            .unwrap();
        assert_eq!(answer.0, expected, "{shown}");
    }
    assert_eq!(
        centre.send("GET", "/v1/other", Vec::new()).await.unwrap().0,
        404
    );
    assert_eq!(
        centre.send("GET", "/v1/pull", Vec::new()).await.unwrap().0,
        405
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_all_processes_with_success() {
    let mut fabric = Fabric::start().await;
    let supervisor = fabric.sanitizer.id().unwrap();
    let all: Vec<u64> = ["worker", "ingest", "egress"]
        .into_iter()
        .flat_map(|verb| children(supervisor, verb))
        .collect();
    assert!(all.len() >= 4, "{all:?}");
    signal("-TERM", u64::from(supervisor));
    let status = fabric.sanitizer.wait().await.unwrap();
    assert_eq!(status.code(), Some(0));
    for pid in all {
        assert!(
            !std::path::Path::new(&format!("/proc/{pid}")).exists(),
            "{pid} still runs"
        );
    }
}
