//! What the router carries: the wire's topic and payload behind a few bytes of ours, in one exact-size allocation.

use bytes::{Buf, Bytes};

use super::UP;
use crate::packet::Qos;

/// A message on its way through a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// For which consumer; 0 in the open cell.
    pub(crate) epoch: u32,
    /// Whether its bytes count against the consumer's window.
    pub(crate) windowed: bool,
    /// As published.
    pub(crate) qos: Qos,
    /// The wire's topic name.
    pub(crate) topic: &'a str,
    /// The body.
    pub(crate) payload: &'a [u8],
}

/// What a router's log counts for a message beyond the frame: four bytes and its own topic. With small messages that is
/// more than any margin.
const LOG_BYTES: usize = 4 + UP.len();

/// What an encoded frame takes of a window.
pub(crate) fn charge(frame: &[u8]) -> usize {
    frame.len() + LOG_BYTES
}

const HEAD_BYTES: usize = 7;
/// Beside the quality of service, which has the lowest two bits.
const WINDOWED: u8 = 0x80;

impl<'a> Frame<'a> {
    /// A copy of exactly the size it needs: a slice of the connection's read buffer would keep all of that alive for
    /// as long as the router keeps the message.
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.topic.len() + self.payload.len());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        let windowed = if self.windowed { WINDOWED } else { 0 };
        out.push(self.qos.bits() | windowed);
        let topic_bytes =
            u16::try_from(self.topic.len()).expect("a topic was read with a length of 16 bits");
        out.extend_from_slice(&topic_bytes.to_be_bytes());
        out.extend_from_slice(self.topic.as_bytes());
        out.extend_from_slice(self.payload);
        out.into()
    }

    /// Reads a frame back; `None` for bytes that [`Frame::encode`] did not write.
    pub(crate) fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let epoch = bytes.try_get_u32().ok()?;
        let bits = bytes.try_get_u8().ok()?;
        let qos = Qos::from_bits(bits & !WINDOWED)?;
        let topic_bytes = usize::from(bytes.try_get_u16().ok()?);
        let (topic, payload) = bytes.split_at_checked(topic_bytes)?;
        Some(Self {
            epoch,
            windowed: bits & WINDOWED != 0,
            qos,
            topic: std::str::from_utf8(topic).ok()?,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_round_trip_in_exactly_their_size(epoch: u32, windowed: bool, topic in "\\PC{0,40}", payload: Vec<u8>) {
            let frame = Frame { epoch, windowed, qos: Qos::AtLeastOnce, topic: &topic, payload: &payload };
            let bytes = frame.encode();
            prop_assert_eq!(bytes.len(), HEAD_BYTES + topic.len() + payload.len());
            prop_assert_eq!(Frame::decode(&bytes), Some(frame));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Frame::decode(&bytes);
        }
    }
}
