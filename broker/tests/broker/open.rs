//! The open listener: what MQTT 3.1.1 clients with QoS 0 and 1 expect of a server.

use crate::support::{Client, Connect, Publish, TestBroker, packets};

async fn client(broker: &TestBroker, id: &str) -> Client {
    let mut client = Client::plain(broker.open_addr()).await;
    assert_eq!(client.connect(&Connect::new(id)).await, Some(0));
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_to_whoever_subscribed() {
    let broker = TestBroker::start().await;
    let (mut one, mut two) = (client(&broker, "one").await, client(&broker, "two").await);
    two.subscribe("TopicA/+").await;
    assert_eq!(
        two.subscribe_code("/TopicA", 2).await,
        Some(1),
        "less than asked for"
    );
    for (qos, topic) in [(0, "TopicA/B"), (1, "TopicA/C"), (1, "/TopicA")] {
        one.send(
            &Publish {
                qos,
                ..Publish::new(topic, b"x")
            }
            .encode(),
        )
        .await;
        let (seen, id, _) = two.receive().await.unwrap().publish();
        assert_eq!((seen.as_str(), id.is_some()), (topic, qos == 1));
    }
    assert!(one.publish("TopicB", b"x").await);
    assert!(two.ping().await && two.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcards_in_first_place_do_not_match_dollar_topics() {
    let broker = TestBroker::start().await;
    let mut one = client(&broker, "one").await;
    one.subscribe("#").await;
    one.subscribe("+/x").await;
    assert!(one.publish("$SYS/x", b"hidden").await);
    assert!(one.is_quiet().await);
    one.subscribe("$SYS/#").await;
    one.send(
        &Publish {
            qos: 0,
            ..Publish::new("$SYS/x", b"seen")
        }
        .encode(),
    )
    .await;
    assert_eq!(one.message().await, ("$SYS/x".into(), b"seen".to_vec()));
    one.send(
        &Publish {
            qos: 0,
            ..Publish::new("\u{e9}/y", b"seen")
        }
        .encode(),
    )
    .await;
    assert_eq!(one.message().await.0, "\u{e9}/y");
}

#[tokio::test(flavor = "multi_thread")]
async fn retained_messages_meet_new_subscribers_until_cleared() {
    let broker = TestBroker::start().await;
    let mut one = client(&broker, "one").await;
    one.send(
        &Publish {
            retain: true,
            ..Publish::new("kept/a", b"last")
        }
        .encode(),
    )
    .await;
    assert!(one.answer(0x40).await.is_some());
    let mut two = client(&broker, "two").await;
    two.subscribe("kept/#").await;
    let packet = two.receive().await.unwrap();
    assert_eq!(
        (packet.first & 1, packet.publish().2.as_slice()),
        (1, &b"last"[..])
    );
    one.send(
        &Publish {
            retain: true,
            ..Publish::new("kept/a", b"")
        }
        .encode(),
    )
    .await;
    assert_eq!(two.receive().await.unwrap().publish().2, b"");
    let mut three = client(&broker, "three").await;
    three.subscribe("kept/#").await;
    assert!(three.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_will_is_published_when_the_connection_breaks_and_only_then() {
    let broker = TestBroker::start().await;
    let mut watcher = client(&broker, "watcher").await;
    watcher.subscribe("wills/#").await;
    let mut polite = Client::plain(broker.open_addr()).await;
    assert_eq!(
        polite
            .connect(&Connect::new("polite").will("wills/polite", false))
            .await,
        Some(0)
    );
    polite.send(&[0xe0, 0]).await;
    assert!(polite.is_closed().await && watcher.is_quiet().await);
    let mut broken = Client::plain(broker.open_addr()).await;
    assert_eq!(
        broken
            .connect(&Connect::new("broken").will("wills/broken", false))
            .await,
        Some(0)
    );
    drop(broken);
    assert_eq!(
        watcher.message().await,
        ("wills/broken".into(), b"gone".to_vec())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unsubscribing_keep_alive_zero_empty_ids_and_take_over() {
    let broker = TestBroker::start().await;
    let mut unnamed = Client::plain(broker.open_addr()).await;
    assert_eq!(
        unnamed
            .connect(&Connect {
                keep_alive_s: 0,
                ..Connect::new("")
            })
            .await,
        Some(0)
    );
    unnamed.subscribe("a").await;
    unnamed.subscribe("b").await;
    unnamed
        .send(&packets::unsubscribe(9, &["a", "b", "c"]))
        .await;
    assert_eq!(unnamed.answer(0xb0).await.unwrap().body, [0, 9]);
    assert!(unnamed.publish("a", b"x").await && unnamed.is_quiet().await);
    unnamed.subscribe("a").await;
    unnamed
        .send(
            &Publish {
                qos: 0,
                ..Publish::new("a", b"y")
            }
            .encode(),
        )
        .await;
    assert_eq!(unnamed.message().await.1, b"y");
    let mut bad = client(&broker, "bad").await;
    assert_eq!(bad.subscribe_code("a/#/b", 1).await, Some(0x80));
    bad.send(&Publish::new("a/+", b"x").encode()).await;
    assert!(bad.is_closed().await);
    let mut persistent_without_id = Client::plain(broker.open_addr()).await;
    assert_eq!(
        persistent_without_id
            .connect(&Connect {
                flags: 0,
                ..Connect::new("")
            })
            .await,
        Some(2)
    );
    let mut first = client(&broker, "same/id").await;
    let _second = client(&broker, "same/id").await;
    assert!(first.is_closed().await);
}
