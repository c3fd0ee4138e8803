//! A broker with an enrolment listener, someone who asks, and a centre that answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use spokegate_broker::ListenerKind;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::{Admission, Enrol, Verdict};
use spokegate_daemon::Context;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::{Authority, Client, Publish, SOON, TestBroker, packets};

const PUBACK: u8 = 0x40;
const ADMISSION: &str = "sg/1/enrolment/door/down/admission";

/// A broker whose door has keys of its own in `[enrolment]`.
pub(crate) async fn broker(enrolment: &str) -> TestBroker {
    let (authority, files) = (Authority::new("fabric"), TempDir::new().unwrap());
    authority.server().write(files.path());
    let sections = format!(
        "[[listener]]\nkind = \"enrolment\"\naddress = \"127.0.0.1:0\"\n\
         [limits]\nconnections_per_principal_burst = 1000000\n\
         [revocation]\ncrl_file = \"FOLDER/crl.pem\"\n[enrolment]\n{enrolment}\n"
    );
    TestBroker::of(authority, files, &sections, Context::new()).await
}

/// Someone who asks, from an address of this machine.
pub(crate) struct Caller {
    door: SocketAddr,
    tls: Arc<ClientConfig>,
    from: IpAddr,
}

/// An answer: its status line, its headers but for the date, and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let lines = head.split("\r\n");
        let head = lines.filter(|line| !line.to_lowercase().starts_with("date:"));
        Some(Self {
            status,
            head: head.map(str::to_owned).collect(),
            body: body.as_bytes().to_vec(),
        })
    }
}

impl Caller {
    pub(crate) fn new(broker: &TestBroker) -> Self {
        Self {
            door: broker.broker.address_of(ListenerKind::Enrolment).unwrap(),
            tls: broker.authority.client(None),
            from: Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The same from another loopback address.
    pub(crate) fn from(&self, last: u8) -> Self {
        Self {
            door: self.door,
            tls: Arc::clone(&self.tls),
            from: Ipv4Addr::new(127, 0, 1, last).into(),
        }
    }

    /// The same with TLS settings of its own.
    pub(crate) fn with_tls(&self, tls: Arc<ClientConfig>) -> Self {
        Self {
            tls,
            ..self.from(0).at(self.from)
        }
    }

    fn at(mut self, from: IpAddr) -> Self {
        self.from = from;
        self
    }

    pub(crate) async fn connect(
        &self,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        let stream = socket.connect(self.door).await?;
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::clone(&self.tls))
            .connect(name, stream)
            .await
    }

    /// Posts a body and reads the whole answer; none when the door hangs up without one.
    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Option<Answer> {
        let mut stream = self.connect().await.ok()?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let sent = async {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body).await?;
            stream.flush().await
        };
        // The door may answer and close before it has read all.
        let _ = sent.await;
        read(&mut stream).await
    }

    pub(crate) async fn join(&self, token: &str) -> Answer {
        let body = join_body(token).to_string();
        self.post("/v1/enrol", body.as_bytes())
            .await
            .expect("an answer")
    }
}

pub(crate) async fn read<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> Option<Answer> {
    let mut bytes = Vec::new();
    let read = async { while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(4 * SOON, read)
        .await
        .expect("the door ends it");
    Answer::read(&bytes)
}

pub(crate) fn join_body(token: &str) -> Value {
    json!({ "token": token, "proof": "ab".repeat(32), "csr": "Y3Ny" })
}

pub(crate) fn renew_body(id: &str) -> Value {
    json!({ "serial": "4001", "signature": "3000", "id": id, "csr": "Y3Ny" })
}

/// The centre, as far as the door can tell.
pub(crate) struct Centre(Client);

impl Centre {
    pub(crate) async fn connect(broker: &TestBroker) -> Self {
        Self(broker.sanitizer("enrolment").await)
    }

    /// The next message, acknowledged.
    pub(crate) async fn message(&mut self) -> (String, Vec<u8>) {
        loop {
            let packet = self.0.receive().await.expect("a packet");
            if packet.first == PUBACK {
                continue;
            }
            let (topic, id, payload) = packet.publish();
            self.0.send(&packets::puback(id.unwrap())).await;
            return (topic, payload);
        }
    }

    /// The next request.
    pub(crate) async fn request(&mut self) -> Enrol {
        loop {
            let (topic, payload) = self.message().await;
            if topic == "sg/1/enrolment/door/up/enrol" {
                return Enrol::decode(&Bytes::from(payload)).unwrap();
            }
            assert_eq!(topic, "sg/1/enrolment/door/up/presence");
        }
    }

    pub(crate) async fn answer(&mut self, id: spokegate_contract::RequestId, verdict: Verdict) {
        let payload = Admission { id, verdict }.encode();
        self.publish(ADMISSION, &payload).await;
    }

    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.0.send(&Publish::new(topic, payload).encode()).await;
    }
}

pub(crate) fn issued() -> Verdict {
    Verdict::Issued {
        certificate: Bytes::from_static(b"certificate"),
        roots: Bytes::from_static(b"roots"),
        signature: Bytes::from_static(b"\x30\x01"),
    }
}
