//! Senders that take their time, and peers that stop in the middle.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::malformed::client_hello;
use crate::support::{Client, Connect, Publish, SOON, TestBroker, packets};
use crate::{Bystander, PROMPT, connected, unharmed};

/// Sends byte by byte until the other side closes, and says how long that took.
async fn trickle(client: &mut Client, bytes: &[u8], pause: Duration) -> Duration {
    let started = Instant::now();
    for byte in bytes.iter().cycle() {
        client.send(&[*byte]).await;
        let closed = tokio::time::timeout(pause, client.rest()).await;
        if closed.is_ok() {
            break;
        }
        assert!(started.elapsed() < SOON, "still open");
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_at_a_time_in_the_tls_handshake_ends_at_the_handshakes_limit() {
    let broker = TestBroker::with("handshake_ms = 4000").await;
    let mut bystander = Bystander::enter(&broker).await;
    let hello = client_hello(&broker);
    let mut slow = Client::plain(broker.addr()).await;
    let trickling = trickle(&mut slow, &hello, Duration::from_millis(250));
    let (lasted, longest) = bystander.during(trickling).await;
    assert!((3_900..9_000).contains(&lasted.as_millis()), "{lasted:?}");
    assert!(longest < PROMPT, "{longest:?}");
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_at_a_time_in_the_connect_ends_at_the_handshakes_limit() {
    let broker = TestBroker::with("handshake_ms = 4000").await;
    let mut bystander = Bystander::enter(&broker).await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut slow = broker.dial(&certificate).await;
    let connect = Connect::new("acme.hq").encode();
    let trickling = trickle(&mut slow, &connect, Duration::from_millis(250));
    let (lasted, longest) = bystander.during(trickling).await;
    assert!((3_500..9_000).contains(&lasted.as_millis()), "{lasted:?}");
    assert!(longest < PROMPT, "{longest:?}");
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_at_a_time_in_a_publish_is_no_packet_and_ends_with_the_keep_alive() {
    let broker = TestBroker::start().await;
    let mut bystander = Bystander::enter(&broker).await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut slow = broker.dial(&certificate).await;
    let connect = Connect {
        keep_alive_s: 3,
        ..Connect::new("acme.hq")
    };
    assert_eq!(slow.connect(&connect).await, Some(0));
    let publish = Publish::new("sg/1/acme/hq/up/status", &[0; 1_000]).encode();
    let trickling = trickle(&mut slow, &publish, Duration::from_millis(250));
    let (lasted, longest) = bystander.during(trickling).await;
    assert!((3_900..9_000).contains(&lasted.as_millis()), "{lasted:?}");
    assert!(longest < PROMPT, "{longest:?}");
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_at_a_time_with_pauses_in_each_packet_is_served_in_the_end() {
    let broker = TestBroker::start().await;
    let mut bystander = Bystander::enter(&broker).await;
    let mut slow = connected(&broker, "hq").await;
    let mut bytes = packets::subscribe(7, &[("sg/1/acme/hq/down/#", 1)]);
    bytes.extend([0xc0, 0]);
    let speaking = async {
        for byte in bytes {
            slow.send(&[byte]).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(slow.receive().await.unwrap().body, [0, 7, 1]);
        assert_eq!(slow.receive().await.unwrap().first, 0xd0);
    };
    let ((), longest) = bystander.during(speaking).await;
    assert!(longest < PROMPT, "{longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_tls_is_closed_at_the_handshakes_limit() {
    let broker = TestBroker::with("handshake_ms = 700").await;
    let mut bystander = Bystander::enter(&broker).await;
    let hello = client_hello(&broker);
    // Nothing; half a hello; a whole one whose answer is read but not answered; one whose answer is not even read.
    for (sent, reads) in [
        (0, true),
        (hello.len() / 2, true),
        (hello.len(), true),
        (hello.len(), false),
    ] {
        let mut half = TcpStream::connect(broker.addr()).await.unwrap();
        half.write_all(&hello[..sent]).await.unwrap();
        let started = Instant::now();
        let ended = async {
            if !reads {
                tokio::time::sleep(Duration::from_millis(1_200)).await;
            }
            let mut answer = Vec::new();
            let _ = half.read_to_end(&mut answer).await;
        };
        bystander.during(ended).await;
        assert!(
            started.elapsed() < Duration::from_secs(4),
            "{sent}: {:?}",
            started.elapsed()
        );
    }
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_closes_one_direction_only_is_let_go() {
    let broker = TestBroker::start().await;
    let mut bystander = Bystander::enter(&broker).await;
    let mut gone = connected(&broker, "hq").await;
    gone.subscribe("sg/1/acme/hq/down/#").await;
    gone.finish().await;
    gone.rest().await;
    // Its seat is free at once.
    let mut again = connected(&broker, "hq").await;
    assert!(again.ping().await);
    bystander.round_trip().await;
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_ends_itself_and_holds_nobody_up() {
    let broker = TestBroker::with("write_ms = 4000\ndown_queue_bytes = 524288").await;
    let mut bystander = Bystander::enter(&broker).await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut deaf = connected(&broker, "hq").await;
    deaf.subscribe("sg/1/acme/hq/down/#").await;
    let flood = async {
        let payload = vec![0x5a; 100_000];
        for _ in 0..100 {
            assert!(
                sanitizer
                    .publish("sg/1/acme/hq/down/pull/devices", &payload)
                    .await
            );
        }
    };
    let ((), longest) = bystander.during(flood).await;
    assert!(longest < PROMPT, "{longest:?}");
    deaf.rest().await;
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_that_are_doubled_unknown_or_out_of_order_widen_no_window() {
    let broker = TestBroker::with("inflight = 2").await;
    let mut bystander = Bystander::enter(&broker).await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = connected(&broker, "hq").await;
    hq.subscribe("sg/1/acme/hq/down/#").await;
    // Unknown ones in plenty, before anything is on its way.
    for id in (1..2_000).chain([u16::MAX]) {
        hq.send(&packets::puback(id)).await;
    }
    assert!(hq.ping().await);
    for n in 0..6_u8 {
        assert!(sanitizer.publish("sg/1/acme/hq/down/ack", &[n]).await);
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        let first = hq.receive().await.unwrap().publish();
        let second = hq.receive().await.unwrap().publish();
        assert!(
            hq.is_quiet().await,
            "a third was sent while two are on their way"
        );
        seen.extend([first.2[0], second.2[0]]);
        // The later one first, each three times, and some that were never sent.
        for id in [second.1.unwrap(), first.1.unwrap(), 40_000] {
            for _ in 0..3 {
                hq.send(&packets::puback(id)).await;
            }
        }
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    bystander.round_trip().await;
    unharmed(&broker).await;
}
