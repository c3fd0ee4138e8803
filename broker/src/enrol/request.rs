//! What the door is asked: strict JSON, pure. Whether it is true is not judged here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use spokegate_contract::envelope::EnrolRequest;
use spokegate_contract::limits::{
    CSR_BYTES_MAX, SERIAL_BYTES_MAX, SIGNATURE_BYTES_MAX, TOKEN_ID_DIGITS,
};
use spokegate_contract::{RequestId, hex};

/// Bytes of a request's body.
pub(super) const BODY_BYTES_MAX: usize = 8_192;

/// A request that has the right form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// Chosen by the agent when it signs, by us otherwise.
    pub(super) id: RequestId,
    pub(super) csr: Bytes,
    pub(super) request: EnrolRequest,
}

/// No request of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinBody {
    token: String,
    proof: String,
    csr: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenewBody {
    serial: String,
    signature: String,
    id: RequestId,
    csr: String,
}

/// Reads the body of `POST /v1/enrol`.
pub(super) fn join(body: &[u8]) -> Result<Asked, Malformed> {
    let body: JoinBody = serde_json::from_slice(body).map_err(|_| Malformed)?;
    // The id itself is opaque here; its spelling is fixed.
    if !hex::is_digits(&body.token, TOKEN_ID_DIGITS) {
        return Err(Malformed);
    }
    Ok(Asked {
        id: RequestId::random(),
        csr: csr(&body.csr)?,
        request: EnrolRequest::Join {
            token: body.token,
            proof: hex::decode_array(&body.proof).ok_or(Malformed)?,
        },
    })
}

/// Reads the body of `POST /v1/renew`.
pub(super) fn renew(body: &[u8]) -> Result<Asked, Malformed> {
    let body: RenewBody = serde_json::from_slice(body).map_err(|_| Malformed)?;
    Ok(Asked {
        id: body.id,
        csr: csr(&body.csr)?,
        request: EnrolRequest::Renew {
            serial: bytes(&body.serial, SERIAL_BYTES_MAX)?,
            signature: bytes(&body.signature, SIGNATURE_BYTES_MAX)?,
        },
    })
}

fn csr(text: &str) -> Result<Bytes, Malformed> {
    let csr = STANDARD.decode(text).map_err(|_| Malformed)?;
    if (1..=CSR_BYTES_MAX).contains(&csr.len()) {
        Ok(csr.into())
    } else {
        Err(Malformed)
    }
}

/// 1 to `bytes_max` bytes in lower-case hexadecimal digits.
fn bytes(text: &str, bytes_max: usize) -> Result<Bytes, Malformed> {
    let bytes = hex::decode_up_to(text, bytes_max).filter(|bytes| !bytes.is_empty());
    bytes.map(Bytes::from).ok_or(Malformed)
}

#[cfg(test)]
mod tests;
