//! A satellite that keeps sending rubbish is slowed, then suspended, and the others do not notice. Nothing that was good
//! is lost: what is not taken is not acknowledged.
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
use spokegate_identity::quarantine;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use support::agent::{Agent, body};
use support::processes::stop_workers;
use support::{Centre, Fabric, assert_sealed, device, id, quarantine_key};

const RULES: &str = "budget.refusals=6 budget.slow_after=4 budget.suspend_s=4";

fn push(sequence: u64, row: &Value) -> Vec<u8> {
    let push = Push {
        epoch: 1,
        sequence,
        version: 1,
        captured_at_ms: 1_700_000_000_000,
        shape: Shape::Rows,
        body: body(&json!([row])),
    };
    push.encode()
}

async fn send(agent: &Agent, sequence: u64, row: &Value) {
    let channel = Channel::Push("backup-jobs".parse().unwrap());
    agent.publish(channel, push(sequence, row)).await;
}

fn good() -> Value {
    json!({
        "job": "nightly", "hostname": "h", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1834, "message": "m",
    })
}

fn bad() -> Value {
    json!({"job": "secret-value"})
}

async fn state(centre: &mut Centre, wanted: &str) -> Value {
    let taken = centre
        .wait_for("status", |record| {
            record["kind"] == "budget" && record["state"] == wanted
        })
        .await;
    assert_sealed(&taken);
    assert_eq!(taken.record["satellite"], "hq");
    taken.record
}

/// The status of a lane, which is a second old at most, once it is as wanted.
async fn lane(centre: &mut Centre, tenant: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..100 {
        let status = centre.status().await;
        let mut lanes = status["tenants"].as_array().unwrap().iter();
        last = lanes.find(|lane| lane["tenant"] == tenant).unwrap().clone();
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the lane is not as wanted: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_suspends_its_satellite_alone_and_what_is_good_comes_afterwards() {
    let fabric = Fabric::start_with(RULES).await;
    let mut centre = fabric.centre().await;
    let mut agent = fabric.agent("acme", "hq").await;
    let sibling = fabric.agent("acme", "branch").await;
    for sequence in 1..=4 {
        send(&agent, sequence, &bad()).await;
    }
    state(&mut centre, "slowed").await;
    // A slowed satellite is still heard, two messages a second.
    for sequence in 5..=6 {
        send(&agent, sequence, &bad()).await;
    }
    let suspended = state(&mut centre, "suspended").await;
    let until_ms = suspended["ends_at"].as_u64().unwrap();
    assert!(until_ms > spokegate_daemon::Clock::system().now_ms());
    lane(&mut centre, "acme", |lane| {
        lane["satellites_suspended"] == 1
    })
    .await;

    // What is good waits too; a pull ends at once and says why; the sibling is not touched.
    send(&agent, 7, &good()).await;
    centre.ask(&id(1), "acme", "hq", json!({})).await;
    let pull = agent.next_pull().await;
    agent.answer(&pull, &[json!([device("one")])]).await;
    let failed = centre
        .wait_for("reply", |record| record["id"] == json!(id(1)))
        .await;
    assert_sealed(&failed);
    assert_eq!(failed.record["failure"]["class"], "refused");
    send(&sibling, 1, &good()).await;
    let passed = centre.pull("push", 5_000).await;
    let from: Vec<&Value> = passed
        .iter()
        .map(|taken| &taken.record["satellite"])
        .collect();
    assert_eq!(from, ["branch"], "nothing of the suspended one");
    // The push and the answer.
    let stats = lane(&mut centre, "acme", |lane| lane["held_off"] == 2).await;
    assert_eq!(
        (&stats["refused"], &stats["worker_crashes"]),
        (&json!(6), &json!(0))
    );

    // It ends; what was never acknowledged is sent again, as a spool does, and passes.
    state(&mut centre, "normal").await;
    send(&agent, 7, &good()).await;
    let passed = centre.wait_for("push", |_| true).await;
    assert_eq!(
        (&passed.record["satellite"], &passed.record["sequence"]),
        (&json!("hq"), &json!(7))
    );
    lane(&mut centre, "acme", |lane| {
        lane["satellites_suspended"] == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_messages_that_cost_workers_suspend() {
    let fabric = Fabric::start_with("worker.stall_ms_max=300 budget.suspend_s=60").await;
    let mut centre = fabric.centre().await;
    let agent = fabric.agent("acme", "hq").await;
    centre
        .wait_for("status", |record| record["kind"] == "presence")
        .await;
    let lanes = centre.status().await["tenants"].as_array().unwrap().len();
    for sequence in 1..=3 {
        stop_workers(fabric.sanitizer.id().unwrap(), lanes).await;
        send(&agent, sequence, &good()).await;
        let refused = centre.wait_for("quarantine", |_| true).await;
        assert_eq!(refused.record["reason"], "stall");
    }
    state(&mut centre, "suspended").await;
}

/// Sends rubbish until told to stop, and says how much.
async fn flood(agent: &Agent, stop: tokio::sync::watch::Receiver<bool>) -> u64 {
    let mut sequence = 0;
    while !*stop.borrow() {
        sequence += 1;
        send(agent, sequence, &bad()).await;
        if sequence % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    sequence
}

/// Sends good pushes one by one and measures each way to the centre; returns the 99th percentile.
async fn measure(agent: &Agent, centre: &mut Centre, from: u64, count: u64) -> Duration {
    let mut times = Vec::new();
    for sequence in from..from + count {
        let start = Instant::now();
        send(agent, sequence, &good()).await;
        let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
        while seen.is_empty() {
            for taken in centre.pull("push", 5_000).await {
                assert_eq!(taken.record["tenant"], "globex");
                *seen
                    .entry(taken.record["sequence"].as_u64().unwrap())
                    .or_default() += 1;
            }
        }
        assert_eq!(seen, BTreeMap::from([(sequence, 1)]), "each once, in order");
        times.push(start.elapsed());
    }
    times.sort();
    times[times.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tenants_do_not_notice_a_flood_of_rubbish() {
    const EACH: u64 = 300;
    let fabric = Fabric::start_with("budget.suspend_s=60").await;
    let mut centre = fabric.centre().await;
    let quiet = fabric.agent("globex", "hq").await;
    let alone = measure(&quiet, &mut centre, 1, EACH).await;
    let noisy = fabric.agent("acme", "hq").await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (beside, rubbish) = tokio::join!(
        async {
            let beside = measure(&quiet, &mut centre, EACH + 1, EACH).await;
            // Enough must have come for the suspension, however fast the measurement was.
            let mut other = fabric.centre().await;
            state(&mut other, "suspended").await;
            stop.send(true).unwrap();
            beside
        },
        flood(&noisy, stopped)
    );
    let stats = lane(&mut centre, "acme", |lane| {
        lane["satellites_suspended"] == 1
    })
    .await;
    println!(
        "other lanes: delivered {0} of {0}, p99 {1:.1} ms alone, {2:.1} ms beside {rubbish} bad messages, ratio {3:.2}",
        2 * EACH,
        alone.as_secs_f64() * 1e3,
        beside.as_secs_f64() * 1e3,
        beside.as_secs_f64() / alone.as_secs_f64()
    );
    // The worker saw no more than the budget, and what it had in hand at the end of it.
    let refused = stats["refused"].as_u64().unwrap();
    assert!((100..=164).contains(&refused), "{stats}");
    assert!(stats["held_off"].as_u64().unwrap() > 0, "{stats}");
    let other = lane(&mut centre, "globex", |_| true).await;
    assert_eq!(
        (&other["refused"], &other["held_off"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_flood_leaves_whole_files_only() {
    let mut fabric = Fabric::start_with("budget.refusals=10000 budget.slow_after=10000").await;
    let agent = fabric.agent("acme", "hq").await;
    let folder = fabric.folder.path().join("quarantine");
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&folder).unwrap();
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    };
    for sequence in 1..=400 {
        send(&agent, sequence, &bad()).await;
        if names().len() > 20 {
            break;
        }
    }
    while names().len() <= 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    fabric.sanitizer.start_kill().unwrap();
    fabric.sanitizer.wait().await.unwrap();
    let mut whole = 0;
    for name in names() {
        let file = std::fs::read(folder.join(&name)).unwrap();
        if name.ends_with(".sealed") {
            let opened = quarantine::open(&quarantine_key(), &file).unwrap();
            assert!(opened.plain_is_true, "{name}");
            assert!(
                opened
                    .message
                    .windows(12)
                    .any(|part| part == b"secret-value")
            );
            whole += 1;
        } else {
            assert!(name.starts_with('.') && name.ends_with(".part"), "{name}");
        }
    }
    assert!(whole >= 20, "{whole}");
    // The next start takes away what is not whole.
    let part = ".1800000000000-0000000000000001.acme.hq.sealed.part";
    std::fs::write(folder.join(part), "half").unwrap();
    let tenants = ["acme", "globex"].map(str::to_owned);
    let authorities = (&fabric.fabric_ca, &fabric.inner_ca);
    let port = fabric.broker.addr().port();
    let (_again, _) =
        support::start_sanitizer(&fabric.folder, authorities, &tenants, port, "").await;
    assert_eq!(
        names()
            .iter()
            .filter(|name| name.ends_with(".part"))
            .count(),
        0
    );
    assert!(names().len() >= whole);
    println!("kill -9 amid refusals: {whole} files, all whole");
}
