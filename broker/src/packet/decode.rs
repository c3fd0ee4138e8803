//! Bytes to packets. Total: any input gives a packet, "more needed" or a typed error.

use bytes::{Buf, Bytes, BytesMut};

use super::field::{byte, packet_id, text};
use super::{Packet, Publish, Qos, connect};

/// Bytes that an announced length may have per kind of packet, and how many filters one packet may name.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Whole PUBLISH packet, header included.
    pub publish_bytes: usize,
    /// Whole CONNECT packet.
    pub connect_bytes: usize,
    /// Whole SUBSCRIBE or UNSUBSCRIBE packet.
    pub subscribe_bytes: usize,
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE.
    pub filters: usize,
    /// Whether PUBREL is a packet: it has a place only where messages with QoS 2 are taken.
    pub releases: bool,
}

impl Limits {
    /// What a listener of the fabric takes.
    pub const WIRE: Self = Self {
        publish_bytes: spokegate_contract::limits::PACKET_BYTES_MAX,
        connect_bytes: 2_048,
        subscribe_bytes: 4_096,
        filters: 8,
        releases: false,
    };

    /// What the open listener takes.
    pub const OPEN: Self = Self {
        releases: true,
        ..Self::WIRE
    };
}

/// Why bytes are no packet that a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A type that only a server sends, that belongs to QoS 2, or that is reserved.
    #[error("packet type {0} is not one that a client may send here")]
    Kind(u8),
    /// Reserved flag bits.
    #[error("flags {flags:#06b} are not allowed on packet type {kind}")]
    Flags {
        /// Packet type.
        kind: u8,
        /// Its flags.
        flags: u8,
    },
    /// The announced length does not end within four bytes.
    #[error("the remaining length does not end within four bytes")]
    LengthForm,
    /// The announced length is above the limit of its kind, or not the fixed length of its kind.
    #[error("packet type {kind} announces {length} bytes")]
    Length {
        /// Packet type.
        kind: u8,
        /// Announced remaining length.
        length: usize,
    },
    /// A field runs over the end of its packet.
    #[error("a field runs over the end of its packet")]
    Short,
    /// Bytes are left over after the last field.
    #[error("bytes are left over after the last field")]
    Trailing,
    /// A string is not UTF-8 or holds U+0000.
    #[error("a string is not valid")]
    Text,
    /// Packet id 0.
    #[error("packet id 0")]
    PacketId,
    /// CONNECT is not of the MQTT form.
    #[error("the protocol name is not MQTT")]
    Protocol,
    /// Connect flags contradict each other.
    #[error("the connect flags contradict each other")]
    ConnectFlags,
    /// QoS 3.
    #[error("quality of service 3")]
    Qos,
    /// A SUBSCRIBE or UNSUBSCRIBE with no filter or too many.
    #[error("no filters, or too many")]
    Filters,
}

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREL: u8 = 6;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const PINGREQ: u8 = 12;
const DISCONNECT: u8 = 14;

/// Cuts packets out of a growing buffer.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    limits: Limits,
}

struct Head {
    kind: u8,
    flags: u8,
    head_bytes: usize,
    body_bytes: usize,
}

impl Decoder {
    /// A decoder under these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Takes the next packet off the front of `buffer`.
    ///
    /// `Ok(None)` means that more bytes are needed; room for exactly the announced packet is then reserved, which
    /// happens only after its type and length were found allowed.
    pub fn next(&self, buffer: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        let Some(head) = self.head(buffer)? else {
            return Ok(None);
        };
        let total = head.head_bytes + head.body_bytes;
        if buffer.len() < total {
            buffer.reserve(total - buffer.len());
            return Ok(None);
        }
        let mut body = buffer.split_to(total).freeze();
        body.advance(head.head_bytes);
        self.body(&head, body).map(Some)
    }

    fn head(&self, bytes: &[u8]) -> Result<Option<Head>, DecodeError> {
        let Some(first) = bytes.first() else {
            return Ok(None);
        };
        let (kind, flags) = (first >> 4, first & 0x0f);
        let fixed_flags = match kind {
            PUBLISH => flags,
            SUBSCRIBE | UNSUBSCRIBE => 0b0010,
            PUBREL if self.limits.releases => 0b0010,
            CONNECT | PUBACK | PINGREQ | DISCONNECT => 0,
            _ => return Err(DecodeError::Kind(kind)),
        };
        if flags != fixed_flags {
            return Err(DecodeError::Flags { kind, flags });
        }
        let (mut length, mut head_bytes) = (0_usize, 1);
        for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * index);
            head_bytes += 1;
            if byte & 0x80 == 0 {
                return self.bounded(kind, flags, head_bytes, length).map(Some);
            }
        }
        if head_bytes == 5 {
            Err(DecodeError::LengthForm)
        } else {
            Ok(None)
        }
    }

    fn bounded(
        &self,
        kind: u8,
        flags: u8,
        head_bytes: usize,
        length: usize,
    ) -> Result<Head, DecodeError> {
        let total = head_bytes + length;
        let allowed = match kind {
            CONNECT => total <= self.limits.connect_bytes,
            PUBLISH => total <= self.limits.publish_bytes,
            SUBSCRIBE | UNSUBSCRIBE => total <= self.limits.subscribe_bytes,
            PUBACK | PUBREL => length == 2,
            _ => length == 0,
        };
        if allowed {
            Ok(Head {
                kind,
                flags,
                head_bytes,
                body_bytes: length,
            })
        } else {
            Err(DecodeError::Length { kind, length })
        }
    }

    fn body(&self, head: &Head, mut body: Bytes) -> Result<Packet, DecodeError> {
        let packet = match head.kind {
            CONNECT => Packet::Connect(connect::read(&mut body)?),
            PUBLISH => return publish(head.flags, body).map(Packet::Publish),
            PUBACK => Packet::Puback(packet_id(&mut body)?),
            PUBREL => Packet::Pubrel(packet_id(&mut body)?),
            SUBSCRIBE => self.subscribe(&mut body)?,
            UNSUBSCRIBE => self.unsubscribe(&mut body)?,
            PINGREQ => Packet::Pingreq,
            DISCONNECT => Packet::Disconnect,
            kind => return Err(DecodeError::Kind(kind)),
        };
        if body.has_remaining() {
            Err(DecodeError::Trailing)
        } else {
            Ok(packet)
        }
    }

    fn subscribe(&self, body: &mut Bytes) -> Result<Packet, DecodeError> {
        let packet_id = packet_id(body)?;
        let mut filters = Vec::new();
        while body.has_remaining() {
            let filter = text(body)?;
            let qos = Qos::from_bits(byte(body)?).ok_or(DecodeError::Qos)?;
            filters.push((filter, qos));
            self.count(filters.len())?;
        }
        self.count(filters.len())?;
        Ok(Packet::Subscribe { packet_id, filters })
    }

    fn unsubscribe(&self, body: &mut Bytes) -> Result<Packet, DecodeError> {
        let packet_id = packet_id(body)?;
        let mut filters = Vec::new();
        while body.has_remaining() {
            filters.push(text(body)?);
            self.count(filters.len())?;
        }
        self.count(filters.len())?;
        Ok(Packet::Unsubscribe { packet_id, filters })
    }

    fn count(&self, filters: usize) -> Result<(), DecodeError> {
        if (1..=self.limits.filters).contains(&filters) {
            Ok(())
        } else {
            Err(DecodeError::Filters)
        }
    }
}

fn publish(flags: u8, mut body: Bytes) -> Result<Publish, DecodeError> {
    let qos = Qos::from_bits((flags >> 1) & 3).ok_or(DecodeError::Qos)?;
    if qos == Qos::AtMostOnce && flags & 0x08 != 0 {
        return Err(DecodeError::Flags {
            kind: PUBLISH,
            flags,
        });
    }
    let topic = text(&mut body)?;
    let packet_id = if qos == Qos::AtMostOnce {
        0
    } else {
        packet_id(&mut body)?
    };
    Ok(Publish {
        topic,
        packet_id,
        qos,
        retain: flags & 1 != 0,
        payload: body,
    })
}
