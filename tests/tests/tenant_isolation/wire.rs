//! A client that writes any bytes over real TLS: what a polite MQTT library refuses to send is just what attacks are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Longest wait for an answer that must come: a broker on a busy machine may think for a while.
const SOON: Duration = Duration::from_secs(60);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection. Messages that come while something else is awaited are kept, and acknowledged.
pub(crate) struct Link {
    stream: Box<dyn Stream>,
    /// What has been read of a packet that is not complete.
    buffer: Vec<u8>,
    pub(crate) received: Vec<Message>,
    pub(crate) is_open: bool,
    packet_id: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// A CONNECT with every field open.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) protocol: &'static str,
    pub(crate) level: u8,
    pub(crate) flags: u8,
    pub(crate) keep_alive_s: u16,
    pub(crate) client_id: Vec<u8>,
    /// Fields after the client id, each with its length.
    pub(crate) fields: Vec<Vec<u8>>,
}

impl Connect {
    /// What a satellite sends.
    pub(crate) fn new(client_id: &str) -> Self {
        Self {
            protocol: "MQTT",
            level: 4,
            flags: 0x02,
            keep_alive_s: 30,
            client_id: client_id.as_bytes().to_vec(),
            fields: Vec::new(),
        }
    }

    /// With a will of QoS 1.
    pub(crate) fn will(mut self, topic: &str, payload: &[u8], retain: bool) -> Self {
        self.flags |= 0x0c | if retain { 0x20 } else { 0 };
        self.fields.push(topic.as_bytes().to_vec());
        self.fields.push(payload.to_vec());
        self
    }

    /// With a user name, and perhaps a password.
    pub(crate) fn credentials(mut self, user: &str, password: Option<&str>) -> Self {
        self.flags |= 0x80;
        self.fields.push(user.as_bytes().to_vec());
        if let Some(password) = password {
            self.flags |= 0x40;
            self.fields.push(password.as_bytes().to_vec());
        }
        self
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        field(self.protocol.as_bytes(), &mut body);
        body.extend([self.level, self.flags]);
        body.extend(self.keep_alive_s.to_be_bytes());
        if self.level == 5 {
            body.push(0);
        }
        field(&self.client_id, &mut body);
        for bytes in &self.fields {
            field(bytes, &mut body);
        }
        framed(0x10, &body)
    }
}

/// A PUBLISH with every field open.
#[derive(Debug, Clone)]
pub(crate) struct Publish {
    pub(crate) topic: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) payload: Vec<u8>,
}

impl Publish {
    /// With QoS 1.
    pub(crate) fn new(topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Self {
        Self {
            topic: topic.as_ref().to_vec(),
            qos: 1,
            retain: false,
            payload: payload.as_ref().to_vec(),
        }
    }
}

/// What CONNECT or SUBSCRIBE was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// CONNACK 0, or the QoS of a SUBACK.
    Yes(u8),
    /// Another code.
    No(u8),
    /// The end of the connection.
    Closed,
}

impl Link {
    pub(crate) async fn open(addr: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = tokio_rustls::TlsConnector::from(config).connect(name, stream);
        let stream = tokio::time::timeout(SOON, connecting).await??;
        Ok(Self::over(Box::new(stream)))
    }

    pub(crate) async fn open_plain(addr: SocketAddr) -> std::io::Result<Self> {
        Ok(Self::over(Box::new(TcpStream::connect(addr).await?)))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            received: Vec::new(),
            is_open: true,
            packet_id: 0,
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        // A broker that refuses a long packet does not read it to its end.
        if !matches!(tokio::time::timeout(SOON, writing).await, Ok(Ok(()))) {
            self.is_open = false;
        }
    }

    pub(crate) async fn connect(&mut self, connect: &Connect) -> Answer {
        self.send(&connect.encode()).await;
        match self.answer(0x20).await {
            Some(body) if body.get(1) == Some(&0) => Answer::Yes(0),
            Some(body) => Answer::No(body.get(1).copied().unwrap_or(255)),
            None => Answer::Closed,
        }
    }

    pub(crate) async fn subscribe(&mut self, filter: &[u8], qos: u8) -> Answer {
        match self.subscribe_all(&[(filter, qos)]).await.as_deref() {
            Some([code]) if *code < 0x80 => Answer::Yes(*code),
            Some(codes) => Answer::No(codes.first().copied().unwrap_or(255)),
            None => Answer::Closed,
        }
    }

    /// The codes of the SUBACK; none when the connection is closed.
    pub(crate) async fn subscribe_all(&mut self, filters: &[(&[u8], u8)]) -> Option<Vec<u8>> {
        let mut body = self.next_id().to_be_bytes().to_vec();
        for (filter, qos) in filters {
            field(filter, &mut body);
            body.push(*qos);
        }
        self.send(&framed(0x82, &body)).await;
        let answer = self.answer(0x90).await?;
        answer.get(2..).map(<[u8]>::to_vec)
    }

    /// Publishes and says whether the connection lives on; by then the broker has dealt with it.
    pub(crate) async fn publish(&mut self, publish: &Publish) -> bool {
        let mut body = Vec::new();
        field(&publish.topic, &mut body);
        if publish.qos > 0 {
            body.extend(self.next_id().to_be_bytes());
        }
        body.extend(&publish.payload);
        let first = 0x30 | publish.qos << 1 | u8::from(publish.retain);
        self.send(&framed(first, &body)).await;
        self.ping().await
    }

    /// Publishes with QoS 1; true once it is acknowledged.
    pub(crate) async fn deliver(&mut self, topic: &str, payload: &[u8]) -> bool {
        let mut body = Vec::new();
        field(topic.as_bytes(), &mut body);
        let id = self.next_id().to_be_bytes();
        body.extend(id);
        body.extend(payload);
        self.send(&framed(0x32, &body)).await;
        self.answer(0x40).await.is_some_and(|body| body == id)
    }

    /// A round trip.
    pub(crate) async fn ping(&mut self) -> bool {
        self.send(&[0xc0, 0]).await;
        self.answer(0xd0).await.is_some()
    }

    /// Ends the connection as MQTT asks for, so that no will is sent.
    pub(crate) async fn farewell(mut self) {
        self.send(&[0xe0, 0]).await;
        let _ = self.stream.shutdown().await;
    }

    /// Reads until a message with this payload has come; false when it does not.
    pub(crate) async fn until(&mut self, payload: &[u8]) -> bool {
        let end = Instant::now() + SOON;
        loop {
            if self
                .received
                .iter()
                .any(|message| message.payload == payload)
            {
                return true;
            }
            if !self.is_open || self.step(end).await.is_none() {
                return false;
            }
        }
    }

    /// Reads whatever comes for so long.
    pub(crate) async fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while self.is_open && self.step(end).await.is_some() {}
    }

    /// The body of the next packet of a kind; messages in between are kept. None when the connection ends.
    async fn answer(&mut self, first: u8) -> Option<Vec<u8>> {
        let end = Instant::now() + SOON;
        loop {
            let (kind, body) = self.step(end).await?;
            if kind == first {
                return Some(body);
            }
        }
    }

    /// The next packet before `end`; a message is also kept and acknowledged.
    async fn step(&mut self, end: Instant) -> Option<(u8, Vec<u8>)> {
        let (first, body) = loop {
            if let Some(packet) = self.take_packet() {
                break packet;
            }
            if !self.is_open {
                return None;
            }
            match tokio::time::timeout_at(end, self.stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(read)) if read > 0 => {}
                Ok(_) => self.is_open = false,
                Err(_) => return None,
            }
        };
        if first & 0xf0 == 0x30 {
            let (message, id) = read_message(first, &body)?;
            self.received.push(message);
            if let Some(id) = id {
                self.send(&framed(0x40, &id)).await;
            }
        }
        Some((first, body))
    }

    fn take_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = *self.buffer.first()?;
        let (mut length, mut at) = (0_usize, 1);
        loop {
            let byte = *self.buffer.get(at)?;
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if self.buffer.len() < at + length {
            return None;
        }
        let body = self.buffer[at..at + length].to_vec();
        self.buffer.drain(..at + length);
        Some((first, body))
    }

    fn next_id(&mut self) -> u16 {
        self.packet_id = self.packet_id % 60_000 + 1;
        self.packet_id
    }
}

fn read_message(first: u8, body: &[u8]) -> Option<(Message, Option<[u8; 2]>)> {
    let length = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
    let topic = String::from_utf8_lossy(body.get(2..2 + length)?).into_owned();
    let rest = body.get(2 + length..)?;
    let (id, payload) = match first & 0x06 {
        0 => (None, rest),
        _ => (Some([*rest.first()?, *rest.get(1)?]), rest.get(2..)?),
    };
    let payload = payload.to_vec();
    Some((Message { topic, payload }, id))
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

fn field(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend_from_slice(bytes);
}
