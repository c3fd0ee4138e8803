//! The promise: whoever cancels a run stops the flow of data where it begins, within a second.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what it measured"
)]

#[path = "fabric/source.rs"]
mod source;

use std::time::{Duration, Instant};

use source::{Pace, SlowSource};
use spokegate_demo::client::{NewRun, RunState};
use spokegate_demo::{Fabric, Options, SourceChoice};

const LIMIT: Duration = Duration::from_secs(1);

/// Cancels a run while its source is in the middle of an endless answer; says how long the source went on, and how
/// many rows it wrote before and after.
async fn cancelled(pace: Pace, rows: u64) -> (Duration, u64, u64) {
    let mut options = Options::sample().unwrap();
    options.tenants.truncate(1);
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    let mut fabric = Fabric::start(options).await.unwrap();
    let source = SlowSource::start(&mut fabric, "acme", pace).await;
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let order = NewRun {
        report: "customer-overview",
        tenants: &["acme"],
        fields: &[],
    };
    let run = browser.order(&order).await.unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while source.rows() < rows {
        assert!(Instant::now() < end, "{} rows in 30 s", source.rows());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let page = browser.get(&format!("/runs/{run}")).await.unwrap();
    let (before, began) = (source.rows(), Instant::now());
    let cancel = format!("/runs/{run}/cancel");
    browser.submit(&page, &cancel, &[]).await.unwrap();
    while source.is_busy() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "the source goes on"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = began.elapsed();
    let run = browser.await_end(&run).await.unwrap();
    assert_eq!(run.state, RunState::Cancelled, "{run:?}");
    let after = source.rows() - before;
    tokio::time::sleep(LIMIT).await;
    assert_eq!(source.rows() - before, after, "nothing more comes");
    assert_eq!((source.asked(), source.ended()), (1, (0, 1)));
    fabric.shutdown().await;
    (took, before, after)
}

#[track_caller]
fn check(kind: &str, (took, before, after): (Duration, u64, u64)) {
    println!(
        "cancel: a {kind} source stopped after {} ms, {before} rows before and {after} after",
        took.as_millis()
    );
    assert!(took < LIMIT, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_source_that_never_ends_is_let_go_within_a_second() {
    let pace = Pace {
        rows: None,
        piece: 5,
        pause: Duration::from_millis(20),
    };
    check("slow", cancelled(pace, 600).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fast_source_that_never_ends_is_let_go_within_a_second() {
    let pace = Pace {
        rows: None,
        piece: 200,
        pause: Duration::ZERO,
    };
    check("fast", cancelled(pace, 20_000).await);
}
