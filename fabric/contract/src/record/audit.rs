//! The sanitizer's audit on its way to the centre.

use std::borrow::Cow;

use super::content::{RecordError, need};
use super::flat::Flat;
use crate::hex;
use crate::ids::Address;
use crate::limits::SIGNATURE_BYTES_MAX;

/// Bytes of a SHA-256.
const HASH_BYTES: usize = 32;

/// Something that the sanitizer did or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry<'a> {
    /// Number in its chain, from 1. A chain begins with each start of the egress process.
    pub sequence: u64,
    /// What, as `noun.verb`.
    pub action: Cow<'a, str>,
    /// Why: a typed reason; empty where there is none to give.
    pub reason: Cow<'a, str>,
    /// Upon what: a tenant, `tenant/satellite`, a stage, a chain's name.
    pub subject: Cow<'a, str>,
    /// How often since the entry before it that says the same of the same.
    pub count: u64,
    /// The chain's hash up to here.
    pub hash: [u8; HASH_BYTES],
}

/// The signed end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRoot {
    /// Number of the last entry.
    pub sequence: u64,
    /// Its hash.
    pub hash: [u8; HASH_BYTES],
    /// Over both and the time, by the sanitizer's audit key: ECDSA P-256 over SHA-256 in ASN.1.
    pub signature: Vec<u8>,
}

impl<'a> AuditEntry<'a> {
    /// The record that says so; `address` is the sanitizer's own.
    #[must_use]
    pub fn flat(self, address: Address, at_ms: u64) -> Flat<'a> {
        Flat {
            sequence: Some(self.sequence),
            action: Some(self.action),
            reason: Some(self.reason),
            subject: Some(self.subject),
            count: Some(self.count),
            hash: Some(hex::encode(&self.hash).into()),
            ..Flat::new("audit", address.tenant, address.satellite, at_ms)
        }
    }

    pub(super) fn of(flat: &mut Flat<'a>) -> Result<Self, RecordError> {
        Ok(Self {
            sequence: need(flat.sequence, "sequence")?,
            action: need(flat.action.take(), "action")?,
            reason: need(flat.reason.take(), "reason")?,
            subject: need(flat.subject.take(), "subject")?,
            count: need(flat.count, "count")?,
            hash: digits(flat.hash.as_deref(), "hash")?,
        })
    }

    /// The members that the chain's hash covers beside number and time, in its order.
    #[must_use]
    pub fn fields<'s>(&'s self, count: &'s str) -> [&'s str; 4] {
        [&self.action, &self.reason, &self.subject, count]
    }
}

impl AuditRoot {
    /// The record that says so; `address` is the sanitizer's own.
    #[must_use]
    pub fn flat(&self, address: Address, at_ms: u64) -> Flat<'static> {
        Flat {
            sequence: Some(self.sequence),
            hash: Some(hex::encode(&self.hash).into()),
            signature: Some(hex::encode(&self.signature).into()),
            ..Flat::new("audit-root", address.tenant, address.satellite, at_ms)
        }
    }

    pub(super) fn of(flat: &Flat<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            sequence: need(flat.sequence, "sequence")?,
            hash: digits(flat.hash.as_deref(), "hash")?,
            signature: signature(need(flat.signature.as_deref(), "signature")?)?,
        })
    }
}

fn digits<const N: usize>(
    member: Option<&str>,
    name: &'static str,
) -> Result<[u8; N], RecordError> {
    hex::decode_array(need(member, name)?).ok_or(RecordError::Spelling(name))
}

fn signature(digits: &str) -> Result<Vec<u8>, RecordError> {
    hex::decode(digits)
        .filter(|bytes| (1..=SIGNATURE_BYTES_MAX).contains(&bytes.len()))
        .ok_or(RecordError::Spelling("signature"))
}

#[cfg(test)]
mod tests {
    use super::super::{Content, Record};
    use super::*;

    fn address() -> Address {
        Address::egress()
    }

    fn entry() -> AuditEntry<'static> {
        AuditEntry {
            sequence: 7,
            action: "message.refuse".into(),
            reason: "form".into(),
            subject: "acme/hq".into(),
            count: 3,
            hash: [0xab; 32],
        }
    }

    #[test]
    fn entries_and_roots_come_back_as_they_went() {
        let text = serde_json::to_string(&entry().flat(address(), 9)).unwrap();
        assert_eq!(super::super::check_canonical(text.as_bytes()), Ok(()));
        let record = Record::try_from(serde_json::from_str::<Flat<'_>>(&text).unwrap()).unwrap();
        assert_eq!((record.at_ms, &record.address), (9, &address()));
        assert!(matches!(record.content, Content::Audit(read) if read == entry()));

        let root = AuditRoot {
            sequence: 7,
            hash: [1; 32],
            signature: vec![2; 72],
        };
        let text = serde_json::to_string(&root.flat(address(), 9)).unwrap();
        assert_eq!(super::super::check_canonical(text.as_bytes()), Ok(()));
        let record = Record::try_from(serde_json::from_str::<Flat<'_>>(&text).unwrap()).unwrap();
        assert!(matches!(record.content, Content::AuditRoot(read) if read == root));
    }

    #[test]
    fn what_lacks_or_misspells_a_member_is_no_entry() {
        let check = |change: &dyn Fn(&mut Flat<'static>), expected: RecordError| {
            let mut flat = entry().flat(address(), 9);
            change(&mut flat);
            assert_eq!(Record::try_from(flat).unwrap_err(), expected);
        };
        check(&|flat| flat.count = None, RecordError::Missing("count"));
        check(&|flat| flat.subject = None, RecordError::Missing("subject"));
        let hash = RecordError::Spelling("hash");
        check(&|flat| flat.hash = Some("ab".into()), hash.clone());
        check(&|flat| flat.hash = Some("AB".repeat(32).into()), hash);
        let root = |signature: Option<&'static str>| {
            move |flat: &mut Flat<'static>| {
                flat.kind = "audit-root".into();
                flat.signature = signature.map(Into::into);
            }
        };
        check(&root(None), RecordError::Missing("signature"));
        for digits in ["", "0", "zz", &*"00".repeat(81).leak()] {
            check(&root(Some(digits)), RecordError::Spelling("signature"));
        }
    }
}
