//! Envelopes of enrolment: asking for a certificate, the answer, and the list of revoked ones.
//!
//! The signing request is a byte string like any body: only the sanitizer's worker reads it.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use bytes::Bytes;

use super::{Envelope, EnvelopeError, begin, decode, read_id, write_id};
use crate::cbor::{MapReader, ReadError, Reader, Writer};
use crate::hex;
use crate::limits::{
    CERTIFICATE_BYTES_MAX, CRL_BYTES_MAX, CSR_BYTES_MAX, PEER_TEXT_BYTES_MAX, RETRY_S_MAX,
    ROOTS_BYTES_MAX, SERIAL_BYTES_MAX, SIGNATURE_BYTES_MAX, TOKEN_ID_DIGITS,
};
use crate::request_id::RequestId;

/// `up/enrol`: asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// Ties the admission to the request.
    pub id: RequestId,
    /// A signing request in DER (PKCS #10), of which the public key alone counts.
    pub csr: Bytes,
    /// By what right.
    pub request: EnrolRequest,
    /// The address that the enrolment door saw, in the one spelling that [`IpAddr`] has; from the door only.
    pub peer: Option<String>,
}

/// By what right a certificate is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolRequest {
    /// With a join token.
    Join {
        /// The token's id: 16 lower-case hexadecimal digits.
        token: String,
        /// Proof of the token's secret over the public key.
        proof: [u8; 32],
    },
    /// With the certificate in use.
    Renew {
        /// Its serial number, 1 to 20 bytes.
        serial: Bytes,
        /// ECDSA P-256 signature (ASN.1) by its key over the request and the new public key.
        signature: Bytes,
    },
}

impl Envelope for Enrol {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.csr.len().saturating_add(256));
        let keys = if self.peer.is_some() { 6 } else { 5 };
        let mut writer = begin(&mut out, keys);
        write_id(&mut writer, self.id);
        writer.text("csr");
        writer.bytes(&self.csr);
        writer.text("kind");
        match &self.request {
            EnrolRequest::Join { token, proof } => {
                writer.text("join");
                write_peer(&mut writer, self.peer.as_deref());
                writer.text("proof");
                writer.bytes(proof);
                writer.text("token");
                writer.text(token);
            }
            EnrolRequest::Renew { serial, signature } => {
                writer.text("renew");
                write_peer(&mut writer, self.peer.as_deref());
                writer.text("serial");
                writer.bytes(serial);
                writer.text("signature");
                writer.bytes(signature);
            }
        }
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let id = read_id(map)?;
            let csr = read_bytes(map.required("csr")?, 1..=CSR_BYTES_MAX)?;
            let kind = map.required("kind")?.text(8)?;
            let peer = read_peer(map)?;
            let request = match kind.as_str() {
                "join" => read_join(map)?,
                "renew" => EnrolRequest::Renew {
                    serial: read_bytes(map.required("serial")?, 1..=SERIAL_BYTES_MAX)?,
                    signature: read_bytes(map.required("signature")?, 1..=SIGNATURE_BYTES_MAX)?,
                },
                _ => return Err(ReadError::Value.into()),
            };
            Ok(Self {
                id,
                csr,
                request,
                peer,
            })
        })
    }
}

fn read_join(map: &mut MapReader<'_>) -> Result<EnrolRequest, ReadError> {
    let proof = map.required("proof")?.bytes(32)?;
    let proof = <[u8; 32]>::try_from(proof.as_ref()).map_err(|_| ReadError::Value)?;
    let token = map.required("token")?.text(TOKEN_ID_DIGITS)?;
    if !hex::is_digits(&token, TOKEN_ID_DIGITS) {
        return Err(ReadError::Value);
    }
    Ok(EnrolRequest::Join { token, proof })
}

fn write_peer(writer: &mut Writer<'_>, peer: Option<&str>) {
    if let Some(peer) = peer {
        writer.text("peer");
        writer.text(peer);
    }
}

fn read_peer(map: &mut MapReader<'_>) -> Result<Option<String>, ReadError> {
    let Some(reader) = map.optional("peer")? else {
        return Ok(None);
    };
    let peer = reader.text(PEER_TEXT_BYTES_MAX)?;
    let address: IpAddr = peer.parse().map_err(|_| ReadError::Value)?;
    if address.to_string() == peer {
        Ok(Some(peer))
    } else {
        Err(ReadError::Value)
    }
}

fn read_bytes(reader: &mut Reader, length: RangeInclusive<usize>) -> Result<Bytes, ReadError> {
    let bytes = reader.bytes(*length.end())?;
    if length.contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(ReadError::Value)
    }
}

/// `down/admission`: the answer to an [`Enrol`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The request.
    pub id: RequestId,
    /// What was decided.
    pub verdict: Verdict,
}

/// What the centre decided about a request for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A certificate.
    Issued {
        /// In DER.
        certificate: Bytes,
        /// The fabric's roots in PEM.
        roots: Bytes,
        /// ECDSA P-256 signature (ASN.1) by the fabric's authority over request, certificate and roots.
        signature: Bytes,
    },
    /// Somebody has to approve it first: ask again.
    Pending {
        /// After so many seconds.
        retry_s: u32,
    },
    /// No. Why is in the centre's audit.
    Refused,
}

impl Envelope for Admission {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match &self.verdict {
            Verdict::Issued {
                certificate,
                roots,
                signature,
            } => {
                let mut writer = begin(&mut out, 5);
                write_id(&mut writer, self.id);
                writer.text("roots");
                writer.bytes(roots);
                writer.text("verdict");
                writer.text("issued");
                writer.text("signature");
                writer.bytes(signature);
                writer.text("certificate");
                writer.bytes(certificate);
            }
            Verdict::Pending { retry_s } => {
                let mut writer = begin(&mut out, 3);
                write_id(&mut writer, self.id);
                writer.text("retry_s");
                writer.unsigned((*retry_s).into());
                writer.text("verdict");
                writer.text("pending");
            }
            Verdict::Refused => {
                let mut writer = begin(&mut out, 2);
                write_id(&mut writer, self.id);
                writer.text("verdict");
                writer.text("refused");
            }
        }
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            let id = read_id(map)?;
            let verdict = read_verdict(map)?;
            Ok(Self { id, verdict })
        })
    }
}

fn read_verdict(map: &mut MapReader<'_>) -> Result<Verdict, ReadError> {
    let roots = match map.optional("roots")? {
        Some(reader) => Some(read_bytes(reader, 1..=ROOTS_BYTES_MAX)?),
        None => None,
    };
    let retry_s = match map.optional("retry_s")? {
        Some(reader) => Some(reader.unsigned(RETRY_S_MAX.into())?),
        None => None,
    };
    let verdict = map.required("verdict")?.text(8)?;
    match (verdict.as_str(), roots, retry_s) {
        ("issued", Some(roots), None) => Ok(Verdict::Issued {
            roots,
            signature: read_bytes(map.required("signature")?, 1..=SIGNATURE_BYTES_MAX)?,
            certificate: read_bytes(map.required("certificate")?, 1..=CERTIFICATE_BYTES_MAX)?,
        }),
        ("pending", None, Some(retry_s)) => Ok(Verdict::Pending {
            retry_s: u32::try_from(retry_s).map_err(|_| ReadError::Limit)?,
        }),
        ("refused", None, None) => Ok(Verdict::Refused),
        _ => Err(ReadError::Value),
    }
}

/// `down/crl`: the list of revoked certificates, for the enrolment door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crl {
    /// A revocation list in DER (RFC 5280 §5), signed by the fabric's authority.
    pub der: Bytes,
}

impl Envelope for Crl {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.der.len().saturating_add(32));
        let mut writer = begin(&mut out, 1);
        writer.text("der");
        writer.bytes(&self.der);
        out
    }

    fn decode(payload: &Bytes) -> Result<Self, EnvelopeError> {
        decode(payload, |map| {
            Ok(Self {
                der: read_bytes(map.required("der")?, 1..=CRL_BYTES_MAX)?,
            })
        })
    }
}
