//! Envelope encryption; pure but for randomness.
//!
//! Each value has a random key of its own, which is used for nothing else; a key that a master key derives from a fresh
//! random salt wraps it, and is used for nothing else either. So no key ever meets a second nonce, and ring's
//! ChaCha20-Poly1305, whose nonces are too short to be drawn at random for one key often, serves with a nonce of zeros. It
//! takes the same time for every text on processors with and without AES.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use spokegate_contract::hex;
use zeroize::Zeroizing;

/// Bytes of every key and salt.
pub(super) const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const ID_BYTES: usize = 8;
/// The layout of what is stored.
const LAYOUT: u8 = 1;

/// Key bytes, wiped when dropped.
pub(super) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// Cannot be opened: another key, another place, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not open: it was sealed with another key, for another place, or it was changed")]
pub(super) struct NotOurs;

/// No randomness to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(super) struct NoRandomness;

/// What a sealed text is bound to. What is copied to another place does not open there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    /// The kind of thing, such as `secret`.
    pub(super) scope: &'p str,
    /// Which one.
    pub(super) name: &'p str,
    /// Which version of it.
    pub(super) version: u64,
}

impl Place<'_> {
    /// Scope, name, version and layer, each with its length before it, so that no two places read the same.
    fn bound(&self, layer: &str) -> Vec<u8> {
        let version = self.version.to_be_bytes();
        let parts: [&[u8]; 4] = [
            self.scope.as_bytes(),
            self.name.as_bytes(),
            &version,
            layer.as_bytes(),
        ];
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// One master key, known by an identity that tells nothing of it.
pub(super) struct MasterKey {
    bytes: KeyBytes,
    id: String,
}

impl MasterKey {
    /// From the bytes of a key file.
    pub(super) fn new(bytes: KeyBytes) -> Self {
        let mut id = [0; ID_BYTES];
        derive(&[], &bytes, &[b"spokegate master key id"], &mut id);
        let id = hex::encode(&id);
        Self { bytes, id }
    }

    /// Its identity, 16 hexadecimal digits.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Wraps a key for a place.
    pub(super) fn wrap(&self, place: Place<'_>, key: &KeyBytes) -> Result<Vec<u8>, NoRandomness> {
        seal_derived(&self.bytes, &place.bound("key"), key.as_slice())
    }

    /// The key that was wrapped for a place.
    pub(super) fn unwrap(&self, place: Place<'_>, wrapped: &[u8]) -> Result<KeyBytes, NotOurs> {
        let opened = open_derived(&self.bytes, &place.bound("key"), wrapped)?;
        let mut key = KeyBytes::default();
        if opened.len() != KEY_BYTES {
            return Err(NotOurs);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }
}

/// A fresh key.
pub(super) fn random_key() -> Result<KeyBytes, NoRandomness> {
    let mut key = KeyBytes::default();
    getrandom::fill(key.as_mut_slice()).map_err(|_| NoRandomness)?;
    Ok(key)
}

/// Seals a text with a key that seals nothing else.
pub(super) fn seal_once(key: &KeyBytes, place: Place<'_>, plain: &[u8]) -> Vec<u8> {
    let mut sealed = plain.to_vec();
    let bound = place.bound("value");
    // The one error is a text of more than 256 GiB, which no caller has.
    let tag = cipher(key)
        .seal_in_place_separate_tag(zero_nonce(), Aad::from(bound), &mut sealed)
        .expect("values are far shorter than the cipher's limit");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

/// Opens what [`seal_once`] made.
pub(super) fn open_once(
    key: &KeyBytes,
    place: Place<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let bound = place.bound("value");
    let length = cipher(key)
        .open_in_place(zero_nonce(), Aad::from(bound), &mut bytes)
        .map_err(|_| NotOurs)?
        .len();
    bytes.truncate(length);
    Ok(bytes)
}

/// Seals one of many texts with the same key: each with a key derived from a fresh salt. Layout, salt, text, tag.
pub(super) fn seal_message(
    key: &KeyBytes,
    place: Place<'_>,
    plain: &[u8],
) -> Result<Vec<u8>, NoRandomness> {
    seal_derived(key, &place.bound("message"), plain)
}

/// Opens what [`seal_message`] made.
pub(super) fn open_message(
    key: &KeyBytes,
    place: Place<'_>,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
    open_derived(key, &place.bound("message"), sealed)
}

fn seal_derived(key: &KeyBytes, bound: &[u8], plain: &[u8]) -> Result<Vec<u8>, NoRandomness> {
    let mut salt = [0; KEY_BYTES];
    getrandom::fill(&mut salt).map_err(|_| NoRandomness)?;
    let mut once = KeyBytes::default();
    derive(&salt, key, &[b"spokegate seal"], once.as_mut_slice());
    let mut text = Zeroizing::new(plain.to_vec());
    let tag = cipher(&once)
        .seal_in_place_separate_tag(zero_nonce(), Aad::from(bound), text.as_mut_slice())
        .expect("values are far shorter than the cipher's limit");
    let mut sealed = Vec::with_capacity(1 + KEY_BYTES + plain.len() + TAG_BYTES);
    sealed.push(LAYOUT);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&text);
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

fn open_derived(
    key: &KeyBytes,
    bound: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotOurs> {
    let (layout, rest) = sealed.split_first().ok_or(NotOurs)?;
    let (salt, text) = rest.split_at_checked(KEY_BYTES).ok_or(NotOurs)?;
    if *layout != LAYOUT {
        return Err(NotOurs);
    }
    let mut once = KeyBytes::default();
    derive(salt, key, &[b"spokegate seal"], once.as_mut_slice());
    let mut bytes = Zeroizing::new(text.to_vec());
    let length = cipher(&once)
        .open_in_place(zero_nonce(), Aad::from(bound), &mut bytes)
        .map_err(|_| NotOurs)?
        .len();
    bytes.truncate(length);
    Ok(bytes)
}

fn cipher(key: &KeyBytes) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice());
    LessSafeKey::new(key.expect("the key has the cipher's length"))
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn derive(salt: &[u8], key: &KeyBytes, info: &[&[u8]], out: &mut [u8]) {
    struct Bytes(usize);
    impl KeyType for Bytes {
        fn len(&self) -> usize {
            self.0
        }
    }
    let derived = Salt::new(HKDF_SHA256, salt).extract(key.as_slice());
    let filled = derived
        .expand(info, Bytes(out.len()))
        .and_then(|okm| okm.fill(out));
    filled.expect("at most 32 bytes are derived");
}

#[cfg(test)]
mod tests;
