//! The relay against a real HTTPS server with client certificates that speaks the second hop's wire.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use spokegate_contract::limits::CLOCK_SKEW_MS_MAX;
use spokegate_contract::record::Lane;
use spokegate_contract::{Address, FailureClass, Registry};
use spokegate_daemon::{Clock, Tasks};

use super::waiting::PullEvent;
use super::*;
use crate::store::Store;
use crate::testing::{Identity, Sanitizer, device, schemas};

struct Bench {
    sanitizer: Sanitizer,
    relay: Relay,
    store: Store,
    tasks: Tasks,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Identity::Sanitizer).await
    }

    async fn with(identity: Identity) -> Self {
        Self::at(identity, Clock::system()).await
    }

    async fn at(identity: Identity, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tasks = Tasks::new();
        let sanitizer = Sanitizer::start(folder.path(), identity, &tasks).await;
        let store = Store::open(&format!("sqlite://{}/store.db", folder.path().display()))
            .await
            .unwrap();
        let around = Surroundings {
            store: store.clone(),
            contracts: Arc::new(Contracts::compile(&Registry::open(&schemas()).unwrap()).unwrap()),
            tenants: Arc::new(BTreeSet::from([
                "acme".parse().unwrap(),
                "globex".parse().unwrap(),
            ])),
            pushes_keep_ms: 86_400_000,
            log_bytes_max: 1 << 20,
            clock,
            tasks: tasks.clone(),
        };
        let relay = Relay::start(vec![sanitizer.link()], around);
        Self {
            sanitizer,
            relay,
            store,
            tasks,
            _folder: folder,
        }
    }

    async fn pull(&self) -> PullStream {
        self.relay.pull(&order("acme")).await.unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.tasks.hard().cancel();
    }
}

fn order(tenant: &str) -> PullOrder {
    PullOrder {
        address: Address::new(tenant.parse().unwrap(), "hq".parse().unwrap()),
        dataset: "devices".parse().unwrap(),
        version: 1,
        params: Map::new(),
        deadline_ms: Clock::system().now_ms() + 10_000,
    }
}

fn reply(id: &str, tenant: &str, sequence: u64, rows: &[Value], last: bool) -> Value {
    json!({
        "kind": "reply", "tenant": tenant, "satellite": "hq", "at": 1, "id": id, "dataset": "devices", "version": 1,
        "sequence": sequence, "rows": rows, "last": last,
    })
}

fn push(sequence: u64, rows: Value) -> Value {
    json!({
        "kind": "push", "tenant": "acme", "satellite": "hq", "at": 2_000, "dataset": "devices", "version": 1,
        "epoch": 7, "sequence": sequence, "captured_at": 1_000 + sequence, "rows": rows,
    })
}

async fn next(stream: &mut PullStream) -> PullEvent {
    tokio::time::timeout(Duration::from_secs(10), stream.next())
        .await
        .expect("something comes")
}

/// The body of the next chunk.
async fn rows(stream: &mut PullStream) -> (Value, bool) {
    match next(stream).await {
        PullEvent::Rows { body, last, .. } => (serde_json::from_slice(&body).unwrap(), last),
        other => panic!("no rows but {other:?}"),
    }
}

async fn failure(stream: &mut PullStream) -> (FailureClass, String) {
    match next(stream).await {
        PullEvent::Failure(failure) => (failure.class, failure.detail),
        other => panic!("no failure but {other:?}"),
    }
}

#[tokio::test]
async fn a_pull_is_asked_answered_and_credited() {
    let bench = Bench::new().await;
    let mut stream = bench.pull().await;
    let request = bench.sanitizer.request(0).await;
    assert_eq!(
        (
            request.tenant.as_str(),
            request.dataset.as_str(),
            request.credit
        ),
        ("acme", "devices", 8)
    );
    let id = request.id.to_string();
    bench
        .sanitizer
        .send(Lane::Reply, &reply(&id, "acme", 0, &[device("a")], false));
    assert_eq!(rows(&mut stream).await, (json!([device("a")]), false));
    stream.taken();
    let credit = bench.sanitizer.ack(|acks| !acks.credit.is_empty()).await;
    assert_eq!(credit.credit[0].chunks, 9);
    bench
        .sanitizer
        .send(Lane::Reply, &reply(&id, "acme", 1, &[], true));
    assert_eq!(rows(&mut stream).await, (json!([]), true));
    drop(stream);
    assert_eq!(bench.relay.pulls_under_way(), 0);
    assert!(
        bench
            .sanitizer
            .acks()
            .iter()
            .all(|acks| acks.cancel.is_empty()),
        "a pull that ended is not cancelled"
    );
}

#[tokio::test]
async fn a_part_from_memory_says_when_it_was_taken() {
    let bench = Bench::new().await;
    let mut stream = bench.pull().await;
    let id = bench.sanitizer.request(0).await.id.to_string();
    let mut kept = reply(&id, "acme", 0, &[device("a")], false);
    kept["captured_at"] = json!(1_234);
    bench.sanitizer.send(Lane::Reply, &kept);
    let fresh = reply(&id, "acme", 1, &[device("b")], true);
    bench.sanitizer.send(Lane::Reply, &fresh);
    for expected in [Some(1_234), None] {
        let PullEvent::Rows { captured_at_ms, .. } = next(&mut stream).await else {
            panic!("no rows");
        };
        assert_eq!(captured_at_ms, expected);
    }
}

#[tokio::test]
async fn a_dropped_pull_is_cancelled_and_its_late_answer_left_out() {
    let bench = Bench::new().await;
    let stream = bench.pull().await;
    let id = bench.sanitizer.request(0).await.id;
    drop(stream);
    let acks = bench.sanitizer.ack(|acks| !acks.cancel.is_empty()).await;
    assert_eq!(acks.cancel[0].id, id);
    bench
        .sanitizer
        .send(Lane::Reply, &reply(&id.to_string(), "acme", 0, &[], true));
    bench.sanitizer.taken_over(Lane::Reply).await;
}

#[tokio::test]
async fn a_line_that_does_not_hold_is_left_out_and_the_lane_goes_on() {
    let bench = Bench::new().await;
    let mut stream = bench.pull().await;
    let id = bench.sanitizer.request(0).await.id.to_string();
    let good = reply(&id, "acme", 0, &[device("a")], true);
    let sanitizer = &bench.sanitizer;
    sanitizer.send_sealed(Lane::Reply, &sanitizer.canonical(&good), &"0".repeat(64));
    let loose = sanitizer
        .canonical(&good)
        .replacen(",\"id\"", ", \"id\"", 1);
    sanitizer.send_text(Lane::Reply, &loose);
    let swapped = sanitizer
        .canonical(&good)
        .replacen("{\"at\":1,", "{", 1)
        .replacen("\"kind\"", "\"at\":1,\"kind\"", 1);
    sanitizer.send_text(Lane::Reply, &swapped);
    sanitizer.send(
        Lane::Reply,
        &reply(&id, "initech", 0, &[device("foreign")], true),
    );
    sanitizer.send(
        Lane::Reply,
        &reply(&id, "globex", 0, &[device("other")], true),
    );
    sanitizer.send(
        Lane::Reply,
        &json!({"kind": "reply", "tenant": "acme", "satellite": "hq", "at": 1, "id": id}),
    );
    sanitizer.send(Lane::Reply, &push(1, json!([])));
    sanitizer.send(
        Lane::Reply,
        &reply(&id, "acme", 0, &[device("right")], true),
    );
    assert_eq!(rows(&mut stream).await, (json!([device("right")]), true));
}

#[tokio::test]
async fn parts_twice_are_dropped_and_a_gap_fails() {
    let bench = Bench::new().await;
    let mut stream = bench.pull().await;
    let id = bench.sanitizer.request(0).await.id.to_string();
    for sequence in [0, 0, 1, 0, 1] {
        bench.sanitizer.send(
            Lane::Reply,
            &reply(&id, "acme", sequence, &[device("a")], false),
        );
    }
    bench
        .sanitizer
        .send(Lane::Reply, &reply(&id, "acme", 3, &[], true));
    rows(&mut stream).await;
    rows(&mut stream).await;
    assert_eq!(
        failure(&mut stream).await,
        (
            FailureClass::Invalid,
            "a part of the answer is missing".into()
        )
    );
}

#[tokio::test]
async fn a_cursor_that_comes_again_is_not_taken_twice() {
    let bench = Bench::new().await;
    bench
        .sanitizer
        .send(Lane::Push, &push(1, json!([device("a")])));
    bench
        .sanitizer
        .ack(|acks| acks.push.iter().any(|ack| ack.sequence == 1))
        .await;
    bench.sanitizer.replay(Lane::Push);
    bench
        .sanitizer
        .send(Lane::Push, &push(2, json!([device("b")])));
    let acks = bench
        .sanitizer
        .ack(|acks| acks.push.iter().any(|ack| ack.sequence == 2))
        .await;
    assert_eq!(acks.push.len(), 1);
    let latest = bench
        .store
        .push_latest(&"acme".parse().unwrap(), &"devices".parse().unwrap())
        .await
        .unwrap();
    assert_eq!((latest.len(), latest[0].captured_at_ms), (1, 1_002));
}

#[tokio::test]
async fn credit_that_is_overrun_ends_the_pull() {
    let bench = Bench::new().await;
    let mut stream = bench.pull().await;
    let id = bench.sanitizer.request(0).await.id.to_string();
    for sequence in 0..40 {
        bench
            .sanitizer
            .send(Lane::Reply, &reply(&id, "acme", sequence, &[], false));
    }
    bench.sanitizer.taken_over(Lane::Reply).await;
    let mut chunks = 0;
    loop {
        match next(&mut stream).await {
            PullEvent::Rows { .. } => chunks += 1,
            PullEvent::Failure(failure) => break assert_eq!(failure.class, FailureClass::Invalid),
            other => panic!("{other:?}"),
        }
    }
    assert!(chunks <= 10, "what waits is bounded: {chunks}");
}

#[tokio::test]
async fn another_boot_restarts_cursors_and_forgets_pulls() {
    let bench = Bench::new().await;
    bench.sanitizer.send(Lane::Push, &push(1, json!([])));
    bench.sanitizer.ack(|acks| !acks.push.is_empty()).await;
    let mut stream = bench.pull().await;
    bench.sanitizer.request(0).await;
    bench.sanitizer.reboot();
    assert!(matches!(next(&mut stream).await, PullEvent::Forgotten));
    // Cursors start again at 1 and are taken.
    bench.sanitizer.send(Lane::Push, &push(2, json!([])));
    bench
        .sanitizer
        .ack(|acks| acks.push.iter().any(|ack| ack.sequence == 2))
        .await;
    let mut again = bench.pull().await;
    let id = bench.sanitizer.request(1).await.id.to_string();
    bench
        .sanitizer
        .send(Lane::Reply, &reply(&id, "acme", 0, &[], true));
    rows(&mut again).await;
}

#[tokio::test]
async fn refusals_and_failures_keep_their_class() {
    let bench = Bench::new().await;
    bench
        .sanitizer
        .refuse(503, "offline", "the tenant's session is down");
    let refused = bench.relay.pull(&order("acme")).await.err().unwrap();
    assert_eq!(
        (refused.class, refused.detail.as_str()),
        (FailureClass::Offline, "the tenant's session is down")
    );
    bench.sanitizer.accept();
    let mut stream = bench.pull().await;
    let id = bench.sanitizer.request(0).await.id.to_string();
    let failed = json!({
        "kind": "reply", "tenant": "acme", "satellite": "hq", "at": 1, "id": id, "last": true,
        "failure": {"class": "source-error", "detail": "Node-RED answered with HTML"},
    });
    bench.sanitizer.send(Lane::Reply, &failed);
    let expected = (
        FailureClass::SourceError,
        "Node-RED answered with HTML".to_string(),
    );
    assert_eq!(failure(&mut stream).await, expected);
}

#[tokio::test]
async fn a_peer_that_is_no_sanitizer_is_not_spoken_to() {
    for identity in [
        Identity::ReportService,
        Identity::Satellite,
        Identity::OtherName,
        Identity::OtherCa,
    ] {
        let bench = Bench::with(identity).await;
        let refused = bench.relay.pull(&order("acme")).await.err().unwrap();
        assert_eq!(refused.class, FailureClass::Offline, "{identity:?}");
        assert!(!bench.relay.links()[0].up, "{identity:?}");
        assert!(bench.sanitizer.polls() == 0, "{identity:?}");
    }
}

#[tokio::test]
async fn pushes_are_stored_once_and_acknowledged_without_gaps() {
    // What is refused is kept for a time, counted from when it came.
    let bench = Bench::at(Identity::Sanitizer, Clock::manual(10_000).0).await;
    let mut last = 0;
    for sequence in [1, 3, 1, 3, 4] {
        bench
            .sanitizer
            .send(Lane::Push, &push(sequence, json!([device("a")])));
    }
    bench.sanitizer.taken_over(Lane::Push).await;
    // 2 was refused by the sanitizer: it counts as disposed of.
    bench.sanitizer.send(
        Lane::Quarantine,
        &json!({
            "kind": "quarantine", "tenant": "acme", "satellite": "hq", "at": 5, "file": "0000000000005-00000000000000ab", "channel": "push", "dataset": "devices",
            "reason": "schema", "rule": "/properties/kind/enum", "pointer": "/0/kind", "size_bytes": 10,
            "sha256": "00", "epoch": 7, "sequence": 2,
        }),
    );
    while last < 4 {
        let acks = bench
            .sanitizer
            .ack(|acks| acks.push.iter().any(|ack| ack.sequence > last))
            .await;
        last = acks.push.iter().map(|ack| ack.sequence).max().unwrap();
        assert_ne!(last, 3, "3 is not acknowledged before 2");
    }
    let entries = bench.store.quarantine_page(None, 9).await.unwrap();
    assert_eq!((entries.len(), entries[0].pointer.as_str()), (1, "/0/kind"));
}

#[tokio::test]
async fn a_push_that_breaks_its_contract_is_refused_here_too() {
    // What is refused is kept for a time, counted from when it came.
    let bench = Bench::at(Identity::Sanitizer, Clock::manual(10_000).0).await;
    let mut bad = device("a");
    bad["kind"] = json!("toaster");
    bench
        .sanitizer
        .send(Lane::Push, &push(1, json!([device("ok"), bad])));
    bench
        .sanitizer
        .ack(|acks| acks.push.iter().any(|ack| ack.sequence == 1))
        .await;
    let latest = bench
        .store
        .push_latest(&"acme".parse().unwrap(), &"devices".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(latest, []);
    let entries = bench.store.quarantine_page(None, 9).await.unwrap();
    assert_eq!(
        (entries[0].reason.as_str(), entries[0].pointer.as_str()),
        ("centre-check", "/1/kind")
    );
}

#[tokio::test]
async fn satellites_are_known_by_what_they_say() {
    let bench = Bench::new().await;
    let base =
        |kind: &str, at: u64| json!({"kind": kind, "tenant": "acme", "satellite": "hq", "at": at});
    let with = |mut record: Value, more: Value| {
        record
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        record
    };
    let hello = json!({
        "agent_version": "0.1.0", "epoch": 7, "last_sequence": 9, "acked_sequence": 8,
        "datasets": [{"dataset": "devices", "version": 1}],
    });
    bench
        .sanitizer
        .send(Lane::Status, &with(base("hello", 100), hello));
    let status = json!({
        "agent_version": "0.1.0", "sent_at": 190, "spool_messages": 1, "spool_bytes": 20, "node_red": "up",
    });
    bench
        .sanitizer
        .send(Lane::Status, &with(base("status", 200), status));
    // What the satellite no longer holds is not waited for.
    let acks = bench.sanitizer.ack(|acks| !acks.push.is_empty()).await;
    assert_eq!(acks.push[0].sequence, 8);
    bench.sanitizer.send(
        Lane::Status,
        &with(base("presence", 300), json!({"online": false})),
    );
    bench.sanitizer.send(
        Lane::Status,
        &with(base("presence", 250), json!({"online": true})),
    );
    bench.sanitizer.taken_over(Lane::Status).await;
    let satellites = bench.store.satellites().await.unwrap();
    let hq = &satellites[0];
    assert_eq!(
        (
            hq.online,
            hq.seen_at_ms,
            hq.spool_messages,
            hq.clock_skew_ms
        ),
        (false, 300, 1, -10)
    );
    assert_eq!(hq.datasets, [("devices".parse().unwrap(), 1)]);
}

#[tokio::test]
async fn news_dated_ahead_of_our_clock_do_not_outdate_what_comes_after() {
    const NOW_MS: u64 = 1_800_000_000_000;
    let (clock, hand) = Clock::manual(NOW_MS);
    let bench = Bench::at(Identity::Sanitizer, clock).await;
    let seen = async |at: u64, online: bool| {
        let presence = json!({"kind": "presence", "tenant": "acme", "satellite": "hq", "at": at, "online": online});
        bench.sanitizer.send(Lane::Status, &presence);
        bench.sanitizer.taken_over(Lane::Status).await;
        let satellites = bench.store.satellites().await.unwrap();
        (satellites[0].online, satellites[0].seen_at_ms)
    };
    let latest_ms = NOW_MS + CLOCK_SKEW_MS_MAX;
    assert_eq!(seen(latest_ms, false).await, (false, latest_ms));
    assert_eq!(
        seen(u64::from(u32::MAX) << 20, false).await,
        (false, latest_ms)
    );
    hand.advance(1);
    assert_eq!(seen(latest_ms + 1, true).await, (true, latest_ms + 1));
    assert_eq!(seen(latest_ms, false).await, (true, latest_ms + 1), "older");
}

#[tokio::test]
async fn pulls_fail_over_to_a_sanitizer_that_answers() {
    let bench = Bench::new().await;
    let links = vec![
        bench.sanitizer.link_to("https://127.0.0.1:9"),
        bench.sanitizer.link(),
    ];
    let relay = Relay::start(links, bench.relay.shared.around.clone());
    let mut stream = relay.pull(&order("acme")).await.unwrap();
    let id = bench.sanitizer.request(0).await.id.to_string();
    bench
        .sanitizer
        .send(Lane::Reply, &reply(&id, "acme", 0, &[device("a")], true));
    assert_eq!(rows(&mut stream).await, (json!([device("a")]), true));
    assert!(!relay.links()[0].up);
}

/// A door before the sanitizer, which can be shut and opened again at the same address.
struct Door {
    at: SocketAddr,
    to: String,
    tasks: Option<Tasks>,
}

impl Door {
    async fn before(sanitizer: &Sanitizer) -> Self {
        // Below those that the system hands out for outgoing connections: nobody takes it while the door is shut.
        let at = loop {
            let random = RandomState::new().build_hasher().finish() % 12_000;
            let at = SocketAddr::from(([127, 0, 0, 1], 20_000 + u16::try_from(random).unwrap()));
            if tokio::net::TcpListener::bind(at).await.is_ok() {
                break at;
            }
        };
        let url = sanitizer.link().url().to_owned();
        Self {
            at,
            to: url.trim_start_matches("https://").to_owned(),
            tasks: None,
        }
    }

    async fn open(&mut self) {
        let listener = tokio::net::TcpListener::bind(self.at).await.unwrap();
        let (tasks, to) = (Tasks::new(), self.to.clone());
        let inner = tasks.clone();
        tasks.spawn("door", async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let mut to = tokio::net::TcpStream::connect(&to).await.unwrap();
                inner.spawn("through the door", async move {
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                });
            }
        });
        self.tasks = Some(tasks);
    }

    async fn shut(&mut self) {
        self.tasks.take().unwrap().abort().await;
    }
}

async fn until(what: impl Fn() -> bool) {
    while !what() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn while_the_only_sanitizer_starts_anew_a_pull_waits_within_its_deadline() {
    let bench = Bench::new().await;
    let mut door = Door::before(&bench.sanitizer).await;
    door.open().await;
    let links = vec![bench.sanitizer.link_to(&format!("https://{}", door.at))];
    let relay = Relay::start(links, bench.relay.shared.around.clone());
    until(|| relay.links()[0].up).await;
    door.shut().await;
    let wanted = order("acme");
    let again = async {
        until(|| !relay.links()[0].up).await;
        door.open().await;
    };
    let (stream, ()) = tokio::join!(relay.pull(&wanted), again);
    assert!(stream.is_ok());
    // Without a session it waits as well, and a deadline ends all waiting.
    bench
        .sanitizer
        .refuse(421, "offline", "there is no broker session");
    let again = async {
        until(|| relay.pulls_under_way() > 1).await;
        bench.sanitizer.accept();
    };
    let (second, ()) = tokio::join!(relay.pull(&wanted), again);
    assert!(second.is_ok());
    door.shut().await;
    until(|| !relay.links()[0].up).await;
    let late = PullOrder {
        deadline_ms: Clock::system().now_ms() + 300,
        ..wanted
    };
    let refused = relay.pull(&late).await.err().unwrap();
    assert_eq!(refused.class, FailureClass::Offline);
    assert!(Clock::system().now_ms() >= late.deadline_ms);
}

#[tokio::test]
async fn a_satellite_that_goes_away_ends_what_it_was_asked() {
    let bench = Bench::new().await;
    let mut stream = bench.pull().await;
    bench.sanitizer.request(0).await;
    let now_ms = Clock::system().now_ms();
    let presence = |tenant: &str, at: u64| {
        let record = json!({"kind": "presence", "tenant": tenant, "satellite": "hq", "at": at, "online": false});
        bench.sanitizer.send(Lane::Status, &record);
    };
    // Another's going, and one from before the question, change nothing.
    presence("globex", now_ms + 5_000);
    presence("acme", now_ms - 60_000);
    bench.sanitizer.taken_over(Lane::Status).await;
    assert_eq!(bench.relay.pulls_under_way(), 1);
    presence("acme", now_ms + 1);
    assert_eq!(
        failure(&mut stream).await,
        (
            FailureClass::Offline,
            "it went away while it was asked".into()
        )
    );
}
