//! Pulls as the fabric makes them: chunks of 100 KB from several satellites at once, and short round trips.

use std::time::{Duration, Instant};

use crate::support::{Client, Publish, TestBroker, packets};

const SATELLITES: u8 = 4;
const CHUNKS: u16 = 125;
const CHUNK_BYTES: usize = 100_000;
/// What the centre grants a pull ahead.
const CREDIT: u16 = 8;

async fn send_chunks(mut client: Client, name: u8) {
    let mut payload = vec![name; CHUNK_BYTES];
    let topic = format!("sg/1/acme/s{name}/up/reply");
    let mut open = 0;
    for n in 0..CHUNKS {
        payload[1..3].copy_from_slice(&n.to_be_bytes());
        client
            .send(
                &Publish {
                    packet_id: n + 1,
                    ..Publish::new(&topic, &payload)
                }
                .encode(),
            )
            .await;
        open += 1;
        if open == CREDIT {
            assert!(client.answer(0x40).await.is_some());
            open -= 1;
        }
    }
    for _ in 0..open {
        assert!(client.answer(0x40).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_pulls_arrive_whole_in_order_and_quickly() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let started = Instant::now();
    for name in 0..SATELLITES {
        tokio::spawn(send_chunks(
            broker.satellite("acme", &format!("s{name}")).await,
            name,
        ));
    }
    let mut next = [0_u16; SATELLITES as usize];
    for _ in 0..usize::from(SATELLITES) * usize::from(CHUNKS) {
        let (topic, payload) = sanitizer.data().await;
        let name = usize::from(payload[0]);
        assert_eq!(topic, format!("sg/1/acme/s{name}/up/reply"));
        assert_eq!(
            u16::from_be_bytes([payload[1], payload[2]]),
            next[name],
            "chunks of {name} in order, none lost"
        );
        assert_eq!(payload.len(), CHUNK_BYTES);
        next[name] += 1;
    }
    let per_s = f64::from(u16::from(SATELLITES) * CHUNKS) / started.elapsed().as_secs_f64();
    println!("{per_s:.0} chunks of 100 KB per second");
    assert!(
        per_s > 50.0,
        "{per_s:.0} chunks per second; a machine under load makes 250 and more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_trip_takes_about_a_millisecond() {
    let broker = TestBroker::start().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut hq = broker.listening_satellite("acme", "hq").await;
    tokio::spawn(async move {
        loop {
            let payload = next_payload(&mut hq).await;
            let echo = Publish::new("sg/1/acme/hq/up/reply", &payload);
            hq.send(&echo.encode()).await;
        }
    });
    let mut times = Vec::new();
    for n in 0..300_u16 {
        let started = Instant::now();
        let payload = n.to_be_bytes();
        let pull = Publish::new("sg/1/acme/hq/down/pull/devices", &payload);
        sanitizer.send(&pull.encode()).await;
        assert_eq!(next_payload(&mut sanitizer).await, payload);
        times.push(started.elapsed());
    }
    times.sort_unstable();
    println!("round trip: median {:?}, p99 {:?}", times[150], times[297]);
    assert!(times[150] < Duration::from_millis(10), "{:?}", times[150]);
}

/// The payload of the next PUBLISH that is not about presence, acknowledged; acknowledgements before it are passed over.
async fn next_payload(client: &mut Client) -> Vec<u8> {
    loop {
        let packet = client.receive().await.expect("a message");
        if packet.first >> 4 != 3 {
            continue;
        }
        let (topic, id, payload) = packet.publish();
        if let Some(id) = id {
            client.send(&packets::puback(id)).await;
        }
        if !topic.ends_with("/up/presence") {
            return payload;
        }
    }
}
