//! MQTT 3.1.1 as a client may speak it to us, read strictly and under limits; and what we say back.
//!
//! A packet's type, flags and announced length are judged from its first bytes, before anything is buffered.

mod connect;
mod decode;
mod encode;
mod field;

use bytes::Bytes;

pub use decode::{DecodeError, Decoder, Limits};
pub use encode::{
    ConnectCode, PublishHead, connack, pingresp, puback, pubcomp, pubrec, suback, unsuback,
};

/// Quality of service as a client may name it; what is granted is the policy's matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// At most once.
    AtMostOnce,
    /// At least once.
    AtLeastOnce,
    /// Exactly once; taken by the open listener only, and granted nowhere.
    ExactlyOnce,
}

impl Qos {
    /// The two bits of the wire.
    pub fn bits(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }

    /// Reads the two bits; 3 is malformed.
    pub fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// A message a client leaves behind for the case that its connection breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Where it would be published.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
    /// With which quality of service.
    pub qos: Qos,
    /// Whether it would be retained.
    pub retain: bool,
}

/// The first packet of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// 4 is MQTT 3.1.1.
    pub level: u8,
    /// Who the client says it is; may be empty.
    pub client_id: String,
    /// Seconds between two packets; 0 switches it off.
    pub keep_alive_s: u16,
    /// Whether an earlier session is to be forgotten.
    pub clean_session: bool,
    /// The will, if any.
    pub will: Option<Will>,
    /// Whether a user name or a password came along; they are skipped, never kept.
    pub credentials: bool,
}

/// A message from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Topic name as sent.
    pub topic: String,
    /// Packet id; 0 with QoS 0.
    pub packet_id: u16,
    /// Quality of service.
    pub qos: Qos,
    /// The retain flag.
    pub retain: bool,
    /// The body.
    pub payload: Bytes,
}

/// A packet that a client may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT.
    Connect(Connect),
    /// PUBLISH.
    Publish(Publish),
    /// PUBACK.
    Puback(u16),
    /// PUBREL: the sender of a message with QoS 2 has seen that it arrived.
    Pubrel(u16),
    /// SUBSCRIBE.
    Subscribe {
        /// Packet id.
        packet_id: u16,
        /// Filters with the wished quality of service; never empty.
        filters: Vec<(String, Qos)>,
    },
    /// UNSUBSCRIBE.
    Unsubscribe {
        /// Packet id.
        packet_id: u16,
        /// Filters; never empty.
        filters: Vec<String>,
    },
    /// PINGREQ.
    Pingreq,
    /// DISCONNECT.
    Disconnect,
}

/// Reads all packets at the front of `bytes`, as a connection would, and checks what must hold whatever they are: the
/// entry of the fuzz target and of the test that replays its corpus.
///
/// # Panics
/// When the decoder breaks its own rules.
pub fn digest(bytes: &[u8]) -> (usize, Result<(), DecodeError>) {
    let (more, _) = digest_under(Limits::OPEN, bytes);
    let (packets, end) = digest_under(Limits::WIRE, bytes);
    assert!(packets <= more, "the open listener takes what others take");
    (packets, end)
}

fn digest_under(limits: Limits, bytes: &[u8]) -> (usize, Result<(), DecodeError>) {
    let decoder = Decoder::new(limits);
    let mut buffer = bytes::BytesMut::from(bytes);
    let mut packets = 0;
    loop {
        let before = buffer.len();
        match decoder.next(&mut buffer) {
            Ok(Some(_)) => {
                assert!(buffer.len() < before, "a packet takes its bytes away");
                packets += 1;
            }
            Ok(None) => {
                assert_eq!(buffer.len(), before, "a wait takes nothing away");
                let most = 2 * (bytes.len() + limits.publish_bytes);
                assert!(
                    buffer.capacity() <= most,
                    "no more room than a packet needs"
                );
                return (packets, Ok(()));
            }
            Err(error) => return (packets, Err(error)),
        }
    }
}

#[cfg(test)]
mod tests;
