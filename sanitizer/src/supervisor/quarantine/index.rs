//! What lies in the folder, and what has to go. Pure.

use spokegate_contract::{QuarantineId, SatelliteId, TenantId};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Disks give room in blocks; a file counts as whole ones, so that many small files are bounded too.
const BLOCK_BYTES: u64 = 4_096;
/// The end of a file's name.
const SUFFIX: &str = ".sealed";

/// The name of a file: `<id>.<tenant>.<satellite>.sealed`. Names have no dots otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// When it came, and its number.
    pub(super) id: QuarantineId,
    /// The customer.
    pub(super) tenant: TenantId,
    /// The satellite.
    pub(super) satellite: SatelliteId,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}{SUFFIX}", self.id, self.tenant, self.satellite)
    }
}

impl FromStr for Name {
    type Err = ();
    fn from_str(text: &str) -> Result<Name, ()> {
        let mut parts = text.strip_suffix(SUFFIX).ok_or(())?.splitn(3, '.');
        let mut part = || parts.next().ok_or(());
        Ok(Name {
            id: part()?.parse().map_err(|_| ())?,
            tenant: part()?.parse().map_err(|_| ())?,
            satellite: part()?.parse().map_err(|_| ())?,
        })
    }
}

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of all files.
    pub(super) bytes_max: u64,
    /// Bytes of one customer's files.
    pub(super) tenant_bytes_max: u64,
    /// Longest stay.
    pub(super) age_ms_max: u64,
}

/// One customer's files, oldest first.
#[derive(Debug, Default)]
struct Share {
    files: BTreeMap<(QuarantineId, SatelliteId), u64>,
    bytes: u64,
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Index {
    shares: BTreeMap<TenantId, Share>,
    bytes: u64,
}

impl Index {
    /// A file is there.
    pub(super) fn add(&mut self, name: Name, length: u64) {
        let size = length.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES);
        let share = self.shares.entry(name.tenant).or_default();
        let before = share.files.insert((name.id, name.satellite), size);
        let change = |bytes: u64| {
            bytes
                .saturating_sub(before.unwrap_or_default())
                .saturating_add(size)
        };
        share.bytes = change(share.bytes);
        self.bytes = change(self.bytes);
    }

    /// Bytes of all files, in whole blocks.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes out what has to go: what is too old, a customer's oldest when he has too much, and when there is too much
    /// in all, the oldest of whoever has most. So nobody's flood pushes out the files of another who has less.
    pub(super) fn excess(&mut self, bounds: &Bounds, now_ms: u64) -> Vec<Name> {
        let oldest_ms = now_ms.saturating_sub(bounds.age_ms_max);
        let mut gone = Vec::new();
        let tenants: Vec<TenantId> = self.shares.keys().cloned().collect();
        for tenant in tenants {
            let is_due = |share: &Share| {
                let first = share.files.keys().next();
                let expired = first.is_some_and(|(id, _)| id.at_ms() < oldest_ms);
                expired || share.bytes > bounds.tenant_bytes_max
            };
            while self.shares.get(&tenant).is_some_and(is_due) {
                gone.extend(self.take_oldest(&tenant));
            }
        }
        while self.bytes > bounds.bytes_max {
            let most = self.shares.iter().max_by_key(|(_, share)| share.bytes);
            let Some(tenant) = most.map(|(tenant, _)| tenant.clone()) else {
                break;
            };
            gone.extend(self.take_oldest(&tenant));
        }
        gone
    }

    fn take_oldest(&mut self, tenant: &TenantId) -> Option<Name> {
        let share = self.shares.get_mut(tenant)?;
        let oldest = share.files.pop_first();
        if let Some((_, size)) = &oldest {
            share.bytes = share.bytes.saturating_sub(*size);
            self.bytes = self.bytes.saturating_sub(*size);
        }
        if share.files.is_empty() {
            self.shares.remove(tenant);
        }
        oldest.map(|((id, satellite), _)| Name {
            id,
            tenant: tenant.clone(),
            satellite,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes_max: 10 * BLOCK_BYTES,
        tenant_bytes_max: 6 * BLOCK_BYTES,
        age_ms_max: 1_000,
    };

    fn name(tenant: &str, at_ms: u64) -> Name {
        Name {
            id: QuarantineId::new(at_ms, at_ms),
            tenant: tenant.parse().unwrap(),
            satellite: "hq".parse().unwrap(),
        }
    }

    /// After files of one block each, given as tenant and time, these have gone at a time.
    fn check(files: &[(&str, u64)], now_ms: u64, expected: &[(&str, u64)]) {
        let mut index = Index::default();
        for (tenant, at_ms) in files {
            index.add(name(tenant, *at_ms), 1);
        }
        let gone = index.excess(&BOUNDS, now_ms);
        let expected: Vec<Name> = expected.iter().map(|(t, at)| name(t, *at)).collect();
        assert_eq!(gone, expected, "{files:?} at {now_ms}");
        assert_eq!(
            index.bytes(),
            (files.len() - gone.len()) as u64 * BLOCK_BYTES
        );
        assert!(index.excess(&BOUNDS, now_ms).is_empty());
    }

    fn many(tenant: &'static str, from: u64, count: u64) -> Vec<(&'static str, u64)> {
        (from..from + count).map(|at| (tenant, at)).collect()
    }

    #[test]
    fn what_is_too_old_goes_and_its_neighbour_stays() {
        check(&[("acme", 10), ("globex", 10)], 1_010, &[]);
        check(&[("acme", 10), ("globex", 11)], 1_011, &[("acme", 10)]);
    }

    #[test]
    fn a_customers_oldest_go_when_he_has_too_much() {
        check(&many("acme", 1, 6), 10, &[]);
        check(&many("acme", 1, 7), 10, &[("acme", 1)]);
    }

    #[test]
    fn a_flood_pushes_out_its_own_and_never_anothers() {
        let mut files = many("globex", 1, 4);
        files.extend(many("acme", 10, 6));
        check(&files, 20, &[]);
        // Another who comes later has his room from who has most.
        files.push(("initech", 30));
        check(&files, 40, &[("acme", 10)]);
    }

    #[test]
    fn names_are_read_back_and_all_others_are_foreign() {
        let ours = name("acme", 1_800_000_000_000);
        assert_eq!(
            ours.to_string(),
            "1800000000000-000001a3185c5000.acme.hq.sealed"
        );
        assert_eq!(ours.to_string().parse(), Ok(ours.clone()));
        for text in [
            "",
            ".sealed",
            "notes.txt",
            "1800000000000-000001a3185c5000.acme.sealed",
            "1800000000000-000001a3185c5000.acme.hq",
            "1800000000000-000001a3185c5000.acme.hq.more.sealed",
            "1800000000000-000001a3185c5000.ACME.hq.sealed",
            "1800000000000-000001.acme.hq.sealed",
        ] {
            assert_eq!(text.parse::<Name>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_file_written_twice_counts_once() {
        let mut index = Index::default();
        index.add(name("acme", 1), 1);
        index.add(name("acme", 1), BLOCK_BYTES + 1);
        assert_eq!(index.bytes(), 2 * BLOCK_BYTES);
    }
}
