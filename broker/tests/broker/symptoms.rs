//! One test for each way in which the router's own listener is known to fail its clients. The front stands before it, so
//! that none of them shows. More of them are beside: unknown filters in UNSUBSCRIBE, acknowledgements out of order, a
//! second CONNECT (`sessions`), full queues that lose nothing (`faults`), keep-alive 0, wildcards in topics (`open`).

use std::time::{Duration, Instant};

use crate::support::{Client, Connect, Publish, SOON, TestBroker, packets};
use tokio::net::TcpStream;

/// The broker and everybody in it are as before.
async fn unharmed(broker: &TestBroker, others: &mut [&mut Client]) {
    for other in others {
        assert!(other.ping().await, "somebody else was cut off");
    }
    assert_eq!(broker.broker.routers_lost(), 0, "a router was lost");
    let mut newcomer = broker.satellite("initech", "hq").await;
    assert!(newcomer.ping().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idle_socket_keeps_nobody_out() {
    let broker = TestBroker::start().await;
    let idle = TcpStream::connect(broker.addr()).await.unwrap();
    let idle_open = TcpStream::connect(broker.open_addr()).await.unwrap();
    let started = Instant::now();
    for n in 0..5 {
        let mut client = broker.satellite("acme", &format!("s{n}")).await;
        assert!(client.ping().await);
    }
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    drop((idle, idle_open));
    unharmed(&broker, &mut []).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_client_ids_end_nobody_but_who_brings_them() {
    let broker = TestBroker::start().await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    let mut suite = Client::plain(broker.open_addr()).await;
    assert_eq!(suite.connect(&Connect::new("suite")).await, Some(0));
    let certificate = broker.authority.satellite("acme", "branch");
    let long = "x".repeat(1_500);
    let odd = [
        "a/b",
        "+",
        "#",
        "$SYS",
        "a+b",
        "é",
        "\u{1}",
        " ",
        ".",
        "acme.",
        "acme.branch/x",
        &long,
        "",
    ];
    for id in odd {
        // Twice, because the second of one id meets what the first left behind.
        for _ in 0..2 {
            let code = broker.connect_code(&certificate, &Connect::new(id)).await;
            assert_eq!(code, Some(2), "{id:?}");
            let mut open = Client::plain(broker.open_addr()).await;
            let code = open.connect(&Connect::new(id)).await;
            let expected = if id.len() > 1_024 { Some(2) } else { Some(0) };
            assert_eq!(code, expected, "{id:?} on the open listener");
            if expected == Some(0) {
                open.subscribe("t").await;
                assert!(open.publish("t", b"x").await);
            }
        }
    }
    unharmed(&broker, &mut [&mut hq, &mut suite]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_broker_that_is_knocked_at_lets_in_again_when_somebody_leaves() {
    let broker = TestBroker::with("connections_max = 3").await;
    let mut seated = Vec::new();
    for n in 0..3 {
        seated.push(broker.satellite("acme", &format!("s{n}")).await);
    }
    let late = broker.authority.satellite("acme", "late");
    for _ in 0..20 {
        let code = broker.connect_code(&late, &Connect::new("acme.late")).await;
        assert_eq!(code, Some(3));
    }
    assert!(seated[0].ping().await);
    seated.pop();
    let admitted = async {
        while broker.connect_code(&late, &Connect::new("acme.late")).await != Some(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(SOON, admitted).await.is_ok(),
        "stays shut"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_subscriptions_are_refused_and_leave_no_trace() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.satellite("acme", "hq").await;
    for filter in [
        "$share/g/sg/1/acme/hq/down/#",
        "$share/g/#",
        "$share//",
        "$share",
        "$queue/#",
    ] {
        assert_eq!(hq.subscribe_code(filter, 1).await, Some(0x80), "{filter}");
    }
    // On the open listener it is a topic like any other that begins with a dollar sign; its holder goes with a message
    // that it has not acknowledged.
    let mut member = Client::plain(broker.open_addr()).await;
    assert_eq!(member.connect(&Connect::new("member")).await, Some(0));
    member.subscribe("$share/g/t").await;
    let mut speaker = Client::plain(broker.open_addr()).await;
    assert_eq!(speaker.connect(&Connect::new("speaker")).await, Some(0));
    assert!(speaker.publish("$share/g/t", b"x").await);
    assert_eq!(member.receive().await.unwrap().publish().0, "$share/g/t");
    drop(member);
    for _ in 0..5 {
        assert!(speaker.publish("t", b"x").await);
    }
    unharmed(&broker, &mut [&mut sanitizer, &mut hq, &mut speaker]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_begins_with_a_non_ascii_character_ends_nobody_but_its_sender() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    let certificate = broker.authority.satellite("acme", "branch");
    for topic in [
        "é",
        "é/x",
        "\u{10ffff}",
        "\u{feff}sg/1/acme/branch/up/status",
        "日本/up",
    ] {
        let mut branch = broker.connected(&certificate, "acme.branch").await;
        assert_eq!(
            branch.subscribe_code(topic, 1).await,
            Some(0x80),
            "{topic:?}"
        );
        branch.send(&Publish::new(topic, b"x").encode()).await;
        assert!(branch.is_closed().await, "{topic:?}");
        let will = Connect::new("acme.branch").will(topic, false);
        assert_eq!(
            broker.connect_code(&certificate, &will).await,
            Some(5),
            "{topic:?}"
        );
        let mut open = Client::plain(broker.open_addr()).await;
        let code = open.connect(&Connect::new("open").will(topic, false)).await;
        assert_eq!(code, Some(0), "{topic:?}");
        open.subscribe(topic).await;
        assert!(open.publish(topic, b"x").await);
    }
    unharmed(&broker, &mut [&mut sanitizer, &mut hq]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_whose_place_is_taken_breaks_no_router_and_kicks_no_stranger() {
    let broker = TestBroker::with("write_ms = 2000").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut branch = broker.listening_satellite("acme", "branch").await;
    let mut stranger = broker.listening_satellite("globex", "hq").await;
    let body = vec![0x5a; 60_000];
    for round in 0..12 {
        // Does not read, so that its link in the router is full when it goes.
        let mut slow = broker.listening_satellite("acme", "hq").await;
        for _ in 0..6 {
            assert!(
                sanitizer
                    .publish("sg/1/acme/hq/down/pull/devices", &body)
                    .await
            );
        }
        let mut newer = broker.listening_satellite("acme", "hq").await;
        match round % 3 {
            0 => drop(slow),
            1 => drop(slow.rest().await),
            _ => {
                slow.send(&[0xe0, 0]).await;
                drop(slow.rest().await);
            }
        }
        // Whoever came in between has the number that the slow one had.
        let mut between = broker
            .listening_satellite("acme", &format!("s{round}"))
            .await;
        assert!(newer.ping().await && between.ping().await && branch.ping().await);
        assert!(
            sanitizer
                .publish("sg/1/acme/hq/down/ack", b"for the newer")
                .await
        );
        assert_eq!(newer.data().await.1, b"for the newer");
    }
    unharmed(&broker, &mut [&mut sanitizer, &mut branch, &mut stranger]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_that_only_a_server_sends_use_up_no_place() {
    let broker = TestBroker::with("connections_per_tenant_max = 3").await;
    let mut stranger = broker.listening_satellite("globex", "hq").await;
    for n in 0..12 {
        let mut bad = broker.satellite("acme", &format!("s{n}")).await;
        bad.send(&[[0x20, 2, 0, 0], [0xb0, 2, 0, 1], [0xd0, 0, 0, 0]][n % 3])
            .await;
        bad.rest().await;
    }
    for n in 0..3 {
        let mut client = broker.satellite("acme", &format!("t{n}")).await;
        assert!(client.ping().await);
    }
    unharmed(&broker, &mut [&mut stranger]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_many_messages_does_not_wait_for_the_next_packet() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    for round in 0..3_u16 {
        for n in 0..150_u16 {
            let payload = (150 * round + n).to_be_bytes();
            let publish = Publish {
                packet_id: n + 1,
                ..Publish::new("sg/1/acme/hq/down/ack", &payload)
            };
            sanitizer.send(&publish.encode()).await;
        }
        for n in 0..150_u16 {
            // Nothing but acknowledgements is sent, and after the last not even that.
            let seen = tokio::time::timeout(Duration::from_secs(2), hq.data()).await;
            assert_eq!(seen.expect("held back").1, (150 * round + n).to_be_bytes());
            assert!(sanitizer.answer(0x40).await.is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_messages_do_not_wait_for_delayed_acknowledgements() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    let mut trips = Vec::new();
    for _ in 0..60 {
        let started = Instant::now();
        assert!(sanitizer.publish("sg/1/acme/hq/down/ack", b"x").await);
        hq.data().await;
        assert!(hq.publish("sg/1/acme/hq/up/status", b"y").await);
        sanitizer.data().await;
        trips.push(started.elapsed());
    }
    trips.sort_unstable();
    // Linux delays an acknowledgement by 40 ms and more.
    assert!(trips[30] < Duration::from_millis(30), "{:?}", trips[30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quality_of_service_is_never_raised_and_empty_messages_clear_nothing() {
    let broker = TestBroker::start().await;
    let mut one = Client::plain(broker.open_addr()).await;
    assert_eq!(one.connect(&Connect::new("one")).await, Some(0));
    one.subscribe("kept").await;
    let send = |qos, retain, payload: &'static [u8]| {
        Publish {
            qos,
            retain,
            ..Publish::new("kept", payload)
        }
        .encode()
    };
    one.send(&send(0, true, b"value")).await;
    assert_eq!(
        one.receive().await.unwrap().publish(),
        ("kept".into(), None, b"value".to_vec())
    );
    // Empty, but not meant to clear.
    one.send(&send(0, false, b"")).await;
    assert_eq!(
        one.receive().await.unwrap().publish(),
        ("kept".into(), None, Vec::new())
    );
    let mut two = Client::plain(broker.open_addr()).await;
    assert_eq!(two.connect(&Connect::new("two")).await, Some(0));
    two.send(&packets::subscribe(1, &[("kept", 1)])).await;
    assert!(two.answer(0x90).await.is_some());
    assert_eq!(
        two.receive().await.unwrap().publish(),
        ("kept".into(), None, b"value".to_vec())
    );
}
