//! The enrolment listener meets people without a certificate: any bytes, any number of sockets, and no hurry.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use spokegate_broker::ListenerKind;
use spokegate_daemon::Context;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::malformed::client_hello;
use crate::support::{Authority, Client, TestBroker};
use crate::{Bystander, PROMPT, unharmed};

/// A request without a body, which is answered without asking anybody.
const KNOCK: &[u8] = b"POST /v1/enrol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

async fn broker() -> (TestBroker, SocketAddr) {
    let (authority, files) = (Authority::new("fabric"), TempDir::new().unwrap());
    authority.server().write(files.path());
    let sections = "[[listener]]\nkind = \"enrolment\"\naddress = \"127.0.0.1:0\"\n\
         [limits]\nconnections_per_principal_burst = 1000000\nconnections_per_address_burst = 1000000\nhandshake_ms = 4000\n\
         [revocation]\ncrl_file = \"FOLDER/crl.pem\"\n\
         [enrolment]\nrequests_per_address_burst = 100000\n";
    let broker = TestBroker::of(authority, files, sections, Context::new()).await;
    let door = broker.broker.address_of(ListenerKind::Enrolment).unwrap();
    (broker, door)
}

async fn stranger(broker: &TestBroker, door: SocketAddr) -> Client {
    Client::dial(door, broker.authority.client(None))
        .await
        .unwrap()
}

/// What a stranger's bytes are answered with, up to the end of the connection.
async fn answer(broker: &TestBroker, door: SocketAddr, bytes: &[u8]) -> String {
    let mut stranger = stranger(broker, door).await;
    stranger.send(bytes).await;
    stranger.finish().await;
    String::from_utf8_lossy(&stranger.rest().await).into_owned()
}

/// A whole request is answered.
async fn is_served(broker: &TestBroker, door: SocketAddr) -> bool {
    let mut stranger = stranger(broker, door).await;
    stranger.send(KNOCK).await;
    stranger.rest().await.starts_with(b"HTTP/1.1 403")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn no_request_panics_or_stalls_the_broker() {
    let (broker, door) = broker().await;
    let mut bystander = Bystander::enter(&broker).await;
    let long = |head: &str, bytes| [head.as_bytes(), &vec![b'x'; bytes], b"\r\n\r\n"].concat();
    let mut cases: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_vec(),
        b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_vec(),
        b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
        long("GET /", 100_000),
        long("POST /v1/enrol HTTP/1.1\r\nx: ", 1_000_000),
        [&KNOCK[..KNOCK.len() - 2], &[0xff; 2][..]].concat(),
        vec![0; 50_000],
    ];
    cases.extend((1..KNOCK.len()).map(|end| KNOCK[..end].to_vec()));
    cases.extend((0..KNOCK.len()).map(|at| {
        let mut flipped = KNOCK.to_vec();
        flipped[at] ^= 0x41;
        flipped
    }));
    let attack = async {
        for case in &cases {
            let started = Instant::now();
            let answer = answer(&broker, door, case).await;
            assert!(!answer.starts_with("HTTP/1.1 200"), "{case:?}: {answer}");
            assert!(started.elapsed() < Duration::from_secs(5), "{case:?}");
        }
    };
    let ((), longest) = bystander.during(attack).await;
    println!(
        "{} requests; a bystander's longest round trip {longest:?}",
        cases.len()
    );
    assert!(longest < PROMPT, "{longest:?}");
    assert!(is_served(&broker, door).await);
    unharmed(&broker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn half_open_and_idle_strangers_are_let_go_and_hold_nobody_up() {
    let (broker, door) = broker().await;
    let mut bystander = Bystander::enter(&broker).await;
    let hello = client_hello(&broker);
    let mut silent = Vec::new();
    for n in 0..600 {
        let mut socket = Client::plain(door).await;
        socket.send(&hello[..(n * 7) % hello.len()]).await;
        silent.push(socket);
    }
    let idle = TcpStream::connect(door).await.unwrap();
    let started = Instant::now();
    let knocking = async {
        for _ in 0..20 {
            assert!(is_served(&broker, door).await);
        }
        started.elapsed()
    };
    let (knocked, longest) = bystander.during(knocking).await;
    assert!(knocked < Duration::from_secs(8), "{knocked:?}");
    assert!(longest < PROMPT, "{longest:?}");
    let gone = async {
        for socket in &mut silent {
            socket.rest().await;
        }
    };
    bystander.during(gone).await;
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    drop(idle);
    unharmed(&broker).await;
}
