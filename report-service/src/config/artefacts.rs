//! `[artefacts]`: where finished documents are kept.

use std::path::PathBuf;

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use url::Url;

use crate::outbound::is_allowed;
use crate::secrets::SecretRef;

/// Where finished documents are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtefactsPlace {
    /// In the folder `files`.
    Disk,
    /// In storage that speaks S3.
    S3,
}

/// Where finished documents are kept, and how the storage is reached.
#[derive(Clone, Debug, Deserialize)]
pub struct ArtefactsConfig {
    /// Which of the two.
    pub place: ArtefactsPlace,
    /// The storage.
    pub s3: S3Config,
}

/// A bucket of storage that speaks S3.
#[derive(Clone, Debug, Deserialize)]
pub struct S3Config {
    /// Its address.
    #[serde(default)]
    pub endpoint: String,
    /// Its region, as in signatures.
    pub region: String,
    /// The bucket.
    #[serde(default)]
    pub bucket: String,
    /// What all names in it begin with.
    #[serde(default)]
    pub prefix: String,
    /// Whether the bucket stands in the path of addresses, and not before the host.
    pub path_style: bool,
    /// Roots trusted for it; the system's when unset.
    pub ca: Option<PathBuf>,
    /// The access key's id, in the secret store.
    pub access_key: Option<SecretRef>,
    /// The secret half of it.
    pub secret_key: Option<SecretRef>,
    /// How the storage encrypts what it keeps.
    pub encryption: Option<S3Encryption>,
    /// With which of its keys.
    pub kms_key: Option<String>,
    /// Larger files are sent in parts of so many MiB; one part of each file is in memory.
    pub part_mb: u32,
    /// How long an answer, or the next bytes of one, may take, milliseconds.
    pub timeout_ms: u64,
}

/// How the storage encrypts what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum S3Encryption {
    /// With keys of its own.
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key of its key service.
    #[serde(rename = "aws:kms")]
    Kms,
}

impl S3Config {
    /// What is said to the storage with every new object.
    pub(crate) fn encryption_headers(&self) -> Vec<(&'static str, String)> {
        let mode = match self.encryption {
            None => return Vec::new(),
            Some(S3Encryption::Aes256) => "AES256",
            Some(S3Encryption::Kms) => "aws:kms",
        };
        let mut headers = vec![("x-amz-server-side-encryption", mode.to_owned())];
        if let Some(key) = &self.kms_key {
            headers.push(("x-amz-server-side-encryption-aws-kms-key-id", key.clone()));
        }
        headers
    }

    pub(crate) fn part_bytes(&self) -> usize {
        (self.part_mb as usize).saturating_mul(1 << 20)
    }
}

impl Section for ArtefactsConfig {
    fn validate(&self, faults: &mut Faults) {
        if self.place == ArtefactsPlace::S3 {
            faults.within("s3", &self.s3);
        }
    }
}

impl Section for S3Config {
    fn validate(&self, faults: &mut Faults) {
        let plain = |url: &Url| url.path() == "/" && url.query().is_none() && is_allowed(url);
        let endpoint = Url::parse(&self.endpoint);
        if !endpoint.as_ref().is_ok_and(plain) {
            faults
                .add("endpoint", format!("is {:?}", self.endpoint))
                .allowed("https://host[:port], or http:// to this machine itself");
        } else if let Ok(url) = endpoint
            && !self.path_style
            && !matches!(url.host(), Some(url::Host::Domain(_)))
        {
            faults
                .add("path_style", "is false and the endpoint has no name")
                .allowed("true, where the endpoint is an address of numbers");
        }
        let label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(label) {
            faults
                .add("bucket", format!("is {:?}", self.bucket))
                .allowed("3 to 63 of a-z, 0-9, '-' and '.'");
        }
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if self.region.is_empty() || !self.region.bytes().all(word) {
            faults
                .add("region", format!("is {:?}", self.region))
                .allowed("letters, digits and '-'");
        }
        if !is_prefix(&self.prefix) {
            faults
                .add("prefix", format!("is {:?}", self.prefix))
                .allowed("nothing, or folders such as \"spokegate/\" of letters, digits, '-', '_' and '.'");
        }
        for (key, secret) in [
            ("access_key", &self.access_key),
            ("secret_key", &self.secret_key),
        ] {
            if secret.is_none() {
                faults.add(key, "is not set").allowed("\"secret:NAME\"");
            }
        }
        if self.kms_key.is_some() && self.encryption != Some(S3Encryption::Kms) {
            faults
                .add("kms_key", "goes with one kind of encryption")
                .allowed("encryption = \"aws:kms\"");
        }
        if !(5..=512).contains(&self.part_mb) {
            faults
                .add("part_mb", format!("is {}", self.part_mb))
                .allowed("5 to 512");
        }
        if !(100..=600_000).contains(&self.timeout_ms) {
            faults
                .add("timeout_ms", format!("is {}", self.timeout_ms))
                .allowed("100 to 600000");
        }
    }
}

/// A name as it stands in an address, without a way up.
fn is_prefix(prefix: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let folder = |folder: &str| {
        !matches!(folder, "" | "." | "..") && folder.len() <= 128 && folder.bytes().all(plain)
    };
    match prefix.strip_suffix('/') {
        Some(folders) => folders.split('/').all(folder),
        None => prefix.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_prefix;

    #[test]
    fn names_in_the_bucket_begin_plainly() {
        let check = |prefix: &str, good: bool| assert_eq!(is_prefix(prefix), good, "{prefix:?}");
        for good in ["", "spokegate/", "a/b.c/d_e/"] {
            check(good, true);
        }
        for bad in [
            "/",
            "spokegate",
            "a//",
            "../",
            "a/../b/",
            "a b/",
            "ä/",
            "./",
        ] {
            check(bad, false);
        }
    }
}
