//! The sanitizer's audit: entries chained by hash, and the chain's end signed now and then. A chain begins with each start
//! of this process and names the run in its first entry.

use crate::link::Note;
use anyhow::{Context as _, anyhow};
use spokegate_contract::Address;
use spokegate_contract::record::{AuditEntry, AuditRoot, Flat};
use spokegate_daemon::chain;
use spokegate_identity::SigningKey;
use spokegate_identity::proof::{AuditEnd, audit_root};
use std::borrow::Cow;
use std::path::Path;

/// The end is signed after so many entries, or so long after the first that is not covered.
const SIGN_ENTRIES: u64 = 1_000;
const SIGN_AFTER_MS: u64 = 10_000;

/// The end of the chain, and what signs it.
#[derive(Debug)]
pub(super) struct Trail {
    key: Option<SigningKey>,
    sequence: u64,
    hash: chain::Hash,
    signed: u64,
    /// When the first entry came that no signature covers.
    unsigned_since_ms: Option<u64>,
}

impl Trail {
    pub(super) fn new(key: Option<SigningKey>) -> Trail {
        Trail {
            key,
            sequence: 0,
            hash: chain::START,
            signed: 0,
            unsigned_since_ms: None,
        }
    }

    /// The record of a new entry.
    pub(super) fn append(&mut self, note: &Note) -> Vec<u8> {
        self.sequence = self.sequence.saturating_add(1);
        let mut entry = AuditEntry {
            sequence: self.sequence,
            action: Cow::Borrowed(&note.action),
            reason: Cow::Borrowed(&note.reason),
            subject: Cow::Borrowed(&note.subject),
            count: note.count,
            hash: chain::START,
        };
        let count = note.count.to_string();
        let fields = entry.fields(&count);
        self.hash = chain::hash(&self.hash, self.sequence, note.at_ms, &fields);
        entry.hash = self.hash;
        self.unsigned_since_ms.get_or_insert(note.at_ms);
        written(&entry.flat(Address::egress(), note.at_ms))
    }

    /// The record of a signature, when one is due.
    pub(super) fn sign(&mut self, now_ms: u64) -> Option<Vec<u8>> {
        let since_ms = self.unsigned_since_ms?;
        let open = self.sequence.saturating_sub(self.signed);
        if open < SIGN_ENTRIES && now_ms.saturating_sub(since_ms) < SIGN_AFTER_MS {
            return None;
        }
        let end = AuditEnd {
            sequence: self.sequence,
            at_ms: now_ms,
            hash: self.hash,
        };
        // Without randomness there is no signature now; the next look tries again.
        let signature = audit_root(self.key.as_ref()?, &end).ok()?;
        (self.signed, self.unsigned_since_ms) = (self.sequence, None);
        let root = AuditRoot {
            sequence: end.sequence,
            hash: end.hash,
            signature,
        };
        Some(written(&root.flat(Address::egress(), now_ms)))
    }
}

/// Reads the audit key, if there is to be one.
pub(crate) fn key(path: Option<&Path>) -> anyhow::Result<Option<SigningKey>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path)
        .map(zeroize::Zeroizing::new)
        .with_context(|| format!("read the audit key (audit.key_file) {}", path.display()))?;
    SigningKey::from_pem(&text).map(Some).map_err(|error| {
        anyhow!(
            "the audit key (audit.key_file) {}: {error}, hint: `spokegate audit keygen` makes one",
            path.display()
        )
    })
}

fn written(flat: &Flat<'_>) -> Vec<u8> {
    serde_json::to_vec(flat).expect("plain data is always written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use spokegate_contract::record::{Content, Record, check_canonical};
    use spokegate_identity::proof::verify_audit_root;

    fn key() -> SigningKey {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        SigningKey::from_pem(&pair.serialize_pem()).unwrap()
    }

    fn note(at_ms: u64, subject: &str) -> Note {
        Note {
            at_ms,
            action: "message.refuse".into(),
            reason: "form".into(),
            subject: subject.into(),
            count: 1,
        }
    }

    fn read(record: &[u8]) -> Record<'_> {
        assert_eq!(check_canonical(record), Ok(()));
        Record::try_from(serde_json::from_slice::<Flat<'_>>(record).unwrap()).unwrap()
    }

    #[test]
    fn the_centre_can_walk_the_chain_and_check_its_end() {
        let key = key();
        let public = key.public_key();
        let mut trail = Trail::new(Some(key));
        let records: Vec<_> = (1..=3)
            .map(|at| trail.append(&note(at, "acme/hq")))
            .collect();
        let mut walk = chain::Walk::default();
        for record in &records {
            let record = read(record);
            let Content::Audit(entry) = record.content else {
                panic!("no entry")
            };
            let last = *walk.last();
            let count = entry.count.to_string();
            let hash = chain::hash(&last, entry.sequence, record.at_ms, &entry.fields(&count));
            let link = chain::Link {
                sequence: entry.sequence,
                previous: &last,
                stored: &entry.hash,
                hash,
            };
            assert_eq!(walk.step(&link), Ok(()));
        }
        let root = trail.sign(SIGN_AFTER_MS + 1).unwrap();
        let root = read(&root);
        let Content::AuditRoot(signed) = root.content else {
            panic!("no root")
        };
        assert_eq!((signed.sequence, signed.hash), (3, *walk.last()));
        let end = AuditEnd {
            sequence: 3,
            at_ms: root.at_ms,
            hash: signed.hash,
        };
        assert_eq!(verify_audit_root(&public, &end, &signed.signature), Ok(()));
    }

    #[test]
    fn signed_in_time_and_only_what_is_new() {
        let mut trail = Trail::new(Some(key()));
        assert_eq!(trail.sign(0), None);
        trail.append(&note(5, "a"));
        assert_eq!(trail.sign(5 + SIGN_AFTER_MS - 1), None);
        assert!(trail.sign(5 + SIGN_AFTER_MS).is_some());
        assert_eq!(trail.sign(u64::MAX), None);
        for _ in 1..SIGN_ENTRIES {
            trail.append(&note(20_000, "a"));
        }
        assert_eq!(trail.sign(20_000), None);
        trail.append(&note(20_000, "a"));
        assert!(trail.sign(20_000).is_some());
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let mut trail = Trail::new(None);
        trail.append(&note(0, "a"));
        assert_eq!(trail.sign(u64::MAX), None);
    }
}
