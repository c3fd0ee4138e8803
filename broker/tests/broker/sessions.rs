//! Sessions over real TLS: delivery, presence, take-over, and that one client's misbehaviour ends only itself.

use crate::support::{Client, Connect, Publish, SOON, TestBroker, packets};
use bytes::Bytes;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::Presence;

fn presence(message: &(String, Vec<u8>)) -> (String, bool) {
    let decoded = Presence::decode(&Bytes::from(message.1.clone())).unwrap();
    assert!(decoded.at_ms > 0);
    (message.0.clone(), decoded.online)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_down_and_answers_come_up_in_order() {
    let broker = TestBroker::start().await;
    assert!(broker.is_ready());
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    assert!(
        sanitizer
            .publish("sg/1/acme/hq/down/pull/devices", b"please")
            .await
    );
    assert_eq!(
        hq.data().await,
        ("sg/1/acme/hq/down/pull/devices".into(), b"please".to_vec())
    );
    for n in 0..50_u8 {
        hq.send(
            &Publish {
                packet_id: u16::from(n) + 1,
                ..Publish::new("sg/1/acme/hq/up/reply", &[n])
            }
            .encode(),
        )
        .await;
    }
    for n in 0..50_u8 {
        assert_eq!(
            sanitizer.data().await,
            ("sg/1/acme/hq/up/reply".into(), vec![n])
        );
        let acknowledged = hq.answer(0x40).await.unwrap();
        assert_eq!(acknowledged.body, [0, n + 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn qos_is_the_lower_of_publish_and_subscription() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.satellite("acme", "hq").await;
    assert_eq!(hq.subscribe_code("sg/1/acme/hq/down/ack", 0).await, Some(0));
    assert!(sanitizer.publish("sg/1/acme/hq/down/ack", b"a").await);
    assert_eq!(
        hq.receive().await.unwrap().publish(),
        ("sg/1/acme/hq/down/ack".into(), None, b"a".to_vec())
    );
    // Not subscribed to, so not delivered, though it is in the satellite's own queue.
    assert!(
        sanitizer
            .publish("sg/1/acme/hq/down/pull/devices", b"b")
            .await
    );
    assert!(hq.ping().await && hq.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sanitizer_hears_who_comes_who_goes_and_who_was_there() {
    let broker = TestBroker::start().await;
    let _early = broker.satellite("acme", "early").await;
    let _foreign = broker.satellite("globex", "hq").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    assert_eq!(
        presence(&sanitizer.message().await),
        ("sg/1/acme/early/up/presence".into(), true)
    );
    let late = broker.satellite("acme", "late").await;
    assert_eq!(
        presence(&sanitizer.message().await),
        ("sg/1/acme/late/up/presence".into(), true)
    );
    drop(late);
    assert_eq!(
        presence(&sanitizer.message().await),
        ("sg/1/acme/late/up/presence".into(), false)
    );
    assert!(sanitizer.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_one_identity_wins_and_the_sanitizer_sees_them_in_order() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut first = broker.listening_satellite("acme", "hq").await;
    let mut second = broker.listening_satellite("acme", "hq").await;
    assert!(first.is_closed().await);
    let seen = [
        sanitizer.message().await,
        sanitizer.message().await,
        sanitizer.message().await,
    ];
    assert_eq!(
        seen.map(|message| presence(&message).1),
        [true, false, true]
    );
    assert!(
        sanitizer
            .publish("sg/1/acme/hq/down/ack", b"for the second")
            .await
    );
    assert_eq!(second.data().await.1, b"for the second");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_take_overs_at_once_leave_exactly_one() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = broker.dial(&certificate).await;
        client.send(&Connect::new("acme.hq").encode()).await;
        clients.push(client);
    }
    let mut alive = 0;
    for mut client in clients {
        // Accepted and then replaced, turned away before, or the last one.
        client
            .send(&packets::subscribe(7, &[("sg/1/acme/hq/down/#", 1)]))
            .await;
        client.send(&[0xc0, 0]).await;
        let mut ponged = false;
        while let Ok(Some(packet)) =
            tokio::time::timeout(std::time::Duration::from_millis(500), client.receive()).await
        {
            ponged |= packet.first == 0xd0;
            if ponged {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                break;
            }
        }
        if ponged && client.ping().await {
            alive += 1;
        }
    }
    assert_eq!(alive, 1);
    // The cell is none the worse for it.
    let mut last = broker.listening_satellite("acme", "hq").await;
    assert!(sanitizer.publish("sg/1/acme/hq/down/ack", b"x").await);
    assert_eq!(last.data().await.1, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_packets_end_their_sender_and_nobody_else() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut neighbour = broker.listening_satellite("acme", "branch").await;
    let wrong: [&[u8]; 12] = [
        &[0x00, 0x00],                         // reserved type
        &[0x20, 2, 0, 0],                      // CONNACK, which only a server sends
        &[0x90, 3, 0, 1, 0],                   // SUBACK
        &[0xb0, 2, 0, 1],                      // UNSUBACK
        &[0x50, 2, 0, 1],                      // PUBREC
        &[0x62, 2, 0, 1],                      // PUBREL
        &[0x30, 0xff, 0xff, 0xff, 0x7f],       // 256 MB announced
        &[0x30, 0xff, 0xff, 0xff, 0xff, 0x01], // a length without end
        &[0x36, 5, 0, 1, b'a', 0, 1],          // QoS 3
        &[0x82, 2, 0, 1],                      // SUBSCRIBE to nothing
        &[0x32, 2, 0, 9],                      // a topic over the end
        &[0x10, 0],                            // an empty CONNECT
    ];
    for bytes in wrong {
        let mut bad = broker.satellite("acme", "hq").await;
        bad.send(bytes).await;
        assert!(bad.is_closed().await, "{bytes:02x?}");
        let mut twin = broker.satellite("acme", "hq").await;
        assert!(twin.publish("sg/1/acme/hq/up/status", bytes).await);
        assert_eq!(sanitizer.data().await.1, bytes);
    }
    let mut twice = broker.satellite("acme", "hq").await;
    twice.send(&Connect::new("acme.hq").encode()).await;
    assert!(twice.is_closed().await);
    assert!(neighbour.ping().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_packet_that_is_no_connect_is_answered_with_nothing() {
    let broker = TestBroker::start().await;
    let certificate = broker.authority.satellite("acme", "hq");
    let publish = Publish::new("sg/1/acme/hq/up/status", b"").encode();
    for bytes in [&[0xc0, 0][..], &publish, b"GET / HTTP/1.1\r\n\r\n"] {
        let mut client = broker.dial(&certificate).await;
        client.send(bytes).await;
        client.finish().await;
        assert!(client.rest().await.is_empty());
    }
    assert_eq!(
        broker
            .connect_code(&certificate, &Connect::new("acme.hq"))
            .await,
        Some(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_may_come_in_any_order_and_unknown_ones_change_nothing() {
    let broker = TestBroker::with("inflight = 4").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.satellite("acme", "hq").await;
    for n in 0..12_u8 {
        hq.send(
            &Publish {
                packet_id: u16::from(n) + 1,
                ..Publish::new("sg/1/acme/hq/up/reply", &[n])
            }
            .encode(),
        )
        .await;
    }
    let mut seen = Vec::new();
    sanitizer.send(&packets::puback(999)).await;
    while seen.len() < 12 {
        // The presence message is among the first four.
        let mut ids = Vec::new();
        while let Ok(Some(packet)) =
            tokio::time::timeout(std::time::Duration::from_millis(300), sanitizer.receive()).await
        {
            let (topic, id, payload) = packet.publish();
            ids.push(id.unwrap());
            if !topic.ends_with("presence") {
                seen.push(payload[0]);
            }
        }
        assert!((1..=4).contains(&ids.len()), "{ids:?}");
        for id in ids.into_iter().rev() {
            sanitizer.send(&packets::puback(id)).await;
        }
    }
    assert_eq!(seen, (0..12).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn unsubscribing_ends_delivery_and_is_answered_once_whatever_was_subscribed() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    hq.send(&packets::unsubscribe(
        3,
        &["sg/1/acme/hq/down/#", "never/subscribed"],
    ))
    .await;
    assert_eq!(hq.answer(0xb0).await.unwrap().body, [0, 3]);
    assert!(sanitizer.publish("sg/1/acme/hq/down/ack", b"x").await);
    assert!(hq.ping().await && hq.is_quiet().await);
    hq.subscribe("sg/1/acme/hq/down/#").await;
    assert!(sanitizer.publish("sg/1/acme/hq/down/ack", b"y").await);
    assert_eq!(hq.data().await.1, b"y");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_for_one_and_a_half_keep_alives_is_gone() {
    let broker = TestBroker::start().await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut silent = broker.dial(&certificate).await;
    let connect = Connect {
        keep_alive_s: 1,
        ..Connect::new("acme.hq")
    };
    assert_eq!(silent.connect(&connect).await, Some(0));
    let closed = tokio::time::timeout(SOON, silent.is_closed()).await;
    assert_eq!(closed, Ok(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_the_broker_ends_sessions_and_is_done_when_they_are_gone() {
    let broker = TestBroker::start().await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    let mut open = Client::plain(broker.open_addr()).await;
    assert_eq!(open.connect(&Connect::new("suite")).await, Some(0));
    tokio::time::timeout(SOON, broker.broker.shutdown())
        .await
        .unwrap();
    assert!(hq.is_closed().await && open.is_closed().await);
    tokio::time::timeout(SOON, broker.broker.join())
        .await
        .unwrap();
}
