//! A refused message as it lies in quarantine: in plain text whose it is and why it was refused, the rest sealed for a
//! key that is kept offline.
//!
//! ```text
//! "spokegate quarantine v1\n" | plain | "\n" | sealed(whole | "\n" | message)
//! ```
//! `plain` and `whole` are JSON on one line, [`Plain`] and [`Whole`]. What is sealed repeats what is plain, so that who
//! opens a file sees whether the plain text was altered. A file says nothing of who wrote it: anybody who has the public
//! key can make one.

use std::path::Path;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use spokegate_contract::{DatasetId, QuarantineId, RequestId, SatelliteId, TenantId, hex};
use zeroize::Zeroizing;

use crate::sealed::{self, OpeningKey, PLAIN_BYTES_MAX, Recipient, SEALED_BYTES_MAX, SealedError};

const NAME: &[u8] = b"spokegate quarantine v1\n";
/// Longest line of JSON.
const LINE_BYTES_MAX: usize = 8_192;
/// Longest message that is kept; packets of the fabric are shorter.
pub const MESSAGE_BYTES_MAX: usize = PLAIN_BYTES_MAX - LINE_BYTES_MAX;
/// Longest file.
pub const FILE_BYTES_MAX: usize = NAME.len() + LINE_BYTES_MAX + SEALED_BYTES_MAX;
/// Longest file of a key.
const KEY_FILE_BYTES_MAX: usize = 4_096;
/// The DER of an X25519 public key up to its 32 bytes (RFC 8410 §4).
const PUBLIC_KEY_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00,
];

/// What is written beside the sealed part, for who looks for a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plain {
    /// The id, which the centre shows too.
    pub file: QuarantineId,
    /// The customer.
    pub tenant: TenantId,
    /// The satellite.
    pub satellite: SatelliteId,
    /// When the message came: unix time in milliseconds.
    pub at: u64,
    /// The channel that it came on.
    pub channel: String,
    /// The dataset, where it is known.
    pub dataset: Option<DatasetId>,
    /// The kind of fault.
    pub reason: String,
    /// The message's size.
    pub size_bytes: u64,
}

/// All that is known of the message; sealed with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// The same as in plain text.
    #[serde(flatten)]
    pub plain: Plain,
    /// The rule that was broken.
    pub rule: String,
    /// JSON Pointer to the place; empty for the whole.
    pub pointer: String,
    /// The pull that it would have answered.
    pub id: Option<RequestId>,
    /// SHA-256 of the message in hexadecimal digits.
    pub sha256: String,
}

/// A message out of quarantine.
#[derive(Debug)]
pub struct Opened {
    /// What is known of it.
    pub whole: Whole,
    /// The message as it came. Nobody has looked into it: it may hold anything.
    pub message: Zeroizing<Vec<u8>>,
    /// Whether the plain text says the same as what was sealed.
    pub plain_is_true: bool,
}

/// Why a file is not written or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuarantineError {
    /// The file of the public key.
    #[error("it holds no X25519 public key, neither 64 hexadecimal digits nor PEM")]
    Recipient,
    /// Not this format.
    #[error("it is no file of a quarantine")]
    Form,
    /// Too long, for another key, or altered.
    #[error(transparent)]
    Sealed(#[from] SealedError),
}

/// For whom to seal, from a file with 64 hexadecimal digits or a PEM public key.
pub fn recipient(text: &str) -> Result<Recipient, QuarantineError> {
    let text = text.trim();
    if let Ok(recipient) = text.parse() {
        return Ok(recipient);
    }
    use rustls::pki_types::SubjectPublicKeyInfoDer;
    use rustls::pki_types::pem::PemObject;
    let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
        .map_err(|_| QuarantineError::Recipient)?;
    let point = der.strip_prefix(PUBLIC_KEY_PREFIX.as_slice());
    let point = point.filter(|point| point.len() == 32);
    let digits = hex::encode(point.ok_or(QuarantineError::Recipient)?);
    digits.parse().map_err(|_| QuarantineError::Recipient)
}

/// Like [`recipient`], read from a file.
///
/// # Errors
/// When the file cannot be read, or holds no key.
pub fn read_recipient(path: &Path) -> std::io::Result<Recipient> {
    use std::io::Read as _;
    let mut text = String::new();
    let limit = KEY_FILE_BYTES_MAX as u64;
    std::fs::File::open(path)?
        .take(limit)
        .read_to_string(&mut text)?;
    recipient(&text).map_err(std::io::Error::other)
}

/// The bytes of a file for a message, of which at most [`MESSAGE_BYTES_MAX`] are kept.
pub fn seal(
    recipient: &Recipient,
    plain: Plain,
    fault: (&str, &str),
    id: Option<RequestId>,
    message: &[u8],
) -> Result<Vec<u8>, QuarantineError> {
    let whole = Whole {
        plain,
        rule: fault.0.to_owned(),
        pointer: fault.1.to_owned(),
        id,
        sha256: hex::encode(digest(&SHA256, message).as_ref()),
    };
    let kept = message.get(..MESSAGE_BYTES_MAX).unwrap_or(message);
    let inside = Zeroizing::new([line(&whole)?.as_slice(), b"\n", kept].concat());
    let sealed = sealed::seal(recipient, &inside)?;
    Ok([NAME, line(&whole.plain)?.as_slice(), b"\n", &sealed].concat())
}

fn line(value: &impl Serialize) -> Result<Vec<u8>, QuarantineError> {
    let line = serde_json::to_vec(value).map_err(|_| QuarantineError::Form)?;
    if line.len() > LINE_BYTES_MAX {
        return Err(QuarantineError::Form);
    }
    Ok(line)
}

/// What stands in plain text at the head of a file.
pub fn plain(file: &[u8]) -> Result<Plain, QuarantineError> {
    split(file).map(|(plain, _)| plain)
}

/// Opens a file.
pub fn open(key: &OpeningKey, file: &[u8]) -> Result<Opened, QuarantineError> {
    let (plain, sealed) = split(file)?;
    let inside = key.open(sealed)?;
    let (line, message) = cut_line(&inside)?;
    let whole: Whole = serde_json::from_slice(line).map_err(|_| QuarantineError::Form)?;
    Ok(Opened {
        plain_is_true: plain == whole.plain,
        whole,
        message: Zeroizing::new(message.to_vec()),
    })
}

fn split(file: &[u8]) -> Result<(Plain, &[u8]), QuarantineError> {
    let rest = file.strip_prefix(NAME).ok_or(QuarantineError::Form)?;
    let (line, sealed) = cut_line(rest)?;
    let plain = serde_json::from_slice(line).map_err(|_| QuarantineError::Form)?;
    Ok((plain, sealed))
}

fn cut_line(bytes: &[u8]) -> Result<(&[u8], &[u8]), QuarantineError> {
    let within = bytes.get(..LINE_BYTES_MAX + 1).unwrap_or(bytes);
    let at = within.iter().position(|byte| *byte == b'\n');
    let (line, rest) = bytes.split_at(at.ok_or(QuarantineError::Form)?);
    Ok((line, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
