//! The CONNECT packet.

use bytes::Bytes;

use super::field::{byte, field, short, text};
use super::{Connect, DecodeError, Qos, Will};

/// Reads the body of a CONNECT.
pub(super) fn read(body: &mut Bytes) -> Result<Connect, DecodeError> {
    let name = text(body)?;
    if name != "MQTT" && name != "MQIsdp" {
        return Err(DecodeError::Protocol);
    }
    let level = byte(body)?;
    if level != 4 || name != "MQTT" {
        // The rest of another version's packet has another form; the level alone decides what is answered.
        body.clear();
        let level = if name == "MQTT" { level } else { 3 };
        return Ok(Connect {
            level,
            client_id: String::new(),
            keep_alive_s: 0,
            clean_session: false,
            will: None,
            credentials: false,
        });
    }
    let flags = byte(body)?;
    let (has_will, has_user, has_password) =
        (flags & 0x04 != 0, flags & 0x80 != 0, flags & 0x40 != 0);
    let reserved = flags & 0x01 != 0;
    let stray_will = !has_will && flags & 0x38 != 0;
    if reserved || stray_will || (has_password && !has_user) {
        return Err(DecodeError::ConnectFlags);
    }
    let keep_alive_s = short(body)?;
    let client_id = text(body)?;
    let will = if has_will {
        let topic = text(body)?;
        let payload = field(body)?;
        let qos = Qos::from_bits((flags >> 3) & 3).ok_or(DecodeError::Qos)?;
        Some(Will {
            topic,
            payload,
            qos,
            retain: flags & 0x20 != 0,
        })
    } else {
        None
    };
    if has_user {
        text(body)?;
    }
    if has_password {
        field(body)?;
    }
    let clean_session = flags & 0x02 != 0;
    Ok(Connect {
        level,
        client_id,
        keep_alive_s,
        clean_session,
        will,
        credentials: has_user,
    })
}
