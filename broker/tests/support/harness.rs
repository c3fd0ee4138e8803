//! A broker on a free port, a throw-away CA, and a client that writes any bytes over real TLS: what a polite MQTT
//! library refuses to send is just what these tests are about.

pub(crate) mod certificates;
pub(crate) mod packets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use spokegate_broker::{Broker, BrokerConfig, DEFAULTS, ListenerKind};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) use certificates::{Authority, Certificate};
pub(crate) use packets::{Connect, Publish};

/// Longest wait for something that must come.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// How long to listen for something that must not come.
pub(crate) const QUIET: Duration = Duration::from_millis(150);

/// A broker with its CA. Dropping it stops it.
pub(crate) struct TestBroker {
    pub(crate) authority: Authority,
    pub(crate) broker: Broker,
    context: Context,
    pub(crate) files: TempDir,
}

impl TestBroker {
    /// A broker with default limits.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// A broker with `[limits]` keys of its own. One identity may come as often as a test likes, unless they say otherwise.
    pub(crate) async fn with(limits: &str) -> Self {
        let often = match limits.contains("connections_per_principal") {
            true => "",
            false => "connections_per_principal_burst = 1000000",
        };
        let authority = Authority::new("fabric");
        let files = TempDir::new().unwrap();
        authority.server().write(files.path());
        let sections = format!("[limits]\n{limits}\n{often}\n");
        Self::of(authority, files, &sections, Context::new()).await
    }

    /// A broker of this authority with the TLS files that are in the folder, and sections of its own. `FOLDER` in them
    /// is the folder.
    pub(crate) async fn of(
        authority: Authority,
        files: TempDir,
        sections: &str,
        context: Context,
    ) -> Self {
        let directory = files.path().display();
        let sections = sections.replace("FOLDER", &directory.to_string());
        let text = format!(
            "[tls]\ncertificate = \"{directory}/certificate.pem\"\nkey = \"{directory}/key.pem\"\nclient_ca = \"{directory}/ca.pem\"\n\
             [[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n[[listener]]\nkind = \"open\"\naddress = \"127.0.0.1:0\"\n\
             {sections}"
        );
        let config: BrokerConfig = Layered::new("broker", DEFAULTS)
            .no_environment()
            .text("broker.toml", &text)
            .load()
            .unwrap_or_else(|faults| panic!("{faults}"));
        let broker = Broker::bind(config, &context).await.unwrap();
        Self {
            authority,
            broker,
            context,
            files,
        }
    }

    /// What it was started with, to start another.
    pub(crate) fn into_files(mut self) -> (Authority, TempDir) {
        let files = std::mem::replace(&mut self.files, TempDir::new().unwrap());
        let authority = std::mem::replace(&mut self.authority, Authority::new("none"));
        (authority, files)
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.broker.addr()
    }

    pub(crate) fn open_addr(&self) -> SocketAddr {
        self.broker.address_of(ListenerKind::Open).unwrap()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.context.readiness.is_ready()
    }

    /// A connected satellite, its CONNACK read.
    pub(crate) async fn satellite(&self, tenant: &str, satellite: &str) -> Client {
        let certificate = self.authority.satellite(tenant, satellite);
        self.connected(&certificate, &format!("{tenant}.{satellite}"))
            .await
    }

    /// A satellite that has subscribed to its `down/#`.
    pub(crate) async fn listening_satellite(&self, tenant: &str, satellite: &str) -> Client {
        let mut client = self.satellite(tenant, satellite).await;
        client
            .subscribe(&format!("sg/1/{tenant}/{satellite}/down/#"))
            .await;
        client
    }

    /// The sanitizer's session of a tenant, subscribed.
    pub(crate) async fn sanitizer(&self, tenant: &str) -> Client {
        let certificate = self.authority.service("sanitizer");
        let mut client = self
            .connected(&certificate, &format!("sanitizer.{tenant}"))
            .await;
        client.subscribe(&format!("sg/1/{tenant}/+/up/#")).await;
        client
    }

    /// A connection whose CONNECT was accepted.
    pub(crate) async fn connected(&self, certificate: &Certificate, client_id: &str) -> Client {
        let mut client = self.dial(certificate).await;
        assert_eq!(
            client.connect(&Connect::new(client_id)).await,
            Some(0),
            "{client_id}"
        );
        client
    }

    /// A TLS connection on which nothing was said.
    pub(crate) async fn dial(&self, certificate: &Certificate) -> Client {
        Client::dial(self.addr(), self.authority.client(Some(certificate)))
            .await
            .unwrap()
    }

    /// What CONNECT is answered with; none when the connection is closed without an answer.
    pub(crate) async fn connect_code(
        &self,
        certificate: &Certificate,
        connect: &Connect,
    ) -> Option<u8> {
        self.dial(certificate).await.connect(connect).await
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        self.context.tasks.soft().cancel();
        self.context.tasks.hard().cancel();
    }
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for T {}

/// A client that writes what it is told and reads whole packets.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
}

/// A packet from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) first: u8,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// Topic, packet id and payload of a PUBLISH.
    pub(crate) fn publish(&self) -> (String, Option<u16>, Vec<u8>) {
        assert_eq!(self.first & 0xf0, 0x30, "not a PUBLISH: {self:02x?}");
        let topic_bytes = usize::from(u16::from_be_bytes([self.body[0], self.body[1]]));
        let topic = String::from_utf8(self.body[2..2 + topic_bytes].to_vec()).unwrap();
        let rest = &self.body[2 + topic_bytes..];
        match self.first & 0x06 {
            0 => (topic, None, rest.to_vec()),
            _ => (
                topic,
                Some(u16::from_be_bytes([rest[0], rest[1]])),
                rest[2..].to_vec(),
            ),
        }
    }
}

impl Client {
    pub(crate) async fn dial(
        addr: SocketAddr,
        config: Arc<rustls::ClientConfig>,
    ) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let stream = tokio_rustls::TlsConnector::from(config)
            .connect(name, stream)
            .await?;
        Ok(Self {
            stream: Box::new(stream),
        })
    }

    pub(crate) async fn plain(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: Box::new(stream),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // The broker may have closed already; what follows then sees the end.
        if self.stream.write_all(bytes).await.is_ok() {
            let _ = self.stream.flush().await;
        }
    }

    /// Says that nothing more will be sent: close_notify, and FIN.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Whatever bytes come before the connection is closed.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = self.stream.read_to_end(&mut bytes);
        let ended = tokio::time::timeout(SOON, read).await;
        // Closed without a close_notify is closed as well.
        let _ = ended.expect("the end within the time-out");
        bytes
    }

    /// The next packet; none when the connection is closed.
    pub(crate) async fn receive(&mut self) -> Option<Received> {
        tokio::time::timeout(SOON, self.read())
            .await
            .expect("a packet or the end within the time-out")
    }

    async fn read(&mut self) -> Option<Received> {
        let first = self.stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = self.stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Received { first, body })
    }

    /// The next PUBLISH, acknowledged.
    pub(crate) async fn message(&mut self) -> (String, Vec<u8>) {
        let (topic, id, payload) = self.receive().await.expect("a message").publish();
        if let Some(id) = id {
            self.send(&packets::puback(id)).await;
        }
        (topic, payload)
    }

    /// The next PUBLISH that is not about presence, acknowledged.
    pub(crate) async fn data(&mut self) -> (String, Vec<u8>) {
        loop {
            let message = self.message().await;
            if !message.0.ends_with("/up/presence") {
                return message;
            }
        }
    }

    /// Nothing comes for a while, and the connection stays open.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(QUIET, self.read()).await.is_err()
    }

    /// The broker closes without sending anything more but, perhaps, what was under way.
    pub(crate) async fn is_closed(&mut self) -> bool {
        while self.receive().await.is_some() {}
        true
    }

    /// Sends CONNECT and gives the code of the CONNACK.
    pub(crate) async fn connect(&mut self, connect: &Connect) -> Option<u8> {
        self.send(&connect.encode()).await;
        let answer = self.receive().await?;
        assert_eq!(
            (answer.first, answer.body.len()),
            (0x20, 2),
            "not a CONNACK: {answer:02x?}"
        );
        assert_eq!(answer.body[0], 0, "a session that was present");
        Some(answer.body[1])
    }

    /// Subscribes with QoS 1 and expects it to be granted.
    pub(crate) async fn subscribe(&mut self, filter: &str) {
        assert_eq!(self.subscribe_code(filter, 1).await, Some(1), "{filter}");
    }

    /// What a SUBSCRIBE is answered with; none when the connection is closed.
    pub(crate) async fn subscribe_code(&mut self, filter: &str, qos: u8) -> Option<u8> {
        self.send(&packets::subscribe(7, &[(filter, qos)])).await;
        let answer = self.answer(0x90).await?;
        assert_eq!(&answer.body[..2], [0, 7]);
        Some(answer.body[2])
    }

    /// Publishes with QoS 1; true when it was acknowledged, false when the connection was closed.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8]) -> bool {
        self.send(&Publish::new(topic, payload).encode()).await;
        self.answer(0x40).await.is_some()
    }

    /// The next packet of a kind, messages in between skipped.
    pub(crate) async fn answer(&mut self, first: u8) -> Option<Received> {
        loop {
            let packet = self.receive().await?;
            if packet.first == first {
                return Some(packet);
            }
            assert_eq!(packet.first & 0xf0, 0x30, "unexpected: {packet:02x?}");
            if let (_, Some(id), _) = packet.publish() {
                self.send(&packets::puback(id)).await;
            }
        }
    }

    /// A round trip, after which everything sent before was dealt with.
    pub(crate) async fn ping(&mut self) -> bool {
        self.send(&[0xc0, 0]).await;
        self.answer(0xd0).await.is_some()
    }
}

impl Client {
    /// Nothing but presence comes for a while.
    pub(crate) async fn is_quiet_but_for_presence(&mut self) -> bool {
        while let Ok(packet) = tokio::time::timeout(QUIET, self.read()).await {
            match packet {
                Some(packet) if packet.publish().0.ends_with("/up/presence") => {}
                _ => return false,
            }
        }
        true
    }
}
