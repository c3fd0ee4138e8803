//! The seal: the installation's key, the key of each tenant that comes from it, and what is sealed with that.

use anyhow::{Context as _, anyhow, bail};
use ring::hmac;
use spokegate_contract::TenantId;
use spokegate_contract::hex;
use spokegate_contract::record::seal_label;
use std::io::Read;
use zeroize::Zeroizing;

/// Bytes of a seal key.
const KEY_BYTES: usize = 32;
/// Longest key file: the key in hexadecimal and white space.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// The installation's key, which seals nothing itself.
#[derive(Debug)]
pub(crate) struct MasterKey(hmac::Key);

impl MasterKey {
    /// Reads a key: 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the file is anything else.
    pub(crate) fn read(file: impl Read) -> anyhow::Result<MasterKey> {
        Ok(MasterKey(read(file)?))
    }

    /// The key of a tenant.
    #[must_use]
    pub(crate) fn tenant(&self, tenant: &TenantId) -> Key {
        let derived = hmac::sign(&self.0, &seal_label(tenant));
        Key(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// The key of a tenant as its worker reads it.
    #[must_use]
    pub(crate) fn tenant_text(&self, tenant: &TenantId) -> Zeroizing<String> {
        let derived = hmac::sign(&self.0, &seal_label(tenant));
        Zeroizing::new(hex::encode(derived.as_ref()))
    }
}

/// A tenant's seal key.
#[derive(Debug)]
pub(crate) struct Key(hmac::Key);

impl Key {
    /// Reads what [`MasterKey::tenant_text`] gave.
    ///
    /// # Errors
    /// When it is anything else.
    pub(crate) fn read(pipe: impl Read) -> anyhow::Result<Key> {
        Ok(Key(read(pipe)?))
    }

    /// The seal of a record.
    #[must_use]
    pub(crate) fn seal(&self, record: &[u8]) -> String {
        hex::encode(hmac::sign(&self.0, record).as_ref())
    }

    /// Whether a seal is this key's over the record; takes the same time whatever differs.
    #[must_use]
    pub(crate) fn holds(&self, record: &[u8], seal: &str) -> bool {
        // One spelling only: the centre takes no other.
        let bytes: Option<[u8; KEY_BYTES]> = hex::decode_array(seal);
        bytes.is_some_and(|bytes| hmac::verify(&self.0, record, &bytes).is_ok())
    }
}

fn read(file: impl Read) -> anyhow::Result<hmac::Key> {
    let mut text = Zeroizing::new(String::new());
    file.take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .context("read the seal key")?;
    let digits = text.trim();
    let mut key = Zeroizing::new(Vec::with_capacity(KEY_BYTES));
    for pair in digits.as_bytes().chunks(2) {
        let pair = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        key.push(byte.ok_or_else(|| anyhow!("the seal key is 64 hexadecimal digits"))?);
    }
    if key.len() != KEY_BYTES || digits.len() != KEY_BYTES.saturating_mul(2) {
        bail!("the seal key is 64 hexadecimal digits");
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_key_seals_for_no_other_and_is_not_the_master() {
        let digits = "5a".repeat(32);
        let master = MasterKey::read(digits.as_bytes()).unwrap();
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let handed = Key::read(master.tenant_text(&acme).as_bytes()).unwrap();
        let seal = handed.seal(b"{}");
        assert!(master.tenant(&acme).holds(b"{}", &seal));
        assert!(!master.tenant(&globex).holds(b"{}", &seal));
        assert!(!Key::read(digits.as_bytes()).unwrap().holds(b"{}", &seal));
        assert!(!master.tenant(&acme).holds(b"{ }", &seal));
        for spelling in [
            seal.to_uppercase(),
            seal[..63].to_owned(),
            format!("+{}", &seal[1..]),
        ] {
            assert!(!master.tenant(&acme).holds(b"{}", &spelling), "{spelling}");
        }
    }

    #[test]
    fn a_key_file_is_64_digits() {
        for text in [
            "",
            "5a",
            &"5a".repeat(31),
            &"5a".repeat(33),
            &"zz".repeat(32),
        ] {
            assert!(MasterKey::read(text.as_bytes()).is_err(), "{text}");
        }
        let spaced = format!("{}\n", "5a".repeat(32));
        assert!(MasterKey::read(spaced.as_bytes()).is_ok());
    }
}
