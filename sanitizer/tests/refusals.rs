//! Bad messages end in quarantine, the pull ends with its class, and everything else goes on.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::{Value, json};
use spokegate_contract::envelope::{Ack, Part, Push, Reply};
use spokegate_contract::{Channel, Envelope, Failure, FailureClass, Shape};
use spokegate_identity::quarantine;
use support::agent::{Agent, body};
use support::{Centre, Fabric, assert_sealed, device, id, quarantine_key};

struct Scene {
    fabric: Fabric,
    centre: Centre,
    agent: Agent,
    next: u8,
}

impl Scene {
    async fn start() -> Scene {
        let fabric = Fabric::start().await;
        let centre = fabric.centre().await;
        let agent = fabric.agent("acme", "hq").await;
        Scene {
            fabric,
            centre,
            agent,
            next: 0,
        }
    }

    async fn pull(&mut self) -> spokegate_contract::envelope::PullRequest {
        self.next += 1;
        assert_eq!(
            self.centre
                .ask(&id(self.next), "acme", "hq", json!({}))
                .await
                .0,
            202
        );
        self.agent.next_pull().await
    }

    /// The failure of the last pull, and its quarantine record.
    async fn failure(&mut self) -> (Value, Value) {
        let wanted = json!(id(self.next));
        let failed = self
            .centre
            .wait_for("reply", |record| {
                record["id"] == wanted && record["failure"].is_object()
            })
            .await;
        let refused = self
            .centre
            .wait_for("quarantine", |record| record["id"] == wanted)
            .await;
        assert_sealed(&failed);
        assert_sealed(&refused);
        (failed.record["failure"].clone(), refused.record)
    }

    async fn check(&mut self, rows: Value, detail: &str, reason: &str) {
        let pull = self.pull().await;
        self.agent.answer(&pull, &[rows]).await;
        let (failure, record) = self.failure().await;
        assert_eq!(failure, json!({"class": "invalid", "detail": detail}));
        assert_eq!(
            (record["reason"].as_str(), record["channel"].as_str()),
            (Some(reason), Some("reply"))
        );
        assert_eq!(self.agent.next_ack().await, Ack::Cancel { id: pull.id });
    }
}

/// Waits until there are six whole files.
async fn six_files(folder: &std::path::Path) {
    let files = || {
        let entries = std::fs::read_dir(folder).unwrap();
        let whole = |name: &std::ffi::OsString| name.to_str().unwrap().ends_with(".sealed");
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.filter(whole).count()
    };
    for _ in 0..100 {
        if files() >= 6 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(files(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_its_contract_fails_the_pull_and_is_kept() {
    let mut scene = Scene::start().await;
    let mut secret = device("secret-value");
    secret["kind"] = json!("secret-value");
    scene
        .check(
            json!([device("ok"), secret]),
            "/1/kind: contract:enum",
            "contract",
        )
        .await;
    scene
        .check(
            json!([{"hostname": "x"}]),
            "/0: contract:required",
            "contract",
        )
        .await;
    let mut extra = device("one");
    extra["extra"] = json!(1);
    scene
        .check(
            json!([extra]),
            "/0: contract:additionalProperties",
            "contract",
        )
        .await;
    scene.check(json!([[]]), "/0: shape", "contract").await;
    scene.check(json!({}), "/: shape", "contract").await;
    let mut broken = device("one");
    broken["owner"] = json!("two\nlines");
    scene
        .check(json!([broken]), "/0/owner: contract:x-text", "contract")
        .await;

    // They are sealed on disk; the listing shows them newest first and never a value.
    let (_, _, listed) = scene
        .centre
        .send("GET", "/v1/quarantine?tenant=acme&limit=2", Vec::new())
        .await
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed["quarantine"].as_array().unwrap().len(), 2);
    assert_eq!(listed["quarantine"][0]["pointer"], "/0/owner");
    assert!(!listed.to_string().contains("secret-value"));
    // The files are written behind the records; the listing says which is whose.
    let folder = scene.fabric.folder.path().join("quarantine");
    six_files(&folder).await;
    let kept = listed["quarantine"][0]["file"].as_str().unwrap();
    let file = std::fs::read(folder.join(format!("{kept}.acme.hq.sealed"))).unwrap();
    let opened = quarantine::open(&quarantine_key(), &file).unwrap();
    assert!(opened.message.windows(9).any(|part| part == b"two\nlines"));
    assert_eq!(opened.whole.sha256, listed["quarantine"][0]["sha256"]);
    assert_eq!(opened.whole.pointer, "/0/owner");

    // The next pull is as good as any.
    let pull = scene.pull().await;
    scene.agent.answer(&pull, &[json!([device("fine")])]).await;
    let wanted = json!(id(scene.next));
    scene
        .centre
        .wait_for("reply", |record| {
            record["id"] == wanted && record["rows"].is_array()
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_outside_the_strict_form_fail_the_pull() {
    let mut scene = Scene::start().await;
    for (bytes, detail) in [
        (&b"\x81\xa1\x61a\xf9\x7e\x00"[..], "/0/*: float-form"),
        (b"\x9f\xff", "/: indefinite-length"),
        (b"\x80\x80", "/: trailing-bytes"),
        (b"\x81\xa2\x61a\x01\x61a\x02", "/0: duplicate-key"),
        (b"", "/: truncated"),
    ] {
        let pull = scene.pull().await;
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes)
            .as_ref()
            .try_into()
            .unwrap();
        let part = Part::Rows {
            body: bytes.into(),
            last: Some(digest),
        };
        scene
            .agent
            .reply(&Reply {
                id: pull.id,
                sequence: 0,
                captured_at_ms: None,
                part,
            })
            .await;
        let (failure, record) = scene.failure().await;
        assert_eq!(failure, json!({"class": "invalid", "detail": detail}));
        assert_eq!(record["reason"], "form");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_and_false_digests_fail_the_pull_and_strangers_are_not_heard() {
    let mut scene = Scene::start().await;
    let rows = |last| Part::Rows {
        body: body(&json!([])),
        last,
    };
    let pull = scene.pull().await;
    scene
        .agent
        .reply(&Reply {
            id: pull.id,
            sequence: 1,
            captured_at_ms: None,
            part: rows(None),
        })
        .await;
    assert_eq!(
        scene.failure().await.0,
        json!({"class": "invalid", "detail": "/: sequence"})
    );
    let pull = scene.pull().await;
    scene
        .agent
        .reply(&Reply {
            id: pull.id,
            sequence: 0,
            captured_at_ms: None,
            part: rows(Some([0; 32])),
        })
        .await;
    assert_eq!(
        scene.failure().await.0,
        json!({"class": "invalid", "detail": "/: digest"})
    );

    // Another satellite of the tenant answers first: nobody asked it.
    let stranger = scene.fabric.agent("acme", "stranger").await;
    let pull = scene.pull().await;
    stranger.answer(&pull, &[json!([device("forged")])]).await;
    scene.agent.answer(&pull, &[json!([device("true")])]).await;
    let wanted = json!(id(scene.next));
    let seen = scene
        .centre
        .wait_for("reply", |record| record["id"] == wanted)
        .await;
    assert_eq!(seen.record["satellite"], "hq");
    assert_eq!(seen.record["rows"][0]["hostname"], "true");
    // And once it is answered, nothing more belongs to it.
    scene.agent.answer(&pull, &[json!([device("late")])]).await;
    assert!(scene.centre.pull("reply", 500).await.is_empty());
    for _ in 0..100 {
        let counters = scene.centre.status().await["counters"].clone();
        if counters["dropped_unmatched_replies"] == json!(2) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the dropped replies were not counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_satellite_come_through_on_one_clean_line() {
    let mut scene = Scene::start().await;
    let pull = scene.pull().await;
    let failure = Failure {
        class: FailureClass::SourceError,
        detail: "Node-RED\nanswered \u{202e}HTML\u{7}".into(),
    };
    scene
        .agent
        .reply(&Reply {
            id: pull.id,
            sequence: 0,
            captured_at_ms: None,
            part: Part::Failure(failure),
        })
        .await;
    let wanted = json!(id(scene.next));
    let seen = scene
        .centre
        .wait_for("reply", |record| record["id"] == wanted)
        .await;
    assert_sealed(&seen);
    assert_eq!(
        seen.record["failure"],
        json!({"class": "source-error", "detail": "Node-RED answered HTML"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_pushes_are_named_so_that_the_spool_moves_on() {
    let mut scene = Scene::start().await;
    let push = Push {
        epoch: 9,
        sequence: 5,
        version: 1,
        captured_at_ms: 1,
        shape: Shape::Rows,
        body: body(&json!([{"job": 1}])),
    };
    scene
        .agent
        .publish(Channel::Push("backup-jobs".parse().unwrap()), push.encode())
        .await;
    let seen = scene
        .centre
        .wait_for("quarantine", |record| record["channel"] == "push")
        .await;
    assert_eq!(
        (&seen.record["epoch"], &seen.record["sequence"]),
        (&json!(9), &json!(5))
    );
    assert_eq!(seen.record["dataset"], "backup-jobs");
    // A dataset that is not pushed, one that nobody knows, and no envelope at all.
    for (dataset, payload, reason, rule) in [
        ("devices", push.encode(), "contract", "shape"),
        ("payroll", push.encode(), "contract", "unknown-dataset"),
        ("backup-jobs", b"junk".to_vec(), "envelope", "form"),
        (
            "backup-jobs",
            Push {
                captured_at_ms: 1 << 50,
                ..push.clone()
            }
            .encode(),
            "envelope",
            "clock",
        ),
    ] {
        scene
            .agent
            .publish(Channel::Push(dataset.parse().unwrap()), payload)
            .await;
        let seen = scene
            .centre
            .wait_for("quarantine", |record| record["rule"] == rule)
            .await;
        assert_eq!(
            (
                seen.record["reason"].as_str(),
                seen.record["dataset"].as_str()
            ),
            // A name that stands for no dataset is the segment's own text.
            (Some(reason), (dataset != "payroll").then_some(dataset))
        );
    }
}
