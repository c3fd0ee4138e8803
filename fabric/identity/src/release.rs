//! Releases of the agent: which file is which version for which machines, signed by a key that no connected machine needs.
//!
//! The signature is over `spokegate release v1\0`, SHA-256 of version and architecture, the file's SHA-256 and its length
//! (8 bytes, highest first): all of fixed length, as in [`crate::proof`].

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use spokegate_contract::hex;

use crate::{KeyError, PublicKey, SigningKey};

const RELEASE: &[u8] = b"spokegate release v1\0";
/// Most bytes of a signed release as JSON.
pub const RELEASE_BYTES_MAX: usize = 2_048;
/// Most keys that a satellite believes: the present one, the next, and some room.
const KEYS_MAX: usize = 8;

/// A version: three numbers, in order of age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version([u32; 3]);

/// What a file runs on, as Debian calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// `x86_64`.
    Amd64,
    /// `aarch64`.
    Arm64,
}

/// One build of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Which version.
    pub version: Version,
    /// What it runs on.
    pub architecture: Architecture,
    /// SHA-256 of the executable.
    pub digest: [u8; 32],
    /// Its length.
    pub bytes: u64,
}

/// A release and its signature, as a file, a registry or a command holds it: JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRelease {
    version: Version,
    architecture: Architecture,
    sha256: String,
    bytes: u64,
    signature: String,
}

/// Why a release is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Not what [`SignedRelease`] writes.
    #[error("it is no signed release")]
    Form,
    /// No known key made the signature.
    #[error("it is not signed by a release key that is trusted here")]
    Signature,
    /// A file of keys that holds none, or something else.
    #[error(
        "a file of release keys has one to eight lines of 130 hexadecimal digits, as `spokegate release keygen` writes them"
    )]
    Keys,
    /// The version is not three numbers.
    #[error("a version is three numbers with dots between them, such as 1.4.0")]
    Version,
    /// The architecture is another.
    #[error("an architecture is amd64 or arm64")]
    Architecture,
}

impl Architecture {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// What this program was built for; none where no releases are made for it.
    pub fn own() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl Release {
    /// Signs it.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedRelease, KeyError> {
        Ok(SignedRelease {
            version: self.version,
            architecture: self.architecture,
            sha256: hex::encode(&self.digest),
            bytes: self.bytes,
            signature: STANDARD.encode(key.sign(&self.message())?),
        })
    }

    fn message(&self) -> Vec<u8> {
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        [
            RELEASE,
            hash(&self.version.to_string()).as_ref(),
            hash(self.architecture.as_str()).as_ref(),
            &self.digest,
            &self.bytes.to_be_bytes(),
        ]
        .concat()
    }
}

impl SignedRelease {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_json(text: &[u8]) -> Result<Self, ReleaseError> {
        if text.len() > RELEASE_BYTES_MAX {
            return Err(ReleaseError::Form);
        }
        serde_json::from_slice(text).map_err(|_| ReleaseError::Form)
    }

    /// Writes it, in one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is always written")
    }

    /// Which version it says it is; believed only once it is verified.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What it runs on, by its own word.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// What it says, once one of these keys has signed it.
    ///
    /// # Errors
    /// When none has.
    pub fn verify(&self, keys: &ReleaseKeys) -> Result<Release, ReleaseError> {
        let release = Release {
            version: self.version,
            architecture: self.architecture,
            digest: hex::decode_array(&self.sha256).ok_or(ReleaseError::Form)?,
            bytes: self.bytes,
        };
        let signature = STANDARD.decode(&self.signature);
        let signature = signature.map_err(|_| ReleaseError::Form)?;
        let message = release.message();
        let signed = keys.0.iter().any(|key| key.verifies(&message, &signature));
        signed.then_some(release).ok_or(ReleaseError::Signature)
    }
}

/// The public keys whose releases are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseKeys(Vec<PublicKey>);

impl FromStr for ReleaseKeys {
    type Err = ReleaseError;

    /// A key on each line; lines that begin with `#` say what people want to know.
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Result<Vec<PublicKey>, _> = lines.map(str::parse).collect();
        match keys {
            Ok(keys) if (1..=KEYS_MAX).contains(&keys.len()) => Ok(Self(keys)),
            _ => Err(ReleaseError::Keys),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl FromStr for Version {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let mut numbers = [0; 3];
        let mut parts = text.split('.');
        for number in &mut numbers {
            let part = parts.next().ok_or(ReleaseError::Version)?;
            *number = part.parse().map_err(|_| ReleaseError::Version)?;
        }
        let version = Self(numbers);
        // One spelling: no signs, no leading zeros, nothing behind.
        (version.to_string() == text)
            .then_some(version)
            .ok_or(ReleaseError::Version)
    }
}

impl TryFrom<String> for Version {
    type Error = ReleaseError;

    fn try_from(text: String) -> Result<Self, ReleaseError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Architecture {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let mut all = Self::ALL.into_iter();
        all.find(|architecture| architecture.as_str() == text)
            .ok_or(ReleaseError::Architecture)
    }
}

#[cfg(test)]
mod tests;
