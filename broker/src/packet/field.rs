//! The pieces that packets are made of.

use bytes::{Buf, Bytes};

use super::DecodeError;

/// One byte.
pub(super) fn byte(body: &mut Bytes) -> Result<u8, DecodeError> {
    body.try_get_u8().map_err(|_| DecodeError::Short)
}

/// Two bytes, big-endian.
pub(super) fn short(body: &mut Bytes) -> Result<u16, DecodeError> {
    body.try_get_u16().map_err(|_| DecodeError::Short)
}

/// A packet id, which is never 0.
pub(super) fn packet_id(body: &mut Bytes) -> Result<u16, DecodeError> {
    match short(body)? {
        0 => Err(DecodeError::PacketId),
        id => Ok(id),
    }
}

/// Bytes behind their length.
pub(super) fn field(body: &mut Bytes) -> Result<Bytes, DecodeError> {
    let length = usize::from(short(body)?);
    if body.remaining() < length {
        Err(DecodeError::Short)
    } else {
        Ok(body.split_to(length))
    }
}

/// A string: UTF-8 without U+0000 (MQTT 3.1.1 §1.5.3).
pub(super) fn text(body: &mut Bytes) -> Result<String, DecodeError> {
    let bytes = field(body)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| DecodeError::Text)?;
    if text.contains('\0') {
        Err(DecodeError::Text)
    } else {
        Ok(text.to_owned())
    }
}
