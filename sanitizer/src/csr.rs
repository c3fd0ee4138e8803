//! Certificate signing requests, read in a worker: PKCS #10 (RFC 2986) for an ECDSA P-256 key, in strict DER.
//!
//! One thing comes out, the public key. Subject, attributes and whatever they ask for are walked over to see that they
//! are well formed, and never looked at.

mod der;

use std::fmt;

use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use spokegate_contract::limits::{CSR_BYTES_MAX, PUBLIC_KEY_BYTES};

use der::{Input, Malformed, tag};

/// `id-ecPublicKey`, RFC 5480 §2.1.1.
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `secp256r1`, RFC 5480 §2.1.1.1.
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// `ecdsa-with-SHA256`, RFC 5758 §3.2.
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// First byte of an uncompressed point, SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 4;

/// Why a signing request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsrRule {
    /// Not the DER of a signing request.
    Der,
    /// Another key than an uncompressed P-256 point.
    Key,
    /// Another signature algorithm than ECDSA with SHA-256.
    Algorithm,
    /// The signature is not by the key that is in the request.
    Signature,
}

impl fmt::Display for CsrRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CsrRule::Der => "csr:der",
            CsrRule::Key => "csr:key",
            CsrRule::Algorithm => "csr:algorithm",
            CsrRule::Signature => "csr:signature",
        })
    }
}

impl From<Malformed> for CsrRule {
    fn from(_: Malformed) -> CsrRule {
        CsrRule::Der
    }
}

/// The public key of a signing request that its own key has signed.
///
/// # Errors
/// With the rule that it breaks.
pub fn public_key(request: &[u8]) -> Result<[u8; PUBLIC_KEY_BYTES], CsrRule> {
    if request.len() > CSR_BYTES_MAX {
        return Err(CsrRule::Der);
    }
    let mut whole = Input::new(request);
    let mut outer = whole.nested(tag::SEQUENCE)?;
    whole.finish()?;

    let (signed, info) = outer.nested_with_head(tag::SEQUENCE)?;
    let algorithm = outer.nested(tag::SEQUENCE)?;
    let signature = outer.bit_string()?;
    outer.finish()?;

    let point = read_info(info)?;
    read_algorithm(algorithm)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(signed, signature)
        .map_err(|_| CsrRule::Signature)?;
    Ok(point)
}

/// `CertificationRequestInfo`.
fn read_info(mut info: Input<'_>) -> Result<[u8; PUBLIC_KEY_BYTES], CsrRule> {
    if info.primitive(tag::INTEGER)? != [0] {
        return Err(CsrRule::Der);
    }
    info.nested(tag::SEQUENCE)?.walk()?;
    let key = info.nested(tag::SEQUENCE)?;
    info.nested(tag::ATTRIBUTES)?.walk()?;
    info.finish()?;
    read_key(key)
}

/// `SubjectPublicKeyInfo`.
fn read_key(mut key: Input<'_>) -> Result<[u8; PUBLIC_KEY_BYTES], CsrRule> {
    let mut algorithm = key.nested(tag::SEQUENCE)?;
    let point = key.bit_string()?;
    key.finish()?;
    if algorithm.primitive(tag::OBJECT_IDENTIFIER)? != EC_PUBLIC_KEY {
        return Err(CsrRule::Key);
    }
    // Explicit curve parameters are a sequence here, and a way to name a curve of one's own.
    if algorithm.primitive(tag::OBJECT_IDENTIFIER) != Ok(P256) {
        return Err(CsrRule::Key);
    }
    algorithm.finish()?;
    <[u8; PUBLIC_KEY_BYTES]>::try_from(point)
        .ok()
        .filter(|point| point.first() == Some(&UNCOMPRESSED))
        .ok_or(CsrRule::Key)
}

fn read_algorithm(mut algorithm: Input<'_>) -> Result<(), CsrRule> {
    if algorithm.primitive(tag::OBJECT_IDENTIFIER)? != ECDSA_WITH_SHA256 {
        return Err(CsrRule::Algorithm);
    }
    // RFC 5758 §3.2: without parameters, not even NULL.
    algorithm.finish().map_err(|_| CsrRule::Algorithm)
}

/// Panics unless what is accepted has the form that the centre relies on.
#[doc(hidden)]
pub fn assert_key_or_refusal(request: &[u8]) {
    if let Ok(point) = public_key(request) {
        assert_eq!(point.first(), Some(&UNCOMPRESSED));
        let found = request.windows(PUBLIC_KEY_BYTES).any(|part| part == point);
        assert!(found, "a key that does not stand in the request");
    }
}

#[cfg(test)]
mod tests;
