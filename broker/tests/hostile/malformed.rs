//! Frames as no polite client sends them. After each the sender says that it is done; the broker must answer what there
//! is to answer and close, at once, whatever it was told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Connect, Publish, TestBroker, packets};
use crate::{BETWEEN_TRIPS, Bystander, connected, unharmed};

/// Cases that run beside one another, each with an identity of its own.
const LANES: usize = 8;
/// Longest that one case may take, from the first byte to the end of the connection.
const CASE: Duration = Duration::from_secs(3);

/// One valid packet of each kind that a client may send, and of each that it may not.
fn originals() -> Vec<(&'static str, Vec<u8>)> {
    let topic = "sg/1/acme/hq/up/status";
    vec![
        ("CONNECT", Connect::new("acme.hq").encode()),
        ("CONNACK", vec![0x20, 2, 0, 0]),
        ("PUBLISH", Publish::new(topic, b"payload").encode()),
        ("PUBACK", packets::puback(11)),
        ("PUBREC", vec![0x50, 2, 0, 11]),
        ("PUBREL", vec![0x62, 2, 0, 11]),
        ("PUBCOMP", vec![0x70, 2, 0, 11]),
        (
            "SUBSCRIBE",
            packets::subscribe(7, &[("sg/1/acme/hq/down/#", 1)]),
        ),
        ("SUBACK", vec![0x90, 3, 0, 7, 1]),
        (
            "UNSUBSCRIBE",
            packets::unsubscribe(8, &["sg/1/acme/hq/down/#"]),
        ),
        ("UNSUBACK", vec![0xb0, 2, 0, 8]),
        ("PINGREQ", vec![0xc0, 0]),
        ("PINGRESP", vec![0xd0, 0]),
        ("DISCONNECT", vec![0xe0, 0]),
        ("reserved 0", vec![0x00, 0]),
        ("reserved 15", vec![0xf0, 0]),
    ]
}

/// Every truncation, every flipped bit and every set of flags of every packet; and lengths that lie.
fn cases() -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    for (name, packet) in originals() {
        for end in 1..packet.len() {
            cases.push((format!("{name} cut at {end}"), packet[..end].to_vec()));
        }
        for bit in 0..packet.len().min(24) * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            cases.push((format!("{name} with bit {bit} flipped"), flipped));
        }
        for flags in 0..16 {
            let mut flagged = packet.clone();
            flagged[0] = packet[0] & 0xf0 | flags;
            cases.push((format!("{name} with flags {flags:04b}"), flagged));
        }
        for (what, length) in LENGTHS {
            let mut lying = vec![packet[0]];
            lying.extend_from_slice(length);
            lying.extend_from_slice(&packet[2..]);
            cases.push((format!("{name}, {what}"), lying));
        }
        let mut doubled = packet.clone();
        doubled.extend_from_slice(&packet);
        cases.push((format!("{name} twice"), doubled));
        let mut trailed = packet.clone();
        trailed[1] += 1;
        trailed.push(0);
        cases.push((format!("{name} with a byte too many"), trailed));
    }
    cases
}

const LENGTHS: [(&str, &[u8]); 7] = [
    ("268,435,455 bytes announced", &[0xff, 0xff, 0xff, 0x7f]),
    ("a length of five bytes", &[0xff, 0xff, 0xff, 0xff, 0x01]),
    ("five bytes of zero", &[0x80, 0x80, 0x80, 0x80, 0x00]),
    (
        "a length without end",
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ),
    ("nothing announced", &[0x00]),
    ("one byte announced", &[0x01]),
    ("a length spelled longer than it is", &[0x82, 0x80, 0x00]),
];

async fn attack(broker: &TestBroker, name: &str, lane: usize, cases: &[(String, Vec<u8>)]) {
    for (what, bytes) in cases.iter().skip(lane).step_by(LANES) {
        let mut bad = connected(broker, name).await;
        let started = Instant::now();
        bad.send(bytes).await;
        bad.finish().await;
        bad.rest().await;
        assert!(started.elapsed() < CASE, "{what}: {:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_frame_panics_or_stalls_the_broker() {
    let broker = Arc::new(TestBroker::with("connections_per_address_burst = 1000000").await);
    let mut bystander = Bystander::enter(&broker).await;
    let cases = Arc::new(cases());
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let (broker, cases) = (Arc::clone(&broker), Arc::clone(&cases));
            tokio::spawn(async move {
                let name = if lane == 0 {
                    "hq".to_owned()
                } else {
                    format!("hq{lane}")
                };
                attack(&broker, &name, lane, &cases).await;
            })
        })
        .collect();
    let mut longest = Duration::ZERO;
    while !lanes.iter().all(tokio::task::JoinHandle::is_finished) {
        longest = longest.max(bystander.round_trip().await);
        tokio::time::sleep(BETWEEN_TRIPS).await;
    }
    for lane in lanes {
        lane.await.unwrap();
    }
    println!(
        "{} malformed frames; a bystander's longest round trip {longest:?}",
        cases.len()
    );
    assert!(cases.len() > 1_000, "{}", cases.len());
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    unharmed(&broker).await;
}

/// The same as a connection's first bytes: TLS is done, nobody is known yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_first_frame_panics_or_stalls_the_broker() {
    let broker = TestBroker::with("connections_per_address_burst = 1000000").await;
    let mut bystander = Bystander::enter(&broker).await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut seen = 0;
    for (what, bytes) in cases().iter().step_by(5) {
        let mut bad = broker.dial(&certificate).await;
        let started = Instant::now();
        bad.send(bytes).await;
        bad.finish().await;
        let answer = bad.rest().await;
        let connack = answer.first().is_none_or(|first| *first == 0x20);
        assert!(
            connack,
            "{what} is answered with {answer:02x?} before any CONNECT"
        );
        assert!(started.elapsed() < Duration::from_secs(3), "{what}");
        seen += 1;
    }
    assert!(seen > 200, "{seen}");
    bystander.round_trip().await;
    unharmed(&broker).await;
}

/// Instead of TLS: other protocols, broken records, a hello cut anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn no_bytes_in_place_of_tls_panic_or_stall_the_broker() {
    let broker = TestBroker::start().await;
    let mut bystander = Bystander::enter(&broker).await;
    let hello = client_hello(&broker);
    let mut cases: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        Connect::new("acme.hq").encode(),
        vec![0; 20_000],
        vec![0xff; 20_000],
        b"\x16\x03\x01\xff\xff".to_vec(),
        b"\x80\x2e\x01\x00\x02".to_vec(),
        [hello.clone(), hello.clone()].concat(),
    ];
    cases.extend((1..hello.len()).step_by(7).map(|end| hello[..end].to_vec()));
    cases.extend((0..hello.len()).step_by(5).map(|at| {
        let mut flipped = hello.clone();
        flipped[at] ^= 0x55;
        flipped
    }));
    for bytes in &cases {
        let mut bad = crate::support::Client::plain(broker.addr()).await;
        bad.send(bytes).await;
        bad.finish().await;
        bad.rest().await;
    }
    println!("{} beginnings that are no TLS", cases.len());
    bystander.round_trip().await;
    unharmed(&broker).await;
}

/// The bytes with which a real client of this CA begins.
pub(crate) fn client_hello(broker: &TestBroker) -> Vec<u8> {
    let certificate = broker.authority.satellite("acme", "hq");
    let config = broker.authority.client(Some(&certificate));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut connection = rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    assert!(hello.len() > 100);
    hello
}
