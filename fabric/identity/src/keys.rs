//! The keys of satellites and of the fabric's authority: ECDSA on P-256.

use std::fmt;

use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use spokegate_contract::hex;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::{FromDer, X509Certificate};

/// An uncompressed point: 0x04, then 32 bytes each of X and Y.
const POINT_BYTES: usize = 65;
const UNCOMPRESSED: u8 = 4;

/// A public key as it stands in a certificate: an uncompressed P-256 point of 65 bytes. Written as
/// 130 lower-case hexadecimal digits. Whether the point lies on the curve shows when a signature
/// is verified with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; POINT_BYTES]);

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 65 bytes that begin with 4.
    #[error("a public key is an uncompressed P-256 point: 65 bytes, the first of them 4")]
    Point,
    /// Not one certificate in DER, or one whose key is of another kind.
    #[error("the certificate's key is no ECDSA P-256 key")]
    Certificate,
    /// Not one PKCS#8 private key of the right kind.
    #[error("the private key is no ECDSA P-256 key in PKCS#8")]
    Private,
    /// The system has no randomness to give.
    #[error("no randomness for a signature")]
    Randomness,
}

impl PublicKey {
    /// A key of its 65 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let point: [u8; POINT_BYTES] = bytes.try_into().map_err(|_| KeyError::Point)?;
        if point[0] == UNCOMPRESSED {
            Ok(Self(point))
        } else {
            Err(KeyError::Point)
        }
    }

    /// The key that a certificate is about; the certificate itself is not verified.
    pub fn of_certificate(der: &[u8]) -> Result<Self, KeyError> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| KeyError::Certificate)?;
        let key = certificate.public_key();
        let curve = key.algorithm.parameters.as_ref();
        let is_p256 = key.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY
            && curve.and_then(|curve| curve.as_oid().ok()) == Some(OID_EC_P256);
        if is_p256 && rest.is_empty() {
            Self::from_bytes(&key.subject_public_key.data).map_err(|_| KeyError::Certificate)
        } else {
            Err(KeyError::Certificate)
        }
    }

    /// The 65 bytes.
    pub fn as_bytes(&self) -> &[u8; POINT_BYTES] {
        &self.0
    }

    /// SHA-256 of the 65 bytes in hexadecimal digits: what people compare.
    pub fn fingerprint(&self) -> String {
        hex::encode(digest::digest(&digest::SHA256, &self.0).as_ref())
    }

    /// True when `signature` (ASN.1, SHA-256) over `message` was made with the private key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0)
            .verify(message, signature)
            .is_ok()
    }
}

impl std::str::FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let point: [u8; POINT_BYTES] = hex::decode_array(text).ok_or(KeyError::Point)?;
        Self::from_bytes(&point)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A private key, for the three signatures of [`crate::proof`]. `Debug` shows the public half.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// A key from PKCS#8 in DER, as rcgen and OpenSSL write it.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random)
            .map(|pair| Self { pair, random })
            .map_err(|_| KeyError::Private)
    }

    /// A key from PKCS#8 in PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let Ok(PrivateKeyDer::Pkcs8(der)) = PrivateKeyDer::from_pem_slice(pem.as_bytes()) else {
            return Err(KeyError::Private);
        };
        Self::from_pkcs8(der.secret_pkcs8_der())
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.pair.public_key().as_ref())
            .expect("ring's P-256 public keys are uncompressed points")
    }

    /// A signature over `message`: ASN.1, SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&self.random, message);
        signature
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| KeyError::Randomness)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("public_key", &self.public_key())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    #[test]
    fn a_certificate_and_its_private_key_have_one_public_key() {
        let pair = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        let key = PublicKey::of_certificate(certificate.der()).unwrap();
        assert_eq!(key.as_bytes().as_slice(), pair.public_key_raw());
        let private = SigningKey::from_pem(&pair.serialize_pem()).unwrap();
        assert_eq!(private.public_key(), key);
        assert_eq!(
            SigningKey::from_pkcs8(&pair.serialize_der())
                .unwrap()
                .public_key(),
            key
        );
        assert_eq!(key.to_string().parse(), Ok(key));
        let shown = format!("{private:?}");
        assert_eq!(shown, format!("SigningKey {{ public_key: {key}, .. }}"));
    }

    #[test]
    fn other_kinds_of_keys_are_refused() {
        for kind in [&PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let pair = rcgen::KeyPair::generate_for(kind).unwrap();
            let certificate = CertificateParams::default().self_signed(&pair).unwrap();
            let refused = PublicKey::of_certificate(certificate.der());
            assert_eq!(refused, Err(KeyError::Certificate));
            let refused = SigningKey::from_pem(&pair.serialize_pem()).err();
            assert_eq!(refused, Some(KeyError::Private));
        }
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        let pair = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        let mut longer = certificate.der().to_vec();
        longer.push(0);
        for der in [&longer[..], &longer[..80], b"", b"certificate"] {
            assert_eq!(PublicKey::of_certificate(der), Err(KeyError::Certificate));
        }
        let point = pair.public_key_raw();
        let compressed = [&[2], &point[1..]].concat();
        for bytes in [&compressed[..], &compressed[..33], &point[..64], b""] {
            assert_eq!(PublicKey::from_bytes(bytes), Err(KeyError::Point));
        }
        let upper = hex::encode(point).to_uppercase();
        assert_eq!(upper.parse::<PublicKey>(), Err(KeyError::Point));
        for text in ["", "-----BEGIN PRIVATE KEY-----", &certificate.pem()] {
            assert_eq!(SigningKey::from_pem(text).err(), Some(KeyError::Private));
        }
    }

    #[test]
    fn a_point_off_the_curve_verifies_nothing() {
        let pair = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let private = SigningKey::from_pkcs8(&pair.serialize_der()).unwrap();
        let signature = private.sign(b"message").unwrap();
        assert!(private.public_key().verifies(b"message", &signature));
        let mut point = *private.public_key().as_bytes();
        point[64] ^= 1;
        let off = PublicKey::from_bytes(&point).unwrap();
        assert!(!off.verifies(b"message", &signature));
    }
}
