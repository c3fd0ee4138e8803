//! Joining without a door: the two files that an operator carries.
//!
//! The agent writes an [`OfflineRequest`] (JSON; no secret in it), the centre answers with an
//! [`OfflineBundle`], sealed for the request. What the bundle says is believed only after its
//! admission signature was verified with the pinned root, which stands in its roots.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use spokegate_contract::limits::SIGNATURE_BYTES_MAX;
use spokegate_contract::{RequestId, hex};

use crate::proof::{self, Mismatch};
use crate::sealed::{self, OpeningKey, Recipient, SealedError};
use crate::{KeyError, Pin, PublicKey, SigningKey};

const OFFLINE: &[u8] = b"spokegate offline v1\0";
/// Largest request file.
pub const REQUEST_BYTES_MAX: usize = 4_096;

/// Why an offline file is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfflineError {
    /// Not the JSON of this format, or too long.
    #[error("it is no offline file of this version, hint: carry the file as it was written")]
    Form,
    /// The request's signature is not by the key that it names.
    #[error("the request's signature does not hold, hint: the file was altered")]
    RequestSignature,
    /// Sealed for another request, or altered.
    #[error("the bundle is for another request, or it was altered")]
    Sealed,
    /// The bundle answers another request than the one of this directory.
    #[error("the bundle answers another request")]
    OtherRequest,
    /// The pinned root is not among the bundle's roots.
    #[error(
        "the pinned root is not among the bundle's roots, hint: compare the pin with `spokegate ca show`"
    )]
    Pin,
    /// The bundle is not signed by the pinned root's key.
    #[error("the bundle is not signed by the pinned root")]
    Signature,
    /// The system has no randomness to give.
    #[error("no randomness for a signature")]
    Randomness,
}

/// What a satellite without a door asks for: a certificate for `public_key`, sealed for `seal_key`.
/// The signature shows that whoever asks has the private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfflineRequest {
    /// The format's version: 1.
    version: u8,
    /// Ties the bundle to this request.
    pub id: RequestId,
    /// The new key.
    pub public_key: PublicKey,
    /// For whom the bundle is sealed.
    pub seal_key: Recipient,
    /// By the new key, ASN.1 in hex, over `spokegate offline v1\0`, id, public key and seal key.
    signature: String,
}

impl OfflineRequest {
    /// A request of a new id.
    pub fn new(key: &SigningKey, seal_key: Recipient) -> Result<Self, KeyError> {
        let (id, public_key) = (RequestId::random(), key.public_key());
        let signature = key.sign(&message(&id, &public_key, &seal_key))?;
        Ok(Self {
            version: 1,
            id,
            public_key,
            seal_key,
            signature: hex::encode(&signature),
        })
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("ids and hex are JSON") + "\n"
    }

    /// Reads a request and verifies its signature.
    pub fn from_json(json: &[u8]) -> Result<Self, OfflineError> {
        if json.len() > REQUEST_BYTES_MAX {
            return Err(OfflineError::Form);
        }
        let request: Self = serde_json::from_slice(json).map_err(|_| OfflineError::Form)?;
        let signature = hex::decode_up_to(&request.signature, SIGNATURE_BYTES_MAX);
        let (1, Some(signature)) = (request.version, signature) else {
            return Err(OfflineError::Form);
        };
        let message = message(&request.id, &request.public_key, &request.seal_key);
        if request.public_key.verifies(&message, &signature) {
            Ok(request)
        } else {
            Err(OfflineError::RequestSignature)
        }
    }
}

/// What the centre answers an [`OfflineRequest`] with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineBundle {
    /// The request that it answers.
    pub id: RequestId,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// The roots to trust, PEM.
    pub roots: String,
    /// The admission signature of [`proof::admission`] over id, certificate and roots.
    pub signature: Vec<u8>,
    /// The broker's `host:port`, when the operator named it.
    pub broker: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleFile {
    version: u8,
    id: RequestId,
    certificate: String,
    roots: String,
    signature: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<String>,
}

impl OfflineBundle {
    /// The sealed file, which only the agent that made the request can open.
    pub fn seal(&self, request: &OfflineRequest) -> Result<Vec<u8>, SealedError> {
        let file = BundleFile {
            version: 1,
            id: self.id,
            certificate: STANDARD.encode(&self.certificate),
            roots: self.roots.clone(),
            signature: hex::encode(&self.signature),
            broker: self.broker.clone(),
        };
        let json = serde_json::to_vec(&file).expect("text is JSON");
        sealed::seal(&request.seal_key, &json)
    }

    /// Opens a bundle and verifies all of it: that it answers this request, that the pinned root is
    /// among its roots, and that this root's key signed it.
    pub fn open(
        sealed: &[u8],
        key: &OpeningKey,
        id: &RequestId,
        pin: &Pin,
    ) -> Result<Self, OfflineError> {
        let json = key.open(sealed).map_err(|_| OfflineError::Sealed)?;
        let bundle = Self::read(&json).ok_or(OfflineError::Form)?;
        if bundle.id != *id {
            return Err(OfflineError::OtherRequest);
        }
        let roots = CertificateDer::pem_slice_iter(bundle.roots.as_bytes());
        let roots: Result<Vec<_>, _> = roots.collect();
        let roots = roots.map_err(|_| OfflineError::Form)?;
        let root = pin.find(&roots).ok_or(OfflineError::Pin)?;
        let authority = PublicKey::of_certificate(root).map_err(|_| OfflineError::Pin)?;
        bundle
            .verify(&authority)
            .map_err(|Mismatch| OfflineError::Signature)?;
        Ok(bundle)
    }

    fn verify(&self, authority: &PublicKey) -> Result<(), Mismatch> {
        let what = (self.certificate.as_slice(), self.roots.as_bytes());
        proof::verify_admission(authority, &self.id, what, &self.signature)
    }

    fn read(json: &[u8]) -> Option<Self> {
        let file: BundleFile = serde_json::from_slice(json).ok()?;
        let signature = hex::decode_up_to(&file.signature, SIGNATURE_BYTES_MAX)?;
        let certificate = STANDARD.decode(&file.certificate).ok()?;
        (file.version == 1).then_some(Self {
            id: file.id,
            certificate,
            roots: file.roots,
            signature,
            broker: file.broker,
        })
    }
}

fn message(id: &RequestId, public_key: &PublicKey, seal_key: &Recipient) -> Vec<u8> {
    [
        OFFLINE,
        id.as_bytes(),
        public_key.as_bytes(),
        seal_key.as_bytes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
