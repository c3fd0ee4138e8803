//! A tenant's secret on its way to a satellite: sealed to the key of its certificate, so that it can be recorded, sent
//! and repeated by parts that may not know it. P-256, HKDF-SHA256, ChaCha20-Poly1305.
//!
//! ```text
//! "spokegate secret v1\0" (20) | ephemeral public key (65) | ciphertext | tag (16)
//! ```
//! Key (32) and nonce (12) are HKDF-SHA256 of the shared secret, with the ephemeral and the satellite's public key as salt
//! and the format's name as info; what precedes the ciphertext is authenticated, and after it the secret's place:
//! `tenant/satellite/NAME`. Every message has an ephemeral key of its own, so no key meets two messages. It hides; that the
//! centre sealed it says the signature of the command that carries it.

use p256::pkcs8::DecodePrivateKey as _;
use ring::aead::Aad;
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use spokegate_contract::limits::SECRET_BYTES_MAX;
use spokegate_contract::{Address, SecretName};
use zeroize::Zeroizing;

use crate::keys::PublicKey;
use crate::sealed::{TAG_BYTES, message_key};

const NAME: &[u8; 20] = b"spokegate secret v1\0";
const POINT_BYTES: usize = 65;
const HEADER_BYTES: usize = NAME.len() + POINT_BYTES;
/// Longest sealed secret.
pub const SEALED_SECRET_BYTES_MAX: usize = HEADER_BYTES + SECRET_BYTES_MAX + TAG_BYTES;

/// Why a secret is not sealed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The certificate's key is no point of the curve.
    #[error("the satellite's public key cannot be sealed to")]
    Key,
    /// The private key cannot be read.
    #[error("the satellite's private key is no ECDSA P-256 key in PKCS#8")]
    Private,
    /// Longer than [`SECRET_BYTES_MAX`].
    #[error("a secret has at most {SECRET_BYTES_MAX} bytes")]
    TooLong,
    /// Not sealed by this format, for another key or place, or altered.
    #[error("it is sealed to another key or for another name, or it was altered")]
    Unopened,
}

/// Seals a secret of at most [`SECRET_BYTES_MAX`] bytes to the key of a satellite's certificate.
pub fn seal(
    key: &PublicKey,
    address: &Address,
    name: &SecretName,
    plain: &[u8],
) -> Result<Vec<u8>, SecretError> {
    if plain.len() > SECRET_BYTES_MAX {
        return Err(SecretError::TooLong);
    }
    let random = SystemRandom::new();
    let ephemeral = EphemeralPrivateKey::generate(&ECDH_P256, &random)
        .expect("the kernel's random source answers after boot");
    let point = ephemeral
        .compute_public_key()
        .expect("a generated key has a public half");
    let salt = [point.as_ref(), key.as_bytes()].concat();
    let theirs = UnparsedPublicKey::new(&ECDH_P256, key.as_bytes());
    let (key, nonce) = agree_ephemeral(ephemeral, &theirs, |shared| {
        message_key(shared, &salt, NAME)
    })
    .map_err(|_| SecretError::Key)?;
    let header = [NAME.as_slice(), point.as_ref()].concat();
    let bound = bound(&header, address, name);
    let mut text = Zeroizing::new(plain.to_vec());
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(&bound), text.as_mut_slice())
        .expect("ChaCha20-Poly1305 takes texts of up to 256 GiB");
    Ok([header.as_slice(), text.as_slice(), tag.as_ref()].concat())
}

/// Opens what was sealed for this place to the public half of this key, PKCS#8 in PEM.
pub fn open(
    private_pem: &str,
    address: &Address,
    name: &SecretName,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let Ok(PrivateKeyDer::Pkcs8(der)) = PrivateKeyDer::from_pem_slice(private_pem.as_bytes())
    else {
        return Err(SecretError::Private);
    };
    let private = p256::SecretKey::from_pkcs8_der(der.secret_pkcs8_der())
        .map_err(|_| SecretError::Private)?;
    let (header, rest) = sealed
        .split_at_checked(HEADER_BYTES)
        .ok_or(SecretError::Unopened)?;
    let (format, point) = header.split_at(NAME.len());
    if format != NAME || sealed.len() > SEALED_SECRET_BYTES_MAX {
        return Err(SecretError::Unopened);
    }
    let ephemeral = p256::PublicKey::from_sec1_bytes(point).map_err(|_| SecretError::Unopened)?;
    let shared = p256::ecdh::diffie_hellman(private.to_nonzero_scalar(), ephemeral.as_affine());
    let own = p256::elliptic_curve::sec1::ToSec1Point::to_sec1_point(&private.public_key(), false);
    let salt = [point, own.as_bytes()].concat();
    let (key, nonce) = message_key(shared.raw_secret_bytes(), &salt, NAME);
    let mut text = Zeroizing::new(rest.to_vec());
    let length = key
        .open_in_place(
            nonce,
            Aad::from(bound(header, address, name)),
            text.as_mut_slice(),
        )
        .map_err(|_| SecretError::Unopened)?
        .len();
    text.truncate(length);
    Ok(text)
}

fn bound(header: &[u8], address: &Address, name: &SecretName) -> Vec<u8> {
    let place = format!("{address}/{name}");
    [header, place.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
