//! What one client, one address or one router that breaks can do to the others: nothing.

use std::time::{Duration, Instant};

use crate::support::{Connect, Publish, SOON, TestBroker, packets};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn idle_sockets_do_not_keep_others_out() {
    let broker = TestBroker::with("pending_max = 64").await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(broker.addr()).await.unwrap());
    }
    let started = Instant::now();
    for n in 0..10 {
        let mut client = broker.satellite("acme", &format!("s{n}")).await;
        assert!(client.ping().await);
    }
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stalls_is_ended() {
    let broker = TestBroker::with("handshake_ms = 300").await;
    let mut silent = TcpStream::connect(broker.addr()).await.unwrap();
    let mut byte = [0];
    let read = tokio::io::AsyncReadExt::read(&mut silent, &mut byte);
    assert_eq!(
        tokio::time::timeout(SOON, read).await.unwrap().unwrap_or(0),
        0
    );
    // TLS done, but no CONNECT.
    let certificate = broker.authority.satellite("acme", "hq");
    let mut mute = broker.dial(&certificate).await;
    assert_eq!(mute.receive().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_connects_too_often_is_refused_and_let_in_again_later() {
    let broker =
        TestBroker::with("connections_per_address_per_s = 5\nconnections_per_address_burst = 3")
            .await;
    let certificate = broker.authority.satellite("acme", "hq");
    let config = broker.authority.client(Some(&certificate));
    let mut admitted = 0;
    for _ in 0..10 {
        admitted += usize::from(
            crate::support::Client::dial(broker.addr(), config.clone())
                .await
                .is_ok(),
        );
    }
    assert!((3..=6).contains(&admitted), "{admitted}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        crate::support::Client::dial(broker.addr(), config)
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_limited_over_all_and_per_tenant() {
    let broker = TestBroker::with("connections_max = 5\nconnections_per_tenant_max = 3").await;
    let mut kept = Vec::new();
    for n in 0..3 {
        kept.push(broker.satellite("acme", &format!("s{n}")).await);
    }
    let fourth = broker.authority.satellite("acme", "s3");
    assert_eq!(
        broker.connect_code(&fourth, &Connect::new("acme.s3")).await,
        Some(3)
    );
    for n in 0..2 {
        kept.push(broker.satellite("globex", &format!("s{n}")).await);
    }
    let sixth = broker.authority.satellite("initech", "hq");
    assert_eq!(
        broker
            .connect_code(&sixth, &Connect::new("initech.hq"))
            .await,
        Some(3)
    );
    drop(kept);
    for _ in 0..50 {
        if broker
            .connect_code(&sixth, &Connect::new("initech.hq"))
            .await
            == Some(0)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the places were not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fast_sender_is_slowed_and_loses_nothing() {
    let broker = TestBroker::with("messages_per_s = 50").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.satellite("acme", "hq").await;
    let started = Instant::now();
    for n in 0..100_u8 {
        hq.send(
            &Publish {
                packet_id: u16::from(n) + 1,
                ..Publish::new("sg/1/acme/hq/up/status", &[n])
            }
            .encode(),
        )
        .await;
    }
    for n in 0..100_u8 {
        assert_eq!(sanitizer.data().await.1, [n]);
    }
    assert!(
        started.elapsed() > Duration::from_millis(900),
        "{:?}",
        started.elapsed()
    );
    // Coming again does not pay the debt.
    drop(hq);
    let mut again = broker.satellite("acme", "hq").await;
    let started = Instant::now();
    for _ in 0..10 {
        assert!(again.ping().await);
    }
    assert!(
        started.elapsed() > Duration::from_millis(150),
        "{:?}",
        started.elapsed()
    );
    let mut neighbour = broker.satellite("acme", "branch").await;
    let started = Instant::now();
    assert!(neighbour.ping().await);
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_to_the_sanitizer_makes_its_tenant_wait_and_loses_nothing() {
    let broker = TestBroker::with("up_queue_bytes = 1048576\ninflight = 2").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut other_sanitizer = broker.sanitizer("globex").await;
    let mut hq = broker.satellite("acme", "hq").await;
    let mut other = broker.satellite("globex", "hq").await;
    let count = 60_u8;
    let sender = tokio::spawn(async move {
        let body = vec![0x5a; 100_000];
        for n in 0..count {
            let mut payload = body.clone();
            payload[0] = n;
            assert!(hq.publish("sg/1/acme/hq/up/reply", &payload).await);
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(
        !sender.is_finished(),
        "6 MB do not fit into a queue of 1 MB"
    );
    assert!(
        other
            .publish("sg/1/globex/hq/up/status", b"not my queue")
            .await
    );
    assert_eq!(other_sanitizer.data().await.1, b"not my queue");
    for n in 0..count {
        let (_, payload) = sanitizer.data().await;
        assert_eq!((payload[0], payload.len()), (n, 100_000));
    }
    sender.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sanitizer_that_leaves_lets_waiting_publishers_go() {
    let broker = TestBroker::with("up_queue_bytes = 524288\ninflight = 1").await;
    let sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.satellite("acme", "hq").await;
    let sender = tokio::spawn(async move {
        for _ in 0..20 {
            assert!(hq.publish("sg/1/acme/hq/up/reply", &[0; 100_000]).await);
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!sender.is_finished());
    drop(sanitizer);
    tokio::time::timeout(SOON, sender).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_satellite_that_does_not_keep_up_is_dropped_and_its_neighbour_is_served() {
    let broker = TestBroker::with("down_queue_bytes = 524288\ninflight = 1").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut slow = broker.listening_satellite("acme", "slow").await;
    let mut quick = broker.listening_satellite("acme", "quick").await;
    for _ in 0..10 {
        assert!(
            sanitizer
                .publish("sg/1/acme/slow/down/pull/devices", &[0; 100_000])
                .await
        );
    }
    assert!(slow.is_closed().await);
    assert!(sanitizer.publish("sg/1/acme/quick/down/ack", b"x").await);
    assert_eq!(quick.data().await.1, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_acknowledges_nothing_is_dropped() {
    let broker = TestBroker::with("inflight = 2\nwrite_ms = 400").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut lazy = broker.listening_satellite("acme", "lazy").await;
    for _ in 0..4 {
        assert!(sanitizer.publish("sg/1/acme/lazy/down/ack", b"x").await);
    }
    let closed = async { while lazy.receive().await.is_some() {} };
    assert!(tokio::time::timeout(SOON, closed).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_for_what_it_may_not_too_often_is_ended() {
    let broker = TestBroker::start().await;
    let mut hq = broker.satellite("acme", "hq").await;
    for _ in 0..100 {
        hq.send(&packets::subscribe(1, &[("#", 1)])).await;
    }
    assert!(hq.is_closed().await);
}

#[cfg(feature = "fault-injection")]
#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_dies_takes_only_its_tenant_along_and_is_made_anew() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    let mut other_sanitizer = broker.sanitizer("globex").await;
    let mut other = broker.listening_satellite("globex", "hq").await;
    assert!(hq.publish("sg/1/acme/hq/up/status", b"before").await);
    assert_eq!(sanitizer.data().await.1, b"before");
    broker.broker.kill_router(&"acme".parse().unwrap());
    assert!(hq.is_closed().await && sanitizer.is_closed().await);
    assert!(
        other
            .publish("sg/1/globex/hq/up/status", b"untouched")
            .await
    );
    assert_eq!(other_sanitizer.data().await.1, b"untouched");
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    assert!(hq.publish("sg/1/acme/hq/up/status", b"after").await);
    assert_eq!(sanitizer.data().await.1, b"after");
    assert!(sanitizer.publish("sg/1/acme/hq/down/ack", b"down").await);
    assert_eq!(hq.data().await.1, b"down");
    assert!(other.ping().await);
    assert_eq!(broker.broker.routers_lost(), 1);
    assert!(other_sanitizer.is_quiet_but_for_presence().await);
}
