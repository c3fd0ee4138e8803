//! Every quota at its limit and one beyond: sessions, packets and bytes per second, sizes, subscriptions, inflight.

use std::time::{Duration, Instant};

use crate::support::{Client, Connect, Publish, TestBroker, packets};

/// A status message whose whole packet has this many bytes.
fn publish_of(bytes: usize) -> Vec<u8> {
    let topic = "sg/1/acme/hq/up/status";
    for payload in bytes.saturating_sub(topic.len() + 10)..bytes {
        let packet = Publish::new(topic, &vec![0; payload]).encode();
        if packet.len() == bytes {
            return packet;
        }
    }
    panic!("no packet has {bytes} bytes");
}

async fn accepted(client: &mut Client, packet: &[u8]) -> bool {
    client.send(packet).await;
    client.answer(0x40).await.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn packet_sizes_per_kind() {
    let broker = TestBroker::start().await;
    #[track_caller]
    fn check(what: &str, allowed: bool, expected: bool) {
        assert_eq!(allowed, expected, "{what}");
    }
    let filter = |rest: usize| format!("sg/1/acme/hq/down/{}", "x".repeat(rest));
    let subscribe = |bytes: usize| packets::subscribe(1, &[(&filter(bytes - 5 - 18 - 3), 1)]);
    let cases = [
        ("PUBLISH", publish_of(131_072), publish_of(131_073)),
        ("SUBSCRIBE", subscribe(4_096), subscribe(4_097)),
    ];
    for (what, at, beyond) in cases {
        assert_eq!(at.len() + 1, beyond.len(), "{what}");
        let mut client = broker.satellite("acme", "hq").await;
        client.send(&at).await;
        check(what, client.receive().await.is_some(), true);
        client.send(&beyond).await;
        check(what, client.receive().await.is_some(), false);
    }
    // CONNECT: the will is refused by policy, so an answer of any kind shows that the packet was read.
    let certificate = broker.authority.satellite("acme", "hq");
    let connect = |bytes: usize| {
        let mut connect = Connect::new("acme.hq").will("t", false);
        let spare = bytes - connect.encode().len() - 1;
        connect.fields[1].extend(vec![0; spare]);
        assert_eq!(connect.encode().len(), bytes);
        connect
    };
    let code = broker.connect_code(&certificate, &connect(2_048)).await;
    assert_eq!(code, Some(5), "read, and refused for its will");
    let code = broker.connect_code(&certificate, &connect(2_049)).await;
    assert_eq!(code, None, "not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_in_one_packet_and_subscriptions_of_one_session() {
    let broker = TestBroker::start().await;
    let mut hq = broker.satellite("acme", "hq").await;
    let filters: Vec<String> = (0..65)
        .map(|n| format!("sg/1/acme/hq/down/pull/d{n:02}"))
        .collect();
    let wishes: Vec<(&str, u8)> = filters.iter().map(|filter| (filter.as_str(), 1)).collect();
    for eight in wishes[..64].chunks(8) {
        hq.send(&packets::subscribe(3, eight)).await;
        assert_eq!(
            hq.answer(0x90).await.unwrap().body,
            [0, 3, 1, 1, 1, 1, 1, 1, 1, 1]
        );
    }
    let (last, one_more) = (&filters[63], &filters[64]);
    assert_eq!(hq.subscribe_code(one_more, 1).await, Some(0x80), "the 65th");
    assert_eq!(
        hq.subscribe_code(last, 0).await,
        Some(0),
        "one that it has already"
    );
    hq.send(&packets::unsubscribe(4, &[last])).await;
    assert!(hq.answer(0xb0).await.is_some());
    assert_eq!(
        hq.subscribe_code(one_more, 1).await,
        Some(1),
        "there is room again"
    );
    // Nine filters in one packet are no packet.
    hq.send(&packets::subscribe(5, &wishes[..9])).await;
    assert_eq!(hq.answer(0x90).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_on_their_way_to_one_client() {
    let broker = TestBroker::with("inflight = 3").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    for n in 0..5_u8 {
        assert!(sanitizer.publish("sg/1/acme/hq/down/ack", &[n]).await);
    }
    let mut ids = Vec::new();
    for n in 0..3_u8 {
        let (_, id, payload) = hq.receive().await.unwrap().publish();
        assert_eq!(payload, [n]);
        ids.push(id.unwrap());
    }
    assert!(hq.is_quiet().await, "the fourth waits");
    hq.send(&packets::puback(ids[1])).await;
    assert_eq!(hq.receive().await.unwrap().publish().2, [3]);
    assert!(hq.is_quiet().await, "the fifth waits");
    hq.send(&packets::puback(ids[0])).await;
    assert_eq!(hq.receive().await.unwrap().publish().2, [4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_per_second_of_one_identity() {
    // One at once, then one every second.
    let broker = TestBroker::with("messages_per_s = 1").await;
    let mut hq = broker.satellite("acme", "hq").await;
    let started = Instant::now();
    assert!(hq.ping().await);
    let at_the_limit = started.elapsed();
    assert!(hq.ping().await);
    let beyond = started.elapsed();
    assert!(
        at_the_limit < Duration::from_millis(950),
        "{at_the_limit:?}"
    );
    assert!(beyond >= Duration::from_millis(950), "{beyond:?}");
    let mut neighbour = broker.satellite("acme", "branch").await;
    let started = Instant::now();
    assert!(neighbour.ping().await);
    assert!(
        started.elapsed() < Duration::from_millis(950),
        "a neighbour has a rate of its own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_per_second_of_one_identity() {
    let broker = TestBroker::with("bytes_per_s = 1000").await;
    let mut hq = broker.satellite("acme", "hq").await;
    let started = Instant::now();
    assert!(accepted(&mut hq, &publish_of(1_000)).await);
    let at_the_limit = started.elapsed();
    assert!(accepted(&mut hq, &publish_of(1_000)).await);
    let beyond = started.elapsed();
    assert!(
        at_the_limit < Duration::from_millis(950),
        "{at_the_limit:?}"
    );
    assert!(beyond >= Duration::from_millis(950), "{beyond:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_one_tenant_and_of_one_identity() {
    let broker =
        TestBroker::with("connections_per_tenant_max = 3\nconnections_per_principal_burst = 4")
            .await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.satellite("acme", "hq").await;
    let mut branch = broker.satellite("acme", "branch").await;
    let fourth = broker.authority.satellite("acme", "depot");
    let code = broker
        .connect_code(&fourth, &Connect::new("acme.depot"))
        .await;
    assert_eq!(code, Some(3), "one more than the tenant may have");
    assert!(sanitizer.ping().await && hq.ping().await && branch.ping().await);
    let mut foreign = broker.satellite("globex", "hq").await;
    assert!(
        foreign.ping().await,
        "another tenant has a limit of its own"
    );
    // A second session of one identity is no further one: it takes the place of the first, as often as the rate allows.
    for _ in 0..3 {
        let mut newer = broker.satellite("acme", "hq").await;
        assert!(newer.ping().await && hq.is_closed().await);
        hq = newer;
    }
    let certificate = broker.authority.satellite("acme", "hq");
    let code = broker
        .connect_code(&certificate, &Connect::new("acme.hq"))
        .await;
    assert_eq!(code, Some(3), "the fifth within a second");
    assert!(hq.ping().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_alives_topics_and_refusals() {
    let broker = TestBroker::start().await;
    let certificate = broker.authority.satellite("acme", "hq");
    for (keep_alive_s, code) in [(0, 5), (1, 0), (300, 0), (301, 5)] {
        let connect = Connect {
            keep_alive_s,
            ..Connect::new("acme.hq")
        };
        let answer = broker.connect_code(&certificate, &connect).await;
        assert_eq!(answer, Some(code), "keep-alive {keep_alive_s}");
    }
    // 64 refused filters are told and borne, one more ends the session.
    let mut hq = broker.satellite("acme", "hq").await;
    for _ in 0..64 {
        assert_eq!(hq.subscribe_code("#", 1).await, Some(0x80));
    }
    assert!(hq.ping().await);
    hq.subscribe_code("#", 1).await;
    assert!(hq.is_closed().await);
}

/// A tenant that sends as fast as it can is held to its rate; what the other tenant sends meanwhile all arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_floods_is_throttled_and_the_other_loses_nothing() {
    let broker = TestBroker::with("messages_per_s = 200\nup_queue_bytes = 524288").await;
    let mut noisy_sanitizer = broker.sanitizer("acme").await;
    let mut quiet_sanitizer = broker.sanitizer("globex").await;
    let mut flooders = Vec::new();
    for n in 0..4 {
        let mut client = broker.satellite("acme", &format!("s{n}")).await;
        flooders.push(tokio::spawn(async move {
            let topic = format!("sg/1/acme/s{n}/up/reply");
            // As much as the socket takes, and no acknowledgement is waited for.
            for id in 1..3_000_u16 {
                let publish = Publish {
                    packet_id: id,
                    ..Publish::new(&topic, &[0x5a; 4_000])
                };
                client.send(&publish.encode()).await;
            }
        }));
    }
    let drained = tokio::spawn(async move {
        let (mut messages, started) = (0_u32, Instant::now());
        while started.elapsed() < Duration::from_secs(3) {
            if !noisy_sanitizer.data().await.1.is_empty() {
                messages += 1;
            }
        }
        messages
    });
    let mut quiet = broker.satellite("globex", "hq").await;
    let mut quiet_messages = 0_u16;
    while !drained.is_finished() {
        quiet_messages += 1;
        let payload = quiet_messages.to_be_bytes();
        assert!(quiet.publish("sg/1/globex/hq/up/status", &payload).await);
        assert_eq!(
            quiet_sanitizer.data().await.1,
            payload,
            "in order, none lost"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let noisy_messages = drained.await.unwrap();
    println!(
        "in 3 s: {noisy_messages} of the flood let through, {quiet_messages} of {quiet_messages} of the other tenant"
    );
    // The sanitizer's own rate holds it back too: an acknowledgement is a packet.
    assert!(noisy_messages <= 4 * 200 * 5, "{noisy_messages}");
    assert!(
        noisy_messages > 0 && quiet_messages > 50,
        "{quiet_messages}"
    );
    flooders.iter().for_each(tokio::task::JoinHandle::abort);
}
