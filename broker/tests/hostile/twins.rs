//! Two clients with one identity: the newest wins, and they cannot push each other out without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Certificate, Connect, TestBroker, packets};
use crate::{Bystander, PROMPT, unharmed};

/// What became of the twins' sessions.
#[derive(Default)]
struct Count {
    stop: AtomicBool,
    accepted: AtomicUsize,
    refused: AtomicUsize,
}

/// Comes back as soon as it is out, without any pause, as the worst of clients does.
async fn insist(broker: Arc<TestBroker>, certificate: Arc<Certificate>, count: Arc<Count>) {
    while !count.stop.load(Ordering::SeqCst) {
        let mut client = broker.dial(&certificate).await;
        match client.connect(&Connect::new("acme.hq")).await {
            Some(0) => {
                count.accepted.fetch_add(1, Ordering::SeqCst);
                // The twin may be faster; then nothing is answered.
                let wish = packets::subscribe(7, &[("sg/1/acme/hq/down/#", 1)]);
                client.send(&wish).await;
                let stopped = async {
                    while !count.stop.load(Ordering::SeqCst) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                };
                tokio::select! {
                    _ = client.rest() => {}
                    () = stopped => {}
                }
            }
            // Admitted, and out again before its welcome was written: the twin was that fast.
            None => {
                count.accepted.fetch_add(1, Ordering::SeqCst);
            }
            refused => {
                assert_eq!(refused, Some(3), "server unavailable, try again later");
                count.refused.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_with_one_identity_take_turns_at_the_identitys_rate_only() {
    let limits = "connections_per_principal_per_s = 1\nconnections_per_principal_burst = 5\n\
                  connections_per_address_burst = 1000000";
    let broker = Arc::new(TestBroker::with(limits).await);
    let mut bystander = Bystander::enter(&broker).await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let (certificate, count) = (
        Arc::new(broker.authority.satellite("acme", "hq")),
        Arc::new(Count::default()),
    );
    let started = Instant::now();
    let twins: Vec<_> = (0..2)
        .map(|_| {
            tokio::spawn(insist(
                Arc::clone(&broker),
                Arc::clone(&certificate),
                Arc::clone(&count),
            ))
        })
        .collect();
    let wait = tokio::time::sleep(Duration::from_secs(3));
    let ((), longest) = bystander.during(wait).await;
    let most = 5 + usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
    let (accepted, refused) = (
        count.accepted.load(Ordering::SeqCst),
        count.refused.load(Ordering::SeqCst),
    );
    println!(
        "{accepted} sessions and {refused} refusals in {:?}; a bystander's longest trip {longest:?}",
        started.elapsed()
    );
    assert!(
        (5..=most).contains(&accepted),
        "{accepted} of at most {most}"
    );
    assert!(refused > 5, "{refused}");
    assert!(longest < PROMPT, "{longest:?}");
    // One of them is in and is reached.
    assert!(sanitizer.publish("sg/1/acme/hq/down/ack", b"x").await);
    count.stop.store(true, Ordering::SeqCst);
    for twin in twins {
        twin.await.unwrap();
    }
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_wins_at_the_limit_and_the_seated_one_stays_beyond_it() {
    let limits = "connections_per_principal_per_s = 1\nconnections_per_principal_burst = 3";
    let broker = TestBroker::with(limits).await;
    let mut bystander = Bystander::enter(&broker).await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut seated = broker.connected(&certificate, "acme.hq").await;
    for _ in 0..2 {
        let mut newer = broker.connected(&certificate, "acme.hq").await;
        assert!(
            newer.ping().await && seated.is_closed().await,
            "the newest wins"
        );
        seated = newer;
    }
    let code = broker
        .connect_code(&certificate, &Connect::new("acme.hq"))
        .await;
    assert_eq!(code, Some(3), "one more than the rate allows");
    assert!(seated.ping().await, "who was refused took nobody's seat");
    // Neither a neighbour nor the sanitizer of the same tenant is counted against.
    let mut neighbour = broker.satellite("acme", "branch").await;
    assert!(neighbour.ping().await);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let mut later = broker.connected(&certificate, "acme.hq").await;
    assert!(later.ping().await && seated.is_closed().await);
    bystander.round_trip().await;
    unharmed(&broker).await;
}
