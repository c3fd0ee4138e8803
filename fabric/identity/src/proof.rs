//! The byte formats by which enrolment and the sanitizer's audit are proven, in one place for all who make or check one.
//!
//! | what | bytes | made with | verified with |
//! |---|---|---|---|
//! | join proof | HMAC-SHA256 over `spokegate join v1\0`, public key | [`JoinProofKey`]: SHA-256 of the token's secret | the same, from the registry |
//! | renewal | `spokegate renew v1\0`, request id, new public key | the current certificate's key | the current certificate |
//! | admission | `spokegate admission v1\0`, request id, SHA-256 of the certificate, SHA-256 of the roots | the fabric authority's key | the pinned or stored root |
//! | command | `spokegate command v1\0`, request id, SHA-256 of the satellite's address, SHA-256 of the verb, number and end (8 bytes each, highest first), SHA-256 of the arguments | the fabric authority's key | the stored root |
//! | audit root | `spokegate audit root v1\0`, number and time (8 bytes each, highest first), hash | the sanitizer's audit key | its public key, as the centre was told |
//!
//! What a release of the agent is signed over stands in [`crate::release`]. Signatures are ECDSA P-256 over SHA-256 in ASN.1. Every format begins with a text of its own that
//! ends in a zero byte, and all its fields have fixed lengths, so that no message of one kind can
//! pass for one of another.

use std::fmt;

use ring::{digest, hmac};
use spokegate_contract::{Address, RequestId, Verb};
use zeroize::Zeroizing;

use crate::{JoinSecret, KeyError, PublicKey, SigningKey};

const JOIN: &[u8] = b"spokegate join v1\0";
const RENEW: &[u8] = b"spokegate renew v1\0";
const ADMISSION: &[u8] = b"spokegate admission v1\0";
const COMMAND: &[u8] = b"spokegate command v1\0";
const AUDIT_ROOT: &[u8] = b"spokegate audit root v1\0";
/// Bytes of a join proof and of the key that it is made with.
pub const JOIN_PROOF_BYTES: usize = 32;

/// A proof that does not hold. Says no more: what was expected is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold")]
pub struct Mismatch;

/// SHA-256 of a join token's secret: what the registry stores, so that it does not hold the secret.
/// `Debug` shows `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinProofKey(Zeroizing<[u8; JOIN_PROOF_BYTES]>);

impl JoinProofKey {
    /// The key of a token's secret.
    pub fn of(secret: &JoinSecret) -> Self {
        Self(Zeroizing::new(sha256(secret.expose())))
    }

    /// A key as the registry stored it.
    pub fn from_bytes(bytes: [u8; JOIN_PROOF_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key's bytes, for the registry.
    pub fn expose(&self) -> &[u8; JOIN_PROOF_BYTES] {
        &self.0
    }
}

impl fmt::Debug for JoinProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What shows that a public key comes from the holder of a join token.
pub fn join(key: &JoinProofKey, public_key: &PublicKey) -> [u8; JOIN_PROOF_BYTES] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let tag = hmac::sign(&key, &join_message(public_key));
    tag.as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
}

/// Checks a join proof, in the same time wherever it differs.
pub fn verify_join(
    key: &JoinProofKey,
    public_key: &PublicKey,
    proof: &[u8],
) -> Result<(), Mismatch> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    hmac::verify(&key, &join_message(public_key), proof).map_err(|_| Mismatch)
}

/// The signature by which the holder of the current certificate asks for one of a new key.
pub fn renewal(
    current: &SigningKey,
    id: &RequestId,
    new_key: &PublicKey,
) -> Result<Vec<u8>, KeyError> {
    current.sign(&renewal_message(id, new_key))
}

/// Checks a renewal's signature with the key of the current certificate.
pub fn verify_renewal(
    current: &PublicKey,
    id: &RequestId,
    new_key: &PublicKey,
    signature: &[u8],
) -> Result<(), Mismatch> {
    held(current.verifies(&renewal_message(id, new_key), signature))
}

/// The signature by which the fabric's authority answers a request: over the certificate (DER) and
/// the roots (PEM) that the satellite is to trust from now on.
pub fn admission(
    authority: &SigningKey,
    id: &RequestId,
    certificate: &[u8],
    roots: &[u8],
) -> Result<Vec<u8>, KeyError> {
    authority.sign(&admission_message(id, certificate, roots))
}

/// Checks an admission's signature with the key of the root that is trusted already.
pub fn verify_admission(
    authority: &PublicKey,
    id: &RequestId,
    (certificate, roots): (&[u8], &[u8]),
    signature: &[u8],
) -> Result<(), Mismatch> {
    held(authority.verifies(&admission_message(id, certificate, roots), signature))
}

/// The bytes of an admission that are signed, for a signer that holds the authority's key.
pub fn admission_message(id: &RequestId, certificate: &[u8], roots: &[u8]) -> Vec<u8> {
    let (certificate, roots) = (sha256(certificate), sha256(roots));
    [ADMISSION, id.as_bytes(), &certificate, &roots].concat()
}

/// What a command's signature is over.
#[derive(Clone, Copy, Debug)]
pub struct CommandClaim<'a> {
    /// Who is to do it.
    pub address: &'a Address,
    /// What.
    pub verb: Verb,
    /// Ties the result to the command.
    pub id: &'a RequestId,
    /// The command's place among those to this satellite.
    pub number: u64,
    /// Not to be begun after this: unix time in milliseconds.
    pub expires_ms: u64,
    /// The encoded arguments.
    pub args: &'a [u8],
}

/// The bytes of a command that are signed, for a signer that holds the authority's key.
pub fn command_message(claim: &CommandClaim<'_>) -> Vec<u8> {
    let address = sha256(claim.address.to_string().as_bytes());
    let verb = sha256(claim.verb.as_str().as_bytes());
    [
        COMMAND,
        claim.id.as_bytes(),
        &address,
        &verb,
        &claim.number.to_be_bytes(),
        &claim.expires_ms.to_be_bytes(),
        &sha256(claim.args),
    ]
    .concat()
}

/// The signature by which the fabric's authority orders something.
pub fn command(authority: &SigningKey, claim: &CommandClaim<'_>) -> Result<Vec<u8>, KeyError> {
    authority.sign(&command_message(claim))
}

/// Checks a command's signature with the key of the root that is trusted already.
pub fn verify_command(
    authority: &PublicKey,
    claim: &CommandClaim<'_>,
    signature: &[u8],
) -> Result<(), Mismatch> {
    held(authority.verifies(&command_message(claim), signature))
}

/// The end of an audit: the last entry's number, when it was signed, and the chain's hash up to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditEnd {
    /// The last entry's number.
    pub sequence: u64,
    /// Unix time in milliseconds.
    pub at_ms: u64,
    /// The chain's hash up to there.
    pub hash: [u8; 32],
}

/// Signs the end of an audit.
pub fn audit_root(key: &SigningKey, end: &AuditEnd) -> Result<Vec<u8>, KeyError> {
    key.sign(&audit_message(end))
}

/// Checks the signature of an audit's end.
pub fn verify_audit_root(
    key: &PublicKey,
    end: &AuditEnd,
    signature: &[u8],
) -> Result<(), Mismatch> {
    held(key.verifies(&audit_message(end), signature))
}

fn audit_message(end: &AuditEnd) -> Vec<u8> {
    [
        AUDIT_ROOT,
        &end.sequence.to_be_bytes(),
        &end.at_ms.to_be_bytes(),
        &end.hash,
    ]
    .concat()
}

fn join_message(public_key: &PublicKey) -> Vec<u8> {
    [JOIN, public_key.as_bytes()].concat()
}

fn renewal_message(id: &RequestId, new_key: &PublicKey) -> Vec<u8> {
    [RENEW, id.as_bytes(), new_key.as_bytes()].concat()
}

fn held(holds: bool) -> Result<(), Mismatch> {
    if holds { Ok(()) } else { Err(Mismatch) }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests;
