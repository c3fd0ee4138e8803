//! Random bytes put where a segment can put any: names in the handshake, fields of packets, topics, the slack of
//! envelopes and bodies. None of them is on the second hop, in whatever form: what is read there is everything that the
//! sanitizer writes, as it leaves TLS at the centre's end. A value that a contract allows is found there, so the search
//! works.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "helpers of tests end the test"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::json;
use spokegate_contract::envelope::{Hello, Push};
use spokegate_contract::{Envelope, Shape, hex};
use support::agent::body;
use support::{Fabric, device};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const LANES: [&str; 6] = ["reply", "push", "status", "enrol", "quarantine", "audit"];

/// 32 random bytes.
#[derive(Clone, Copy)]
struct Canary([u8; 32]);

impl Canary {
    fn new() -> Self {
        let mut bytes = [0; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).unwrap();
        Self(bytes)
    }

    fn text(self) -> String {
        hex::encode(&self.0)
    }

    /// The first half of it, raw or in digits; a part that long comes there by no chance.
    fn is_in(self, bytes: &[u8]) -> bool {
        let lower = self.text();
        let upper = lower.to_uppercase();
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
        has(&self.0[..16]) || has(&lower.as_bytes()[..32]) || has(&upper.as_bytes()[..32])
    }
}

/// A satellite that writes its packets by hand.
struct Hand {
    stream: TlsStream<TcpStream>,
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}

fn packet(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    let mut length = rest.len();
    loop {
        let digit = u8::try_from(length % 128).unwrap();
        length /= 128;
        out.push(if length > 0 { digit | 0x80 } else { digit });
        if length == 0 {
            break;
        }
    }
    out.extend(rest);
    out
}

fn connect(client: &[u8], flags: u8, fields: &[&[u8]]) -> Vec<u8> {
    let mut rest = Vec::new();
    text(b"MQTT", &mut rest);
    rest.extend([4, flags, 0, 30]);
    text(client, &mut rest);
    fields.iter().for_each(|field| text(field, &mut rest));
    packet(0x10, &rest)
}

fn publish(topic: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    text(topic, &mut rest);
    rest.extend([0, 7]);
    rest.extend(payload);
    packet(0x32, &rest)
}

/// Clean session, nothing else.
const CLEAN: u8 = 2;

impl Hand {
    async fn open(
        fabric: &Fabric,
        satellite: &str,
        (name, protocol): (&str, &[u8]),
    ) -> Option<Self> {
        let certificate = fabric
            .fabric_ca
            .identity(&format!("tenant/acme/satellite/{satellite}"));
        let mut config = ClientConfig::clone(&fabric.fabric_ca.client(Some(&certificate)));
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.to_vec()];
        }
        let stream = TcpStream::connect(fabric.broker.addr()).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.ok()?;
        Some(Self { stream })
    }

    /// Writes packets and waits for the answer to the last; whether there is one is the broker's affair.
    async fn say(mut self, packets: &[Vec<u8>]) {
        for packet in packets {
            // A refusal may have come before the last of them.
            let _ = self.stream.write_all(packet).await;
            let mut answer = [0; 256];
            let read = self.stream.read(&mut answer);
            let _ = tokio::time::timeout(Duration::from_secs(2), read).await;
        }
        let _ = self.stream.write_all(&[0xe0, 0]).await;
        let _ = self.stream.shutdown().await;
    }
}

/// Everything that the sanitizer says on the second hop from now on until it falls silent.
async fn second_hop(fabric: &Fabric) -> Vec<u8> {
    let mut all = Vec::new();
    let mut asked: Vec<(&str, String, String)> = LANES
        .iter()
        .filter(|lane| **lane != "enrol")
        .map(|lane| {
            let body = json!({"lane": lane, "boot": "", "ack": 0, "max": 4096, "max_bytes": 4_194_304, "wait_ms": 0});
            ("POST", "/v1/pull".to_owned(), body.to_string())
        })
        .collect();
    asked.push(("GET", "/v1/status".to_owned(), String::new()));
    asked.push(("GET", "/v1/quarantine?limit=1000".to_owned(), String::new()));
    let certificate = fabric.inner_ca.identity("service/report-service");
    for (method, path, body) in asked {
        let stream = TcpStream::connect(fabric.inner).await.unwrap();
        let connector = TlsConnector::from(fabric.inner_ca.client(Some(&certificate)));
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that closes without a farewell of TLS has said all the same.
        let _ = stream.read_to_end(&mut all).await;
        all.extend(format!("{:?}", stream.get_ref().1.alpn_protocol()).bytes());
    }
    all
}

fn push(data: bytes::Bytes) -> Vec<u8> {
    let now_ms = spokegate_daemon::Clock::system().now_ms();
    let push = Push {
        epoch: now_ms,
        sequence: 1,
        version: 1,
        captured_at_ms: now_ms,
        shape: Shape::Rows,
        body: data,
    };
    push.encode()
}

fn job(message: &str) -> serde_json::Value {
    json!([{
        "job": "nightly", "hostname": "srv01", "last_run": "2026-11-20T02:41:07Z", "result": "success",
        "size_bytes": 1, "duration_s": 1.5, "message": message,
    }])
}

/// The packets of a satellite that is what it says, with one more.
fn with(satellite: &str, last: Vec<u8>) -> Vec<Vec<u8>> {
    let client = format!("acme.{satellite}");
    vec![connect(client.as_bytes(), CLEAN, &[]), last]
}

fn topic(satellite: &str, channel: &str) -> Vec<u8> {
    format!("sg/1/acme/{satellite}/up/{channel}").into_bytes()
}

/// Places for a canary, by name: what the client writes there.
fn places(canary: Canary, satellite: &str) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let (raw, digits) = (canary.0.as_slice(), canary.text());
    let name = digits.as_bytes();
    let under = |channel: &str| topic(satellite, channel);
    let with = |last: Vec<u8>| with(satellite, last);
    let client = format!("acme.{satellite}");
    let (jobs, status) = (under("push/backup-jobs"), under("status"));
    let spliced = |mut envelope: Vec<u8>, at: usize| {
        envelope.splice(at..at, raw.iter().copied());
        envelope
    };
    let good = push(body(&job("fine")));
    let hello = Hello {
        agent_version: digits[..32].to_owned() + "\n",
        at_ms: 1,
        epoch: 1,
        last_sequence: 0,
        acked_sequence: 0,
        datasets: Vec::new(),
    };
    let mut unknown = good.clone();
    // One more member in the envelope's map: a text key of 32 bytes and a small number.
    unknown[0] += 1;
    unknown.extend([0x78, 32]);
    unknown.extend(&name[..32]);
    unknown.push(1);
    let bytes_in_body = [&[0x81, 0xa1, 0x63], b"job".as_slice(), &[0x58, 32], raw].concat();
    let tagged = [&[0x81, 0xd9, 0xd9, 0xf7, 0x78, 32], &name[..32]].concat();
    let mut stretched = body(&job("fine")).to_vec();
    stretched.extend(raw);
    let device = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut row = device("srv01");
        change(&mut row);
        push(body(&json!([row])))
    };
    vec![
        ("client id", vec![connect(name, CLEAN, &[])]),
        (
            "user name and password",
            vec![connect(client.as_bytes(), 0xc2, &[name, raw])],
        ),
        (
            "will",
            vec![connect(client.as_bytes(), 0x06, &[&status, raw])],
        ),
        ("topic level", with(publish(&under(&digits), b"x"))),
        (
            "dataset in a topic",
            with(publish(&under(&format!("push/a{}", &digits[..32])), &good)),
        ),
        (
            "topic of another tenant",
            with(publish(
                format!("sg/1/{}/hq/up/status", &digits[..32]).as_bytes(),
                b"x",
            )),
        ),
        ("raw payload of a push", with(publish(&jobs, raw))),
        ("raw payload of a status", with(publish(&status, raw))),
        (
            "raw payload of a reply",
            with(publish(&under("reply"), raw)),
        ),
        (
            "bytes after the envelope",
            with(publish(&jobs, &[good.as_slice(), raw].concat())),
        ),
        (
            "bytes in front of the envelope",
            with(publish(&jobs, &spliced(good.clone(), 0))),
        ),
        (
            "bytes in the middle of the envelope",
            with(publish(&jobs, &spliced(good.clone(), 40))),
        ),
        (
            "unknown member of the envelope",
            with(publish(&jobs, &unknown)),
        ),
        (
            "version text of a hello",
            with(publish(&under("hello"), &hello.encode())),
        ),
        (
            "bytes after the body",
            with(publish(&jobs, &push(stretched.into()))),
        ),
        (
            "byte string in the body",
            with(publish(&jobs, &push(bytes_in_body.into()))),
        ),
        (
            "tagged text in the body",
            with(publish(&jobs, &push(tagged.into()))),
        ),
        (
            "unknown member of a row",
            with(publish(
                &jobs,
                &push(body(&json!([{ digits.as_str(): 1 }]))),
            )),
        ),
        (
            "value against an enumeration",
            with(publish(
                &jobs,
                &push(body(&json!([{
                    "job": "nightly", "hostname": "srv01", "last_run": "2026-11-20T02:41:07Z", "result": digits,
                    "size_bytes": 1, "duration_s": 1.5, "message": "",
                }]))),
            )),
        ),
        (
            "value against a pattern",
            with(publish(
                &jobs,
                &push(body(&json!([{
                    "job": "nightly", "hostname": format!("-{digits}"), "last_run": "2026-11-20T02:41:07Z", "result": "success",
                    "size_bytes": 1, "duration_s": 1.5, "message": "",
                }]))),
            )),
        ),
        (
            "push of a dataset that is only pulled",
            with(publish(
                &under("push/devices"),
                &device(&|row| {
                    row["owner"] = digits.as_str().into();
                }),
            )),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_segment_hides_anywhere_is_not_on_the_second_hop() {
    let fabric = Fabric::start().await;
    let mut canaries = Vec::new();
    // A satellite for each: none is held back for what the others did.
    let count = places(Canary::new(), "hq").len();
    for place in 0..count {
        let (canary, satellite) = (Canary::new(), format!("place-{place}"));
        let (name, packets) = places(canary, &satellite).swap_remove(place);
        let plain: (&str, &[u8]) = ("localhost", b"");
        if let Some(hand) = Hand::open(&fabric, &satellite, plain).await {
            hand.say(&packets).await;
        }
        canaries.push((name, canary));
    }
    for name in ["server name of TLS", "protocol name of TLS"] {
        let canary = Canary::new();
        let digits = canary.text();
        let (server, protocol) = match name {
            "server name of TLS" => (format!("{}.example", &digits[..48]), Vec::new()),
            _ => ("localhost".to_owned(), digits.clone().into_bytes()),
        };
        if let Some(hand) = Hand::open(&fabric, "greeting", (&server, &protocol)).await {
            let packet = publish(&topic("greeting", "status"), b"x");
            hand.say(&with("greeting", packet)).await;
        }
        canaries.push((name, canary));
    }
    // The search finds what may pass.
    let allowed = Canary::new();
    let plain: (&str, &[u8]) = ("localhost", b"");
    let hand = Hand::open(&fabric, "good", plain).await.unwrap();
    let good = push(body(&job(&allowed.text())));
    let packet = publish(&topic("good", "push/backup-jobs"), &good);
    hand.say(&with("good", packet)).await;

    let mut seen = Vec::new();
    for _ in 0..40 {
        seen = second_hop(&fabric).await;
        if allowed.is_in(&seen) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(
        allowed.is_in(&seen),
        "the good message did not come through"
    );
    for (name, canary) in &canaries {
        assert!(
            !canary.is_in(&seen),
            "{name}: its bytes are on the second hop"
        );
    }
    // They came to the sanitizer at all: refusals tell of them.
    let seen = String::from_utf8_lossy(&seen);
    let refused = seen.matches("\"kind\":\"quarantine\"").count();
    assert!(refused >= 10, "only {refused} refusals");
    println!(
        "canaries: {} hidden, 0 on the second hop ({} bytes read); {refused} refusals told of them",
        canaries.len(),
        seen.len()
    );
}
