//! What `spokegate-reports export-audit` writes, and whether it holds. Pure.
//!
//! One JSON object a line, in the order in which the centre took them over: `chain`, `sequence`, `at` (Unix milliseconds),
//! `action`, `reason`, `subject`, `count`, `previous` and `hash` (64 hexadecimal digits); on an entry that a signature
//! covers also `signed_at` and `signature`.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use spokegate_contract::hex;
use spokegate_daemon::chain::{self, Link, Walk};
use spokegate_identity::PublicKey;
use spokegate_identity::proof::{AuditEnd, verify_audit_root};

/// Longest name of a chain.
const NAME_BYTES_MAX: usize = 64;
/// Longest line.
const LINE_BYTES_MAX: u64 = 16_384;
/// Chains of one export; one begins with each start of a sanitizer's egress process.
const CHAINS_MAX: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    chain: String,
    sequence: u64,
    at: u64,
    action: String,
    reason: String,
    subject: String,
    count: u64,
    previous: String,
    hash: String,
    signed_at: Option<u64>,
    signature: Option<String>,
}

/// A sanitizer signs at the latest after so many; more at the end of a chain that nobody signed were put there, or the key
/// was taken from it.
const UNSIGNED_MAX: u64 = 1_000;

/// An export that holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) chains: u64,
    pub(crate) entries: u64,
    pub(crate) signatures: u64,
    /// Entries at the ends of chains that no signature covers.
    pub(crate) unsigned: u64,
    /// Chains whose first entries are not in the export.
    pub(crate) cut: u64,
}

/// Why an export does not hold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportFault {
    #[error("line {line} cannot be read")]
    Read { line: u64, source: std::io::Error },
    #[error("line {line} is no entry of an exported audit: {reason}")]
    Form { line: u64, reason: String },
    #[error(
        "line {line}: entry {sequence} of chain {chain} was changed, or one before it was removed"
    )]
    Broken {
        line: u64,
        chain: String,
        sequence: u64,
    },
    #[error("the export holds no record")]
    Empty,
    #[error(
        "the last {unsigned} records of chain {chain} bear no signature, and a sanitizer leaves no more than 1,000 without one"
    )]
    Unsigned { chain: String, unsigned: u64 },
    #[error(
        "line {line}: the signature on entry {sequence} of chain {chain} is not one of this key over this chain"
    )]
    Signature {
        line: u64,
        chain: String,
        sequence: u64,
    },
}

struct Chain {
    walk: Walk,
    signed: u64,
    /// The number before its first record in the export.
    begins: u64,
}

/// Walks all chains; checks all signatures when there is a key.
pub(crate) fn verify(
    mut text: impl BufRead,
    key: Option<&PublicKey>,
) -> Result<Whole, ExportFault> {
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    let mut whole = Whole::default();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = std::io::Read::take(&mut text, LINE_BYTES_MAX)
            .read_until(b'\n', &mut bytes)
            .map_err(|source| ExportFault::Read { line, source })?;
        if read == 0 {
            break;
        }
        let form = |reason: &str| ExportFault::Form {
            line,
            reason: reason.to_owned(),
        };
        let entry: Entry =
            serde_json::from_slice(&bytes).map_err(|error| form(&told(&error.to_string())))?;
        if entry.chain.len() > NAME_BYTES_MAX || !entry.chain.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(form("`chain` is no name of a chain"));
        }
        if !chains.contains_key(&entry.chain) {
            if chains.len() >= CHAINS_MAX {
                return Err(form("more chains than 100,000"));
            }
            let walk = beginning(&entry).ok_or_else(|| form("`previous` is no hash"))?;
            whole.cut += u64::from(entry.sequence != 1);
            let begins = walk.records();
            let chain = Chain {
                walk,
                signed: 0,
                begins,
            };
            chains.insert(entry.chain.clone(), chain);
        }
        let known = chains
            .get_mut(&entry.chain)
            .expect("put there above if it was not there");
        step(known, &entry, line)?;
        whole.entries += 1;
        whole.signatures += u64::from(sign(known, &entry, key, line)?);
    }
    whole.chains = chains.len() as u64;
    for (
        name,
        Chain {
            walk,
            signed,
            begins,
        },
    ) in &chains
    {
        let unsigned = walk.records().saturating_sub((*signed).max(*begins));
        if key.is_some() && unsigned > UNSIGNED_MAX {
            let chain = name.clone();
            return Err(ExportFault::Unsigned { chain, unsigned });
        }
        whole.unsigned += unsigned;
    }
    if whole.entries == 0 {
        return Err(ExportFault::Empty);
    }
    Ok(whole)
}

/// Words of the file as a terminal may show them.
fn told(words: &str) -> String {
    words.escape_default().take(200).collect()
}

/// Where a chain's walk begins: before the first entry, or before the first that was not pruned.
fn beginning(entry: &Entry) -> Option<Walk> {
    if entry.sequence == 1 {
        return Some(Walk::default());
    }
    let previous = hex::decode_array(&entry.previous)?;
    Some(Walk::after(entry.sequence.saturating_sub(1), previous))
}

fn step(chain: &mut Chain, entry: &Entry, line: u64) -> Result<(), ExportFault> {
    let previous = *chain.walk.last();
    let count = entry.count.to_string();
    let fields = [&*entry.action, &entry.reason, &entry.subject, &count];
    let stored: Option<chain::Hash> = hex::decode_array(&entry.hash);
    let named: Option<chain::Hash> = hex::decode_array(&entry.previous);
    let link = Link {
        sequence: entry.sequence,
        previous: named.as_ref().map_or(&[], <[u8; 32]>::as_slice),
        stored: stored.as_ref().map_or(&[], <[u8; 32]>::as_slice),
        hash: chain::hash(&previous, entry.sequence, entry.at, &fields),
    };
    chain.walk.step(&link).map_err(|_| ExportFault::Broken {
        line,
        chain: entry.chain.clone(),
        sequence: entry.sequence,
    })
}

/// Checks the signature of an entry that bears one; true when it does.
fn sign(
    chain: &mut Chain,
    entry: &Entry,
    key: Option<&PublicKey>,
    line: u64,
) -> Result<bool, ExportFault> {
    let (Some(at_ms), Some(signature)) = (entry.signed_at, &entry.signature) else {
        return Ok(false);
    };
    let end = AuditEnd {
        sequence: entry.sequence,
        at_ms,
        hash: *chain.walk.last(),
    };
    let holds = |key: &PublicKey| {
        hex::decode(signature)
            .is_some_and(|signature| verify_audit_root(key, &end, &signature).is_ok())
    };
    if key.is_some_and(|key| !holds(key)) {
        return Err(ExportFault::Signature {
            line,
            chain: entry.chain.clone(),
            sequence: entry.sequence,
        });
    }
    chain.signed = entry.sequence;
    Ok(true)
}

#[cfg(test)]
mod tests;
