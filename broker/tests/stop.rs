//! A broker that has stopped leaves no thread that served sessions, whichever way it stopped. One test, because threads
//! are counted in the whole process.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[expect(dead_code, reason = "the broker's other tests use all of it")]
#[path = "support/harness.rs"]
mod support;

use std::time::{Duration, Instant};

use support::{Authority, Client, SOON, TestBroker};
use tempfile::TempDir;

fn strands() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("strand-")).count()
}

async fn none_left() {
    let started = Instant::now();
    while strands() > 0 {
        assert!(started.elapsed() < SOON, "{} are left", strands());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn busy() -> (TestBroker, spokegate_daemon::Context, Vec<Client>) {
    let authority = Authority::new("fabric");
    let files = TempDir::new().unwrap();
    authority.server().write(files.path());
    let context = spokegate_daemon::Context::new();
    let broker = TestBroker::of(authority, files, "", context.clone()).await;
    let mut clients = Vec::new();
    for tenant in ["acme", "globex", "initech", "umbra", "vanta"] {
        clients.push(broker.sanitizer(tenant).await);
        let mut hq = broker.listening_satellite(tenant, "hq").await;
        assert!(
            hq.publish(&format!("sg/1/{tenant}/hq/up/status"), b"x")
                .await
        );
        clients.push(hq);
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(strands(), processors);
    (broker, context, clients)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_strand_outlives_its_broker() {
    let (broker, _context, mut clients) = busy().await;
    broker.broker.shutdown().await;
    assert_eq!(strands(), 0, "an orderly stop waits for its threads");
    for client in &mut clients {
        assert!(client.is_closed().await);
    }
    drop(broker);

    let (broker, context, mut clients) = busy().await;
    context.tasks.abort().await;
    for client in &mut clients {
        assert!(client.is_closed().await);
    }
    drop(broker);
    none_left().await;

    let (broker, context, clients) = busy().await;
    drop(broker);
    none_left().await;
    assert_eq!(context.tasks.running(), 0);
    drop(clients);

    // The sessions' own end stops the threads when the broker was dropped before.
    let (broker, context, clients) = busy().await;
    drop(clients);
    context.tasks.soft().cancel();
    broker.broker.join().await;
    drop(broker);
    none_left().await;
}
