//! A lean MQTT client: one connection, whole packets, no queues of its own.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Identity;

/// Bytes read at once.
const READ_BYTES: usize = 65_536;
/// Seconds; nothing here is silent for so long.
const KEEP_ALIVE_S: u16 = 300;

/// A connection that the server has let in.
pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    buffer: BytesMut,
}

/// What came from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// A message; its QoS 1 id, and its payload.
    Publish(Option<u16>, Bytes),
    /// A PUBACK.
    Puback,
    /// Anything else; the first byte.
    Other(u8),
}

impl Client {
    /// Connects, with TLS and CONNECT.
    pub(crate) async fn connect(addr: SocketAddr, identity: &Identity) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(addr).await.context("connect")?;
        stream.set_nodelay(true).context("set TCP_NODELAY")?;
        let name = ServerName::try_from("localhost").context("name the server")?;
        let stream = TlsConnector::from(std::sync::Arc::clone(&identity.tls))
            .connect(name, stream)
            .await
            .context("shake hands")?;
        let mut client = Self {
            stream,
            buffer: BytesMut::new(),
        };
        let mut body = BytesMut::new();
        body.put_slice(b"\x00\x04MQTT\x04\x02");
        body.put_u16(KEEP_ALIVE_S);
        put_text(&identity.id, &mut body)?;
        client.send(&framed(0x10, &body)).await?;
        client.expect(0x20).await?;
        Ok(client)
    }

    /// Subscribes with QoS 1.
    pub(crate) async fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        let mut body = BytesMut::new();
        body.put_u16(1);
        put_text(filter, &mut body)?;
        body.put_u8(1);
        self.send(&framed(0x82, &body)).await?;
        self.expect(0x90).await
    }

    /// Writes bytes and flushes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).await.context("write")?;
        self.stream.flush().await.context("flush")
    }

    /// Waits for bytes; they are then taken with [`Client::next_now`]. Dropping the future loses nothing.
    pub(crate) async fn fill(&mut self) -> anyhow::Result<()> {
        self.buffer.reserve(READ_BYTES);
        let read = self.stream.read_buf(&mut self.buffer).await;
        ensure!(
            read.context("read")? > 0,
            "the server closed the connection"
        );
        Ok(())
    }

    /// The next whole packet that has been read.
    pub(crate) fn next_now(&mut self) -> anyhow::Result<Option<Packet>> {
        let mut length = 0_usize;
        for (index, byte) in self.buffer.iter().skip(1).take(4).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let total = index + 2 + length;
                if self.buffer.len() < total {
                    return Ok(None);
                }
                let mut packet = self.buffer.split_to(total).freeze();
                let first = packet.get_u8();
                packet.advance(index + 1);
                return read(first, packet).map(Some);
            }
        }
        Ok(None)
    }

    /// The next packet.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Packet> {
        loop {
            if let Some(packet) = self.next_now()? {
                return Ok(packet);
            }
            self.fill().await?;
        }
    }

    /// The payload of the next message that has one of this length, acknowledged; others, which are about presence, are
    /// acknowledged and passed over.
    pub(crate) async fn message(&mut self, bytes: usize) -> anyhow::Result<Bytes> {
        loop {
            if let Packet::Publish(id, payload) = self.next().await? {
                if let Some(id) = id {
                    self.send(&puback(id)).await?;
                }
                if payload.len() == bytes {
                    return Ok(payload);
                }
            }
        }
    }

    async fn expect(&mut self, first: u8) -> anyhow::Result<()> {
        loop {
            match self.next().await? {
                Packet::Other(other) if other == first => return Ok(()),
                Packet::Publish(Some(id), _) => self.send(&puback(id)).await?,
                other => bail!("expected packet type {first:#x}, not {other:?}"),
            }
        }
    }
}

fn read(first: u8, mut body: Bytes) -> anyhow::Result<Packet> {
    Ok(match first & 0xf0 {
        0x30 => {
            let topic = usize::from(body.try_get_u16().context("read a topic's length")?);
            ensure!(body.len() >= topic, "a topic is longer than its packet");
            body.advance(topic);
            let id = match first & 0x06 {
                0 => None,
                _ => Some(body.try_get_u16().context("read a packet id")?),
            };
            Packet::Publish(id, body)
        }
        0x40 => Packet::Puback,
        0x20 => {
            ensure!(body.last() == Some(&0), "CONNECT was refused: {body:?}");
            Packet::Other(first)
        }
        0x90 => {
            ensure!(body.last() == Some(&1), "SUBSCRIBE was refused: {body:?}");
            Packet::Other(first)
        }
        _ => Packet::Other(first),
    })
}

/// A PUBACK.
pub(crate) fn puback(id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [0x40, 2, high, low]
}

/// A PUBLISH with QoS 1.
pub(crate) fn publish(topic: &str, id: u16, payload: &[u8]) -> anyhow::Result<Bytes> {
    let mut body = BytesMut::new();
    put_text(topic, &mut body)?;
    body.put_u16(id);
    body.put_slice(payload);
    Ok(framed(0x32, &body))
}

fn framed(first: u8, body: &[u8]) -> Bytes {
    let mut packet = BytesMut::with_capacity(body.len() + 5);
    packet.put_u8(first);
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        packet.put_u8(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    packet.put_slice(body);
    packet.freeze()
}

fn put_text(text: &str, out: &mut BytesMut) -> anyhow::Result<()> {
    out.put_u16(u16::try_from(text.len()).context("a text is too long")?);
    out.put_slice(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_read_as_it_was_written() {
        let packet = publish("a/b", 7, &[9; 300]).unwrap();
        assert_eq!(packet.len(), 1 + 2 + 5 + 2 + 300);
        let body = packet.slice(3..);
        let read = read(packet[0], body).unwrap();
        assert_eq!(read, Packet::Publish(Some(7), Bytes::from(vec![9; 300])));
        assert_eq!(
            super::read(0x40, Bytes::from_static(&[0, 7])).unwrap(),
            Packet::Puback
        );
        assert!(super::read(0x20, Bytes::from_static(&[0, 5])).is_err());
    }
}
