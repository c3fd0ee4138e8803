//! Enrolment on the second hop: who asks for a certificate, and what the provisioner answers.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::content::need;
use super::{Flat, RecordError};
use crate::envelope::{Admission, Crl, Verdict};
use crate::hex;
use crate::ids::{Address, SatelliteId, TenantId};
use crate::limits::{
    CERTIFICATE_BYTES_MAX, CRL_BYTES_MAX, PUBLIC_KEY_BYTES, RETRY_S_MAX, ROOTS_BYTES_MAX,
    SERIAL_BYTES_MAX, SIGNATURE_BYTES_MAX, TOKEN_ID_DIGITS,
};
use crate::request_id::RequestId;

/// Somebody asks for a certificate. Of the signing request nothing is left but the public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment<'a> {
    /// Ties the admission to the request.
    pub id: RequestId,
    /// The P-256 public key to certify: an uncompressed point.
    pub public_key: [u8; PUBLIC_KEY_BYTES],
    /// By what right.
    pub claim: Claim<'a>,
    /// The address that the enrolment door saw.
    pub peer: Option<Cow<'a, str>>,
}

/// By what right a certificate is asked for. Nothing of it is proven yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim<'a> {
    /// With a join token.
    Join {
        /// The token's id: 16 lower-case hexadecimal digits.
        token: Cow<'a, str>,
        /// Proof of its secret.
        proof: [u8; 32],
    },
    /// With the certificate in use.
    Renew {
        /// Its serial number, 1 to 20 bytes.
        serial: Vec<u8>,
        /// Signature (ASN.1) by its key.
        signature: Vec<u8>,
    },
}

impl<'a> Enrolment<'a> {
    pub(super) fn of(flat: &mut Flat<'a>) -> Result<Self, RecordError> {
        let public_key = need(flat.public_key.take(), "public_key")?;
        let claim = match need(flat.request.take(), "request")?.as_ref() {
            "join" => {
                let token = need(flat.token.take(), "token")?;
                if !hex::is_digits(&token, TOKEN_ID_DIGITS) {
                    return Err(RecordError::Spelling("token"));
                }
                let proof = exact(&need(flat.proof.take(), "proof")?, "proof")?;
                Claim::Join { token, proof }
            }
            "renew" => {
                let serial = need(flat.serial.take(), "serial")?;
                let signature = need(flat.signature.take(), "signature")?;
                Claim::Renew {
                    serial: bounded(&serial, SERIAL_BYTES_MAX, "serial")?,
                    signature: bounded(&signature, SIGNATURE_BYTES_MAX, "signature")?,
                }
            }
            _ => return Err(RecordError::Spelling("request")),
        };
        // What belongs to the other claim was not taken above.
        if flat.token.is_some()
            || flat.proof.is_some()
            || flat.serial.is_some()
            || flat.signature.is_some()
        {
            return Err(RecordError::Spelling("request"));
        }
        Ok(Self {
            id: need(flat.id, "id")?,
            public_key: exact(&public_key, "public_key")?,
            claim,
            peer: flat.peer.take().map(address).transpose()?,
        })
    }
}

/// An address in its one spelling: operators read it in lists.
fn address(text: Cow<'_, str>) -> Result<Cow<'_, str>, RecordError> {
    match text.parse::<IpAddr>() {
        Ok(address) if address.to_string() == *text => Ok(text),
        _ => Err(RecordError::Spelling("peer")),
    }
}

fn exact<const N: usize>(text: &str, name: &'static str) -> Result<[u8; N], RecordError> {
    hex::decode(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(RecordError::Spelling(name))
}

fn bounded(text: &str, most: usize, name: &'static str) -> Result<Vec<u8>, RecordError> {
    hex::decode(text)
        .filter(|bytes| (1..=most).contains(&bytes.len()))
        .ok_or(RecordError::Spelling(name))
}

/// `POST /v1/admissions`: what the provisioner decided; at most
/// [`ADMISSIONS_MAX`](crate::limits::ADMISSIONS_MAX) of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmissionsBody {
    /// The answers.
    pub admissions: Vec<AdmissionBody>,
}

/// One answer of the provisioner, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase", deny_unknown_fields)]
pub enum AdmissionBody {
    /// A certificate.
    Issued {
        /// The tenant whose topic the request came on.
        tenant: TenantId,
        /// The satellite whose topic the request came on.
        satellite: SatelliteId,
        /// The request.
        id: RequestId,
        /// The certificate in DER, as base64.
        certificate: String,
        /// The fabric's roots in PEM.
        roots: String,
        /// The authority's signature over request, certificate and roots, in hexadecimal digits.
        signature: String,
    },
    /// Somebody has to approve it first.
    Pending {
        /// The tenant whose topic the request came on.
        tenant: TenantId,
        /// The satellite whose topic the request came on.
        satellite: SatelliteId,
        /// The request.
        id: RequestId,
        /// When to ask again, in seconds.
        retry_s: u32,
    },
    /// No.
    Refused {
        /// The tenant whose topic the request came on.
        tenant: TenantId,
        /// The satellite whose topic the request came on.
        satellite: SatelliteId,
        /// The request.
        id: RequestId,
    },
}

/// A member of an answer that the wire cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member} is not what belongs there: {allowed}")]
pub struct BodyError {
    /// The member's name.
    pub member: &'static str,
    /// What may stand there.
    pub allowed: String,
}

impl AdmissionBody {
    /// The answer to the request of `address`, as the second hop writes it.
    pub fn new(address: Address, admission: &Admission) -> Self {
        let Address { tenant, satellite } = address;
        let id = admission.id;
        match &admission.verdict {
            Verdict::Issued {
                certificate,
                roots,
                signature,
            } => Self::Issued {
                tenant,
                satellite,
                id,
                certificate: STANDARD.encode(certificate),
                roots: String::from_utf8_lossy(roots).into_owned(),
                signature: hex::encode(signature),
            },
            Verdict::Pending { retry_s } => Self::Pending {
                tenant,
                satellite,
                id,
                retry_s: *retry_s,
            },
            Verdict::Refused => Self::Refused {
                tenant,
                satellite,
                id,
            },
        }
    }

    /// Whose request is answered.
    pub fn address(&self) -> Address {
        match self {
            Self::Issued {
                tenant, satellite, ..
            }
            | Self::Pending {
                tenant, satellite, ..
            }
            | Self::Refused {
                tenant, satellite, ..
            } => Address::new(tenant.clone(), satellite.clone()),
        }
    }

    /// The envelope that carries the answer.
    ///
    /// # Errors
    /// Names the member that is misspelt or too long.
    pub fn admission(&self) -> Result<Admission, BodyError> {
        let (id, verdict) = match self {
            Self::Issued {
                id,
                certificate,
                roots,
                signature,
                ..
            } => {
                let issued = Verdict::Issued {
                    certificate: base64(certificate, CERTIFICATE_BYTES_MAX, "certificate")?,
                    roots: text(roots, ROOTS_BYTES_MAX, "roots")?,
                    signature: digits(signature, SIGNATURE_BYTES_MAX, "signature")?,
                };
                (*id, issued)
            }
            Self::Pending { id, retry_s, .. } => {
                if *retry_s > RETRY_S_MAX {
                    return Err(BodyError {
                        member: "retry_s",
                        allowed: format!("at most {RETRY_S_MAX} seconds"),
                    });
                }
                (*id, Verdict::Pending { retry_s: *retry_s })
            }
            Self::Refused { id, .. } => (*id, Verdict::Refused),
        };
        Ok(Admission { id, verdict })
    }
}

/// `PUT /v1/crl`: the list of revoked certificates that the broker shall enforce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrlBody {
    /// The list in DER, as base64.
    pub crl: String,
}

impl CrlBody {
    /// The body that carries `der`.
    pub fn new(der: &[u8]) -> Self {
        Self {
            crl: STANDARD.encode(der),
        }
    }

    /// The envelope that carries the list.
    ///
    /// # Errors
    /// Not base64, empty or too long.
    pub fn envelope(&self) -> Result<Crl, BodyError> {
        Ok(Crl {
            der: base64(&self.crl, CRL_BYTES_MAX, "crl")?,
        })
    }
}

pub(super) fn base64(encoded: &str, most: usize, member: &'static str) -> Result<Bytes, BodyError> {
    let bytes = STANDARD.decode(encoded).ok();
    bytes
        .filter(|bytes| (1..=most).contains(&bytes.len()))
        .map(Bytes::from)
        .ok_or_else(|| BodyError {
            member,
            allowed: format!("1 to {most} bytes as base64"),
        })
}

fn text(plain: &str, most: usize, member: &'static str) -> Result<Bytes, BodyError> {
    if (1..=most).contains(&plain.len()) {
        Ok(Bytes::copy_from_slice(plain.as_bytes()))
    } else {
        Err(BodyError {
            member,
            allowed: format!("1 to {most} bytes of text"),
        })
    }
}

pub(super) fn digits(text: &str, most: usize, member: &'static str) -> Result<Bytes, BodyError> {
    hex::decode(text)
        .filter(|bytes| (1..=most).contains(&bytes.len()))
        .map(Bytes::from)
        .ok_or_else(|| BodyError {
            member,
            allowed: format!("1 to {most} bytes in hexadecimal digits"),
        })
}
