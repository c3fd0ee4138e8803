//! The key that says a record came out of the sanitizer's worker of its tenant unchanged.

use std::path::Path;

use anyhow::Context as _;
use ring::hmac;
use spokegate_contract::limits::TOKEN_ID_DIGITS;
use spokegate_contract::record::seal_label;
use spokegate_contract::{TenantId, hex};

/// The HMAC-SHA256 key shared with the sanitizer, from which the key of each tenant's worker is derived.
#[derive(Clone)]
pub struct SealKey(hmac::Key);

impl SealKey {
    /// The key of 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Reads a file of 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the file cannot be read or holds anything else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("read the seal key {}", path.display()))?;
        hex::decode(&text.trim().to_ascii_lowercase())
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(|bytes| Self::new(&bytes))
            .with_context(|| {
                format!(
                    "the seal key {} must be 64 hexadecimal digits",
                    path.display()
                )
            })
    }

    /// The tenant that a record names, when the seal, in lower-case hexadecimal, is by that tenant's key. Takes the same
    /// time wherever the seal differs.
    pub(crate) fn opens(&self, record: &[u8], seal: &[u8]) -> Option<TenantId> {
        let bytes = std::str::from_utf8(seal).ok().and_then(hex::decode);
        let (tag, tenant) = bytes.zip(named(record))?;
        hmac::verify(&self.tenant(&tenant), record, &tag).ok()?;
        Some(tenant)
    }

    fn tenant(&self, tenant: &TenantId) -> hmac::Key {
        let derived = hmac::sign(&self.0, &seal_label(tenant));
        hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
    }

    /// The seal of a record by the tenant that it names, for tests that play the sanitizer.
    pub(crate) fn seal(&self, record: &[u8]) -> String {
        let tenant = named(record).unwrap_or_else(|| {
            TenantId::try_from("acme".to_owned()).expect("a name in the form of ids")
        });
        self.seal_as(&tenant, record)
    }

    /// The seal of a record by a tenant, whatever it names.
    pub(crate) fn seal_as(&self, tenant: &TenantId, record: &[u8]) -> String {
        hex::encode(hmac::sign(&self.tenant(tenant), record).as_ref())
    }
}

/// The tenant that a canonical record names, by its fixed place at the end: only `version`, or the id of a join token, may
/// follow. Nothing before it is looked at, and the whole record is parsed only when the seal holds.
fn named(record: &[u8]) -> Option<TenantId> {
    let rest = std::str::from_utf8(record).ok()?.strip_suffix('}')?;
    let digits = rest.trim_end_matches(|last: char| last.is_ascii_digit());
    let rest = digits.strip_suffix(",\"version\":").unwrap_or(rest);
    let rest = without_token(rest).unwrap_or(rest);
    let (before, tenant) = rest.strip_suffix('"')?.rsplit_once('"')?;
    if !before.ends_with(",\"tenant\":") {
        return None;
    }
    tenant.parse().ok()
}

/// What stands before `,"token":"<id>"`.
fn without_token(rest: &str) -> Option<&str> {
    let (before, id) = rest.strip_suffix('"')?.rsplit_once('"')?;
    before
        .strip_suffix(",\"token\":")
        .filter(|_| hex::is_digits(id, TOKEN_ID_DIGITS))
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: &str, tenant: Option<&str>) {
        let found = named(record.as_bytes());
        assert_eq!(found.as_ref().map(TenantId::as_str), tenant, "{record}");
    }

    #[test]
    fn a_record_names_its_tenant_at_the_end() {
        check(r#"{"at":1,"tenant":"acme"}"#, Some("acme"));
        check(r#"{"at":1,"tenant":"acme","version":12}"#, Some("acme"));
        check(
            r#"{"document":{"a":"b","tenant":"globex"},"tenant":"acme"}"#,
            Some("acme"),
        );
        check(
            r#"{"at":1,"tenant":"acme","token":"0123456789abcdef"}"#,
            Some("acme"),
        );
        check(
            r#"{"at":1,"tenant":"acme","token":"0123456789abcde"}"#,
            None,
        );
        check(
            r#"{"at":1,"tenant":"acme","token":"0123456789abcdeg"}"#,
            None,
        );
        check(
            r#"{"at":1,"tenant":"acme","tokens":"0123456789abcdef"}"#,
            None,
        );
        check(r#"{"rows":[{"a":1,"tenant":"globex"}]}"#, None);
        check(r#"{"rows":[{"a":1,"tenant":"globex"}],"version":1}"#, None);
        check(r#"{"at":1,"tenant":"Acme"}"#, None);
        check(r#"{"at":1,"tenant":"acme","zone":1}"#, None);
        check(r#"{"at":1,"tenant":"acme\""}"#, None);
        check(r#"{"at":1,"tenants":"acme"}"#, None);
        check("", None);
    }

    #[test]
    fn a_tenants_key_seals_for_no_other() {
        let key = SealKey::new(&[7; 32]);
        let record = br#"{"at":1,"tenant":"globex"}"#;
        let (acme, globex): (TenantId, TenantId) =
            ("acme".parse().unwrap(), "globex".parse().unwrap());
        let opens = |seal: String| key.opens(record, seal.as_bytes());
        assert_eq!(opens(key.seal_as(&globex, record)), Some(globex));
        assert_eq!(opens(key.seal_as(&acme, record)), None);
        assert_eq!(
            opens(hex::encode(hmac::sign(&key.0, record).as_ref())),
            None
        );
    }
}
