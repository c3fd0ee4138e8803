//! What we say to a client.

use bytes::{BufMut, BytesMut};

use super::Qos;

/// The answer to a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectCode {
    /// Come in.
    Accepted,
    /// Not MQTT 3.1.1.
    Version,
    /// Not the client id of this certificate.
    Identifier,
    /// No room, or the tenant's router cannot be reached.
    Unavailable,
    /// Anything else that policy refuses.
    NotAuthorized,
}

impl ConnectCode {
    /// The return code of the wire (MQTT 3.1.1 §3.2.2.3).
    pub fn code(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Version => 1,
            Self::Identifier => 2,
            Self::Unavailable => 3,
            Self::NotAuthorized => 5,
        }
    }
}

/// CONNACK; a session is never present, since all are clean.
pub fn connack(code: ConnectCode) -> [u8; 4] {
    [0x20, 2, 0, code.code()]
}

/// PUBACK.
pub fn puback(packet_id: u16) -> [u8; 4] {
    let [high, low] = packet_id.to_be_bytes();
    [0x40, 2, high, low]
}

/// PUBREC: a message with QoS 2 has arrived.
pub fn pubrec(packet_id: u16) -> [u8; 4] {
    let [high, low] = packet_id.to_be_bytes();
    [0x50, 2, high, low]
}

/// PUBCOMP: its id is free again.
pub fn pubcomp(packet_id: u16) -> [u8; 4] {
    let [high, low] = packet_id.to_be_bytes();
    [0x70, 2, high, low]
}

/// PINGRESP.
pub fn pingresp() -> [u8; 2] {
    [0xd0, 0]
}

/// SUBACK: what was granted per filter, `None` for a refusal.
pub fn suback(packet_id: u16, granted: &[Option<Qos>], out: &mut BytesMut) {
    out.put_u8(0x90);
    put_length(2 + granted.len(), out);
    out.put_u16(packet_id);
    out.extend(granted.iter().map(|qos| qos.map_or(0x80, Qos::bits)));
}

/// UNSUBACK.
pub fn unsuback(packet_id: u16) -> [u8; 4] {
    let [high, low] = packet_id.to_be_bytes();
    [0xb0, 2, high, low]
}

/// Everything of an outgoing PUBLISH but its payload.
#[derive(Debug, Clone, Copy)]
pub struct PublishHead<'a> {
    /// Topic name.
    pub topic: &'a [u8],
    /// Packet id with QoS 1, none with QoS 0.
    pub packet_id: Option<u16>,
    /// The retain flag.
    pub retain: bool,
}

impl PublishHead<'_> {
    /// Appends the whole packet.
    pub fn put(&self, payload: &[u8], out: &mut BytesMut) {
        let id_bytes = if self.packet_id.is_some() { 2 } else { 0 };
        let remaining = 2 + self.topic.len() + id_bytes + payload.len();
        out.reserve(5 + remaining);
        let qos_bit = if self.packet_id.is_some() { 0x02 } else { 0 };
        out.put_u8(0x30 | qos_bit | u8::from(self.retain));
        put_length(remaining, out);
        out.put_u16(
            u16::try_from(self.topic.len()).expect("a topic was read with a length of 16 bits"),
        );
        out.put_slice(self.topic);
        if let Some(id) = self.packet_id {
            out.put_u16(id);
        }
        out.put_slice(payload);
    }
}

fn put_length(mut length: usize, out: &mut BytesMut) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        out.put_u8(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}
