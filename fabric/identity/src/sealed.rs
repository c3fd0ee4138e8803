//! A message that one key only can open: X25519, HKDF-SHA256, ChaCha20-Poly1305.
//!
//! ```text
//! "spokegate sealed v1\0" (20) | ephemeral public key (32) | ciphertext | tag (16)
//! ```
//! Key (32) and nonce (12) are HKDF-SHA256 of the shared secret, with the ephemeral and the
//! recipient's public key as salt and the format's name as info; what precedes the ciphertext is
//! authenticated. Every message has an ephemeral key of its own, so no key meets two messages.
//! It hides; it does not say who sealed it.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use spokegate_contract::hex;
use x25519_dalek::{PublicKey as Point, StaticSecret};
use zeroize::Zeroizing;

const NAME: &[u8; 20] = b"spokegate sealed v1\0";
const POINT_BYTES: usize = 32;
const HEADER_BYTES: usize = NAME.len() + POINT_BYTES;
pub(crate) const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// Longest text that is sealed.
pub const PLAIN_BYTES_MAX: usize = 262_144;
/// Longest sealed message.
pub const SEALED_BYTES_MAX: usize = HEADER_BYTES + PLAIN_BYTES_MAX + TAG_BYTES;

/// For whom a message is sealed: an X25519 public key, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipient([u8; POINT_BYTES]);

/// The private key that opens what was sealed for its recipient. Wiped on drop; `Debug` shows the
/// recipient.
pub struct OpeningKey(StaticSecret);

/// Why a message is not sealed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// A text that is no recipient.
    #[error("a recipient has 64 lower-case hexadecimal digits")]
    Recipient,
    /// The recipient's point would make a secret that everyone knows.
    #[error("the recipient is a weak point")]
    Weak,
    /// Longer than [`PLAIN_BYTES_MAX`].
    #[error("the text has more than {PLAIN_BYTES_MAX} bytes")]
    TooLong,
    /// Not sealed by this format, for another recipient, or altered.
    #[error("the sealed message is for another recipient, or it was altered")]
    Unopened,
}

/// Seals a text of at most [`PLAIN_BYTES_MAX`] bytes, with a new ephemeral key.
pub fn seal(recipient: &Recipient, plain: &[u8]) -> Result<Vec<u8>, SealedError> {
    seal_with(&OpeningKey::generate(), recipient, plain)
}

impl OpeningKey {
    /// A new key from the system's random source.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new()
            .fill(bytes.as_mut_slice())
            .expect("the kernel's random source answers after boot");
        Self(StaticSecret::from(*bytes))
    }

    /// A key from its stored form: 64 lower-case hexadecimal digits.
    pub fn from_stored(text: &str) -> Result<Self, SealedError> {
        let bytes = hex::decode_array(text).map(Zeroizing::new);
        let bytes = bytes.ok_or(SealedError::Recipient)?;
        Ok(Self(StaticSecret::from(*bytes)))
    }

    /// What [`OpeningKey::from_stored`] reads; a secret.
    pub fn to_stored(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_bytes()))
    }

    /// For whom to seal.
    pub fn recipient(&self) -> Recipient {
        Recipient(Point::from(&self.0).to_bytes())
    }

    /// Opens what was sealed for this key.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealedError> {
        let (header, rest) = sealed
            .split_at_checked(HEADER_BYTES)
            .ok_or(SealedError::Unopened)?;
        let (name, point) = header.split_at(NAME.len());
        if name != NAME || sealed.len() > SEALED_BYTES_MAX {
            return Err(SealedError::Unopened);
        }
        let ephemeral: [u8; POINT_BYTES] = point.try_into().map_err(|_| SealedError::Unopened)?;
        let salt = [point, &self.recipient().0].concat();
        let (key, nonce) =
            keys(&self.0, &Point::from(ephemeral), &salt).ok_or(SealedError::Unopened)?;
        let mut text = Zeroizing::new(rest.to_vec());
        let length = key
            .open_in_place(nonce, Aad::from(header), text.as_mut_slice())
            .map_err(|_| SealedError::Unopened)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpeningKey")
            .field("recipient", &self.recipient())
            .finish_non_exhaustive()
    }
}

impl std::str::FromStr for Recipient {
    type Err = SealedError;

    fn from_str(text: &str) -> Result<Self, SealedError> {
        hex::decode_array(text)
            .map(Self)
            .ok_or(SealedError::Recipient)
    }
}

impl TryFrom<String> for Recipient {
    type Error = SealedError;

    fn try_from(text: String) -> Result<Self, SealedError> {
        text.parse()
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> String {
        recipient.to_string()
    }
}

impl Recipient {
    pub(crate) fn as_bytes(&self) -> &[u8; POINT_BYTES] {
        &self.0
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn seal_with(
    ephemeral: &OpeningKey,
    recipient: &Recipient,
    plain: &[u8],
) -> Result<Vec<u8>, SealedError> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(SealedError::TooLong);
    }
    let point = ephemeral.recipient().0;
    let salt = [point, recipient.0].concat();
    let (key, nonce) =
        keys(&ephemeral.0, &Point::from(recipient.0), &salt).ok_or(SealedError::Weak)?;
    let header = [NAME.as_slice(), &point].concat();
    let mut text = Zeroizing::new(plain.to_vec());
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(&header), text.as_mut_slice())
        .expect("ChaCha20-Poly1305 takes texts of up to 256 GiB");
    Ok([header.as_slice(), text.as_slice(), tag.as_ref()].concat())
}

/// Key and nonce of one message; none when the shared secret is no secret.
fn keys(private: &StaticSecret, public: &Point, salt: &[u8]) -> Option<(LessSafeKey, Nonce)> {
    let shared = private.diffie_hellman(public);
    shared
        .was_contributory()
        .then(|| message_key(shared.as_bytes(), salt, NAME))
}

/// Key and nonce of one message: HKDF-SHA256 of a shared secret, with the format's name as info.
pub(crate) fn message_key(shared: &[u8], salt: &[u8], name: &[u8]) -> (LessSafeKey, Nonce) {
    let mut material = Zeroizing::new([0; KEY_BYTES + NONCE_BYTES]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(shared)
        .expand(&[name], Material)
        .and_then(|okm| okm.fill(material.as_mut_slice()))
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
    let (key, nonce) = material.split_at(KEY_BYTES);
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes");
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("the nonce has 12 bytes");
    (LessSafeKey::new(key), nonce)
}

struct Material;

impl hkdf::KeyType for Material {
    fn len(&self) -> usize {
        KEY_BYTES + NONCE_BYTES
    }
}

#[cfg(test)]
mod tests;
