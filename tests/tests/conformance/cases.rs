//! The cases. Each gets the address of a broker of which it knows nothing and fails by panicking.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{Client, Connect, Publish, packets};

/// A case, and why ours refuses it; empty when it does not.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(SocketAddr) -> Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(crate) refused: &'static str,
}

macro_rules! cases {
    ($($function:ident: $name:literal $(, refused: $why:literal)?;)*) => {
        pub(crate) const CASES: [Case; [$($name),*].len()] = [$(Case {
            name: $name,
            run: |addr| Box::pin($function(addr)),
            refused: concat!("" $(, $why)?),
        }),*];
    };
}

cases! {
    connect_and_again: "connect, disconnect, and connect again";
    second_connect: "a second CONNECT ends the connection";
    wrong_protocol: "a foreign protocol name or version is turned away";
    empty_client_id: "an empty client id needs a clean session";
    keep_alive_zero: "keep-alive 0 is none";
    ping: "PINGREQ is answered";
    delivery: "QoS 0 and 1 are delivered at the lower of the two";
    many_filters: "one SUBSCRIBE with several filters, codes in order";
    wildcards: "wildcards match as the standard's examples";
    dollar_topics: "leading wildcards pass $ topics by";
    empty_levels: "empty levels, spaces and non-ASCII are levels";
    overlapping: "overlapping filters give the highest QoS";
    resubscribe: "subscribing again replaces, and retained comes again";
    unsubscribe: "UNSUBSCRIBE ends delivery, answered once per packet";
    retained: "the last retained message meets new subscribers";
    retained_cleared: "an empty retained message clears";
    retained_live: "present subscribers get it without the flag";
    will: "a broken connection publishes the will";
    no_will: "DISCONNECT discards the will";
    retained_will: "a retained will is retained";
    will_of_qos_2: "a will with QoS 2 reaches a subscriber with less";
    keep_alive: "one and a half silent keep-alives end it, with the will";
    take_over: "the newest of one client id wins";
    order: "500 messages with QoS 1 in order";
    large: "messages of 100,000 bytes";
    empty_message: "an empty message is one";
    duplicates: "the DUP flag changes nothing for others";
    bad_topics: "wildcards and U+0000 in a topic end the sender";
    bad_packets: "reserved flags, QoS 3, packet id 0 end the sender";
    bad_filters: "a filter against the rules is not granted";
    qos_2: "QoS 2 from a sender: delivered once, PUBREC and PUBCOMP";
    persistent: "a session outlives its connection",
        refused: "no session outlives its connection: nothing in the DMZ is worth keeping";
    offline_queue: "messages for an absent persistent session are kept",
        refused: "no session outlives its connection: spools keep, brokers do not";
    redelivery: "what was not acknowledged is sent again on return",
        refused: "no session outlives its connection: the sender's spool sends again";
}

/// A client id that no other case has; both brokers may keep state by it.
fn fresh(name: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn dial(addr: SocketAddr, connect: &Connect) -> (Client, Option<u8>) {
    let mut client = Client::plain(addr).await;
    let code = client.connect(connect).await;
    (client, code)
}

async fn client(addr: SocketAddr, name: &str) -> Client {
    let (client, code) = dial(addr, &Connect::new(&fresh(name))).await;
    assert_eq!(code, Some(0));
    client
}

async fn say(client: &mut Client, publish: Publish<'_>) {
    client.send(&publish.encode()).await;
    if publish.qos == 1 {
        assert!(client.answer(0x40).await.is_some());
    }
}

fn qos<'a>(qos: u8, topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
    Publish {
        qos,
        ..Publish::new(topic, payload)
    }
}

fn to_keep<'a>(topic: &'a str, payload: &'a [u8]) -> Publish<'a> {
    Publish {
        retain: true,
        ..Publish::new(topic, payload)
    }
}

async fn connect_and_again(addr: SocketAddr) {
    let id = fresh("again");
    for _ in 0..3 {
        let (mut client, code) = dial(addr, &Connect::new(&id)).await;
        assert_eq!(code, Some(0));
        assert!(client.ping().await);
        client.send(&[0xe0, 0]).await;
        assert!(client.is_closed().await);
    }
}

async fn second_connect(addr: SocketAddr) {
    let mut client = client(addr, "twice").await;
    client.send(&Connect::new("twice").encode()).await;
    assert!(client.is_closed().await);
}

async fn wrong_protocol(addr: SocketAddr) {
    let mut foreign = Client::plain(addr).await;
    let mut bytes = Connect::new("foreign").encode();
    bytes[4] = b'X';
    foreign.send(&bytes).await;
    assert!(foreign.rest().await.is_empty());
    let mut newer = Client::plain(addr).await;
    newer
        .send(
            &Connect {
                level: 9,
                ..Connect::new("newer")
            }
            .encode(),
        )
        .await;
    let answer = newer.rest().await;
    assert!(
        answer.is_empty() || answer == [0x20, 2, 0, 1],
        "{answer:02x?}"
    );
}

async fn empty_client_id(addr: SocketAddr) {
    let (mut one, code) = dial(addr, &Connect::new("")).await;
    assert_eq!(code, Some(0));
    let (mut two, code) = dial(addr, &Connect::new("")).await;
    assert_eq!(code, Some(0));
    assert!(one.ping().await && two.ping().await, "they are two");
    let (_, code) = dial(
        addr,
        &Connect {
            flags: 0,
            ..Connect::new("")
        },
    )
    .await;
    assert_eq!(code, Some(2));
}

async fn keep_alive_zero(addr: SocketAddr) {
    let connect = Connect {
        keep_alive_s: 0,
        ..Connect::new(&fresh("zero"))
    };
    let (mut client, code) = dial(addr, &connect).await;
    assert_eq!(code, Some(0));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(client.ping().await);
}

async fn ping(addr: SocketAddr) {
    let mut client = client(addr, "ping").await;
    for _ in 0..20 {
        assert!(client.ping().await);
    }
}

async fn delivery(addr: SocketAddr) {
    let (mut one, mut two) = (client(addr, "one").await, client(addr, "two").await);
    for wished in [0, 1] {
        let topic = fresh("lower");
        assert_eq!(two.subscribe_code(&topic, wished).await, Some(wished));
        for sent in [0, 1] {
            say(&mut one, qos(sent, &topic, b"x")).await;
            let (seen, id, payload) = two.receive().await.unwrap().publish();
            assert_eq!((seen, payload), (topic.clone(), b"x".to_vec()));
            assert_eq!(id.is_some(), sent.min(wished) == 1, "{sent} to {wished}");
            if let Some(id) = id {
                two.send(&packets::puback(id)).await;
            }
        }
    }
}

async fn many_filters(addr: SocketAddr) {
    let mut client = client(addr, "many").await;
    let wishes = [("f/a", 0), ("f/b", 1), ("f/+/c", 0), ("f/#", 1)];
    client.send(&packets::subscribe(9, &wishes)).await;
    assert_eq!(client.answer(0x90).await.unwrap().body, [0, 9, 0, 1, 0, 1]);
}

async fn wildcards(addr: SocketAddr) {
    let mut speaker = client(addr, "speaker").await;
    let table = [
        ("w/tennis/#", "w/tennis", true),
        ("w/tennis/#", "w/tennis/player/score", true),
        ("w/tennis/#", "w/tennis2", false),
        ("w/+", "w/a", true),
        ("w/+", "w", false),
        ("w/+", "w/", true),
        ("w/+", "w/a/b", false),
        ("w/+/b", "w/a/b", true),
        ("w/+/+", "w//b", true),
        ("w/a", "w/A", false),
        ("w", "/w", false),
        ("+/w", "/w", true),
        ("/+", "/w", true),
    ];
    for (filter, topic, expected) in table {
        let mut hearer = client(addr, "hearer").await;
        hearer.subscribe(filter).await;
        say(&mut speaker, qos(1, topic, b"x")).await;
        if expected {
            assert_eq!(hearer.message().await.0, topic, "{filter}");
        } else {
            assert!(hearer.is_quiet().await, "{filter} and {topic}");
        }
    }
}

async fn dollar_topics(addr: SocketAddr) {
    let mut one = client(addr, "dollar").await;
    one.subscribe("#").await;
    one.subscribe("+/conformance").await;
    // Some brokers refuse to take it at all, which the standard leaves to them.
    one.send(&qos(0, "$conformance/conformance", b"x").encode())
        .await;
    let marker = fresh("marker");
    one.send(&qos(0, &marker, b"m").encode()).await;
    loop {
        let topic = one.message().await.0;
        assert!(!topic.starts_with('$'), "{topic}");
        if topic == marker {
            break;
        }
    }
    assert!(one.is_quiet().await);
}

async fn empty_levels(addr: SocketAddr) {
    let mut client = client(addr, "levels").await;
    for topic in [
        "/",
        "//",
        "a b",
        "e//e",
        "\u{e9}/\u{65e5}\u{672c}",
        "trailing/",
    ] {
        client.subscribe(topic).await;
        say(&mut client, qos(0, topic, b"x")).await;
        assert_eq!(client.message().await, (topic.to_owned(), b"x".to_vec()));
    }
}

async fn overlapping(addr: SocketAddr) {
    let mut client = client(addr, "overlap").await;
    let base = fresh("overlap");
    let (wide, narrow) = (format!("{base}/#"), format!("{base}/+"));
    client
        .send(&packets::subscribe(3, &[(&wide, 0), (&narrow, 1)]))
        .await;
    assert!(client.answer(0x90).await.is_some());
    client
        .send(&qos(1, &format!("{base}/x"), b"x").encode())
        .await;
    // One message at the highest, or one for each.
    let mut ids = Vec::new();
    let mut acknowledged = false;
    while !(acknowledged && ids.iter().any(Option::is_some)) {
        let packet = client.receive().await.unwrap();
        match packet.first {
            0x40 => acknowledged = true,
            _ => ids.push(packet.publish().1),
        }
    }
    assert!(ids.len() <= 2, "{ids:?}");
}

async fn resubscribe(addr: SocketAddr) {
    let (mut one, topic) = (client(addr, "again").await, fresh("resubscribe"));
    say(&mut one, to_keep(&topic, b"kept")).await;
    for wished in [1, 0] {
        one.send(&packets::subscribe(4, &[(&topic, wished)])).await;
        assert_eq!(one.answer(0x90).await.unwrap().body, [0, 4, wished]);
        assert_eq!(one.message().await.1, b"kept");
    }
    one.send(&qos(0, &topic, b"once").encode()).await;
    assert_eq!(one.message().await.1, b"once");
    assert!(one.is_quiet().await, "it is one subscription");
    say(&mut one, to_keep(&topic, b"")).await;
}

async fn unsubscribe(addr: SocketAddr) {
    let mut client = client(addr, "unsubscribe").await;
    let (gone, also, stays) = (fresh("gone"), fresh("also"), fresh("stays"));
    for topic in [&gone, &also, &stays] {
        client.subscribe(topic).await;
    }
    client
        .send(&packets::unsubscribe(5, &[&gone, "never/had", &also]))
        .await;
    assert_eq!(client.answer(0xb0).await.unwrap().body, [0, 5]);
    for topic in [&gone, &also, &stays] {
        client.send(&qos(0, topic, b"x").encode()).await;
    }
    assert_eq!(client.message().await.0, stays);
    assert!(client.is_quiet().await);
}

async fn retained_cases(addr: SocketAddr, payloads: &[&[u8]]) -> Vec<(u8, Vec<u8>)> {
    let topic = fresh("retained");
    let mut one = client(addr, "keeper").await;
    for payload in payloads {
        say(&mut one, to_keep(&topic, payload)).await;
    }
    let mut two = client(addr, "comer").await;
    let marker = fresh("marker");
    two.subscribe(&marker).await;
    two.subscribe(&topic).await;
    say(&mut one, qos(1, &marker, b"m")).await;
    let mut seen = Vec::new();
    loop {
        let packet = two.receive().await.unwrap();
        let (at, _, payload) = packet.publish();
        if at == marker {
            break;
        }
        seen.push((packet.first & 1, payload));
    }
    say(&mut one, to_keep(&topic, b"")).await;
    seen
}

async fn retained(addr: SocketAddr) {
    assert_eq!(
        retained_cases(addr, &[b"1", b"2"]).await,
        [(1, b"2".to_vec())]
    );
}

async fn retained_cleared(addr: SocketAddr) {
    assert!(retained_cases(addr, &[b"1", b""]).await.is_empty());
}

async fn retained_live(addr: SocketAddr) {
    let (mut one, topic) = (client(addr, "live").await, fresh("live"));
    one.subscribe(&topic).await;
    one.send(
        &Publish {
            qos: 0,
            ..to_keep(&topic, b"x")
        }
        .encode(),
    )
    .await;
    let packet = one.receive().await.unwrap();
    assert_eq!((packet.first & 1, packet.publish().2), (0, b"x".to_vec()));
    say(&mut one, to_keep(&topic, b"")).await;
}

/// A client with a will on a topic, and one that hears it.
async fn with_will(addr: SocketAddr, connect: Connect, topic: &str) -> (Client, Client) {
    let mut watcher = client(addr, "watcher").await;
    watcher.subscribe(topic).await;
    let (testator, code) = dial(addr, &connect.will(topic, false)).await;
    assert_eq!(code, Some(0));
    (testator, watcher)
}

async fn will(addr: SocketAddr) {
    let topic = fresh("will");
    let (testator, mut watcher) = with_will(addr, Connect::new(&fresh("testator")), &topic).await;
    drop(testator);
    assert_eq!(watcher.message().await, (topic, b"gone".to_vec()));
}

async fn no_will(addr: SocketAddr) {
    let topic = fresh("will");
    let (mut testator, mut watcher) =
        with_will(addr, Connect::new(&fresh("testator")), &topic).await;
    testator.send(&[0xe0, 0]).await;
    assert!(testator.is_closed().await);
    assert!(watcher.ping().await && watcher.is_quiet().await);
}

async fn retained_will(addr: SocketAddr) {
    let topic = fresh("will");
    let mut watcher = client(addr, "watcher").await;
    watcher.subscribe(&topic).await;
    let connect = Connect::new(&fresh("testator")).will(&topic, true);
    drop(dial(addr, &connect).await);
    assert_eq!(watcher.message().await.1, b"gone");
    let mut late = client(addr, "late").await;
    late.subscribe(&topic).await;
    assert_eq!(late.message().await.1, b"gone");
    say(&mut late, to_keep(&topic, b"")).await;
}

async fn will_of_qos_2(addr: SocketAddr) {
    let topic = fresh("will");
    let mut watcher = client(addr, "watcher").await;
    watcher.subscribe(&topic).await;
    let mut connect = Connect::new(&fresh("testator")).will(&topic, false);
    connect.flags = connect.flags & !0x18 | 0x10;
    let (testator, code) = dial(addr, &connect).await;
    assert_eq!(code, Some(0));
    drop(testator);
    let (seen, id, _) = watcher.receive().await.unwrap().publish();
    assert_eq!((seen, id.is_some()), (topic, true));
}

async fn keep_alive(addr: SocketAddr) {
    let topic = fresh("silent");
    let connect = Connect {
        keep_alive_s: 1,
        ..Connect::new(&fresh("testator"))
    };
    let (mut testator, mut watcher) = with_will(addr, connect, &topic).await;
    assert_eq!(watcher.message().await.1, b"gone");
    assert!(testator.is_closed().await);
}

async fn take_over(addr: SocketAddr) {
    let id = fresh("same");
    let (mut first, code) = dial(addr, &Connect::new(&id)).await;
    assert_eq!(code, Some(0));
    let (mut second, code) = dial(addr, &Connect::new(&id)).await;
    assert_eq!(code, Some(0));
    assert!(first.is_closed().await && second.ping().await);
}

async fn order(addr: SocketAddr) {
    let (mut one, mut two, topic) = (
        client(addr, "one").await,
        client(addr, "two").await,
        fresh("order"),
    );
    two.subscribe(&topic).await;
    for n in 1..=500_u16 {
        let payload = n.to_be_bytes();
        one.send(
            &Publish {
                packet_id: n,
                ..Publish::new(&topic, &payload)
            }
            .encode(),
        )
        .await;
    }
    for n in 1..=500_u16 {
        assert_eq!(two.message().await.1, n.to_be_bytes());
        assert_eq!(one.answer(0x40).await.unwrap().body, n.to_be_bytes());
    }
}

async fn large(addr: SocketAddr) {
    let (mut client, topic) = (client(addr, "large").await, fresh("large"));
    client.subscribe(&topic).await;
    let payload: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for _ in 0..5 {
        client.send(&qos(0, &topic, &payload).encode()).await;
        assert!(client.message().await.1 == payload);
    }
}

async fn empty_message(addr: SocketAddr) {
    let (mut client, topic) = (client(addr, "empty").await, fresh("empty"));
    client.subscribe(&topic).await;
    client.send(&qos(0, &topic, b"").encode()).await;
    assert_eq!(client.message().await, (topic, Vec::new()));
}

async fn duplicates(addr: SocketAddr) {
    let (mut one, mut two, topic) = (
        client(addr, "one").await,
        client(addr, "two").await,
        fresh("dup"),
    );
    two.subscribe(&topic).await;
    let mut packet = qos(1, &topic, b"x").encode();
    packet[0] |= 0x08;
    one.send(&packet).await;
    assert!(one.answer(0x40).await.is_some());
    let packet = two.receive().await.unwrap();
    assert_eq!(
        (packet.first & 0x08, packet.publish().2),
        (0, b"x".to_vec())
    );
}

async fn bad_topics(addr: SocketAddr) {
    for topic in ["a/+", "#", "a+b", "a/#", "a\0b"] {
        let mut bad = client(addr, "bad").await;
        bad.send(&qos(0, topic, b"x").encode()).await;
        bad.send(&[0xc0, 0]).await;
        assert!(bad.rest().await.is_empty(), "{topic:?}");
    }
}

async fn bad_packets(addr: SocketAddr) {
    let cases: [&[u8]; 8] = [
        &[0x36, 5, 0, 1, b'a', 0, 1],
        &[0x32, 5, 0, 1, b'a', 0, 0],
        &[0x80, 6, 0, 1, 0, 1, b'a', 0],
        &[0x82, 6, 0, 1, 0, 1, b'a', 3],
        &[0x82, 2, 0, 1],
        &[0xa0, 5, 0, 1, 0, 1, b'a'],
        &[0xf0, 0],
        &[0x00, 0],
    ];
    for bytes in cases {
        let mut bad = client(addr, "bad").await;
        bad.send(bytes).await;
        bad.send(&[0xc0, 0]).await;
        assert!(bad.rest().await.is_empty(), "{bytes:02x?}");
    }
}

async fn bad_filters(addr: SocketAddr) {
    for filter in ["a#", "a/#/b", "+a", "a/b+", ""] {
        let mut bad = client(addr, "bad").await;
        bad.send(&packets::subscribe(6, &[(filter, 1)])).await;
        let answer = bad.receive().await;
        let granted = answer.is_some_and(|packet| packet.body != [0, 6, 0x80]);
        assert!(!granted, "{filter:?}");
    }
}

async fn qos_2(addr: SocketAddr) {
    let (mut one, mut two) = (client(addr, "one").await, client(addr, "two").await);
    let topic = fresh("once");
    two.subscribe(&topic).await;
    for id in [11, 12, 11] {
        let publish = Publish {
            packet_id: id,
            ..qos(2, &topic, b"x")
        }
        .encode();
        let mut again = publish.clone();
        again[0] |= 0x08;
        for packet in [publish, again] {
            one.send(&packet).await;
            assert_eq!(one.answer(0x50).await.unwrap().body, id.to_be_bytes());
        }
        let [high, low] = id.to_be_bytes();
        for _ in 0..2 {
            one.send(&[0x62, 2, high, low]).await;
            assert_eq!(one.answer(0x70).await.unwrap().body, [high, low]);
        }
        assert_eq!(two.message().await.1, b"x");
        assert!(two.is_quiet().await, "delivered once");
    }
}

/// CONNECT for a session that is to be kept; the CONNACK's two bytes.
async fn kept(addr: SocketAddr, id: &str) -> (Client, Vec<u8>) {
    let mut client = Client::plain(addr).await;
    client
        .send(
            &Connect {
                flags: 0,
                ..Connect::new(id)
            }
            .encode(),
        )
        .await;
    let answer = client.receive().await.unwrap();
    assert_eq!(answer.first, 0x20);
    (client, answer.body)
}

async fn persistent(addr: SocketAddr) {
    let id = fresh("kept");
    let (mut first, answer) = kept(addr, &id).await;
    assert_eq!(answer, [0, 0]);
    first.subscribe("kept/topic").await;
    drop(first);
    let (mut again, answer) = kept(addr, &id).await;
    assert_eq!(answer, [1, 0], "session present");
    again.send(&qos(0, "kept/topic", b"x").encode()).await;
    assert_eq!(again.message().await.1, b"x");
}

async fn offline_queue(addr: SocketAddr) {
    let (id, topic) = (fresh("absent"), fresh("absent"));
    let (mut first, _) = kept(addr, &id).await;
    first.subscribe(&topic).await;
    first.send(&[0xe0, 0]).await;
    assert!(first.is_closed().await);
    let mut speaker = client(addr, "speaker").await;
    say(&mut speaker, qos(1, &topic, b"while away")).await;
    let (mut again, _) = kept(addr, &id).await;
    assert_eq!(again.message().await.1, b"while away");
}

async fn redelivery(addr: SocketAddr) {
    let (id, topic) = (fresh("mute"), fresh("mute"));
    let (mut first, _) = kept(addr, &id).await;
    first.subscribe(&topic).await;
    let mut speaker = client(addr, "speaker").await;
    say(&mut speaker, qos(1, &topic, b"x")).await;
    let once = first.receive().await.unwrap();
    drop(first);
    let (mut again, _) = kept(addr, &id).await;
    let twice = again.receive().await.unwrap();
    assert_eq!(
        (twice.first, once.publish().2),
        (once.first | 0x08, twice.publish().2)
    );
}
