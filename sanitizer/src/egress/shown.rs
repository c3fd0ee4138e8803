//! The refusals that `GET /v1/quarantine` can show. Each customer has a share, so that nobody's flood hides another's. Pure.

use bytes::Bytes;
use spokegate_contract::TenantId;
use std::collections::{BTreeMap, VecDeque};

/// Records of one customer.
const TENANT_RECORDS_MAX: usize = 1_000;
/// Bytes of all records; the oldest of whoever has most make room.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// One customer's records with their places among all, oldest first.
#[derive(Debug, Default)]
struct Share {
    records: VecDeque<(u64, Bytes)>,
    bytes: usize,
}

impl Share {
    /// Takes the oldest out and says how long it was.
    fn drop_oldest(&mut self) -> usize {
        let dropped = self.records.pop_front();
        let bytes = dropped.map_or(0, |(_, record)| record.len());
        self.bytes = self.bytes.saturating_sub(bytes);
        bytes
    }
}

/// The newest records of all customers.
#[derive(Debug, Default)]
pub(super) struct Shown {
    shares: BTreeMap<TenantId, Share>,
    bytes: usize,
    last: u64,
}

impl Shown {
    /// Adds a record.
    pub(super) fn add(&mut self, tenant: TenantId, record: Bytes) {
        self.last = self.last.saturating_add(1);
        self.bytes = self.bytes.saturating_add(record.len());
        let share = self.shares.entry(tenant).or_default();
        share.bytes = share.bytes.saturating_add(record.len());
        share.records.push_back((self.last, record));
        if share.records.len() > TENANT_RECORDS_MAX {
            self.bytes = self.bytes.saturating_sub(share.drop_oldest());
        }
        while self.bytes > BYTES_MAX {
            let most = self.shares.values_mut().max_by_key(|share| share.bytes);
            let Some(freed) = most.map(Share::drop_oldest).filter(|freed| *freed > 0) else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(freed);
        }
    }

    /// The newest records of a customer, or of all, newest first.
    pub(super) fn newest(&self, tenant: Option<&TenantId>, limit: usize) -> Vec<Bytes> {
        let wanted = self
            .shares
            .iter()
            .filter(|(owner, _)| tenant.is_none_or(|tenant| tenant == *owner));
        let mut records: Vec<&(u64, Bytes)> = wanted
            .flat_map(|(_, share)| share.records.iter().rev().take(limit))
            .collect();
        records.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
        let newest = records.into_iter().take(limit);
        newest.map(|(_, record)| record.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    fn texts(shown: &Shown, of: Option<&str>, limit: usize) -> Vec<String> {
        let records = shown.newest(of.map(tenant).as_ref(), limit);
        let text = |record: &Bytes| String::from_utf8(record.to_vec()).unwrap();
        records.iter().map(text).collect()
    }

    #[test]
    fn newest_first_of_one_and_of_all() {
        let mut shown = Shown::default();
        for (name, text) in [("acme", "1"), ("globex", "2"), ("acme", "3"), ("acme", "4")] {
            shown.add(tenant(name), text.into());
        }
        assert_eq!(texts(&shown, None, 10), ["4", "3", "2", "1"]);
        assert_eq!(texts(&shown, None, 3), ["4", "3", "2"]);
        assert_eq!(texts(&shown, Some("acme"), 2), ["4", "3"]);
        assert_eq!(texts(&shown, Some("globex"), usize::MAX), ["2"]);
        assert_eq!(texts(&shown, Some("initech"), 10), [""; 0]);
        assert_eq!(texts(&shown, None, 0), [""; 0]);
    }

    #[test]
    fn a_flood_hides_its_own_and_no_other() {
        let mut shown = Shown::default();
        shown.add(tenant("globex"), "kept".into());
        for number in 0..5_000 {
            shown.add(tenant("acme"), number.to_string().into());
        }
        assert_eq!(texts(&shown, Some("globex"), 10), ["kept"]);
        let own = texts(&shown, Some("acme"), usize::MAX);
        assert_eq!((own.len(), own[0].as_str()), (TENANT_RECORDS_MAX, "4999"));
    }

    #[test]
    fn bytes_are_bounded_at_the_cost_of_whoever_has_most() {
        let mut shown = Shown::default();
        let record = Bytes::from(vec![b'x'; 1_000_000]);
        shown.add(tenant("globex"), "small".into());
        for _ in 0..100 {
            shown.add(tenant("acme"), record.clone());
        }
        let held: usize = shown.newest(None, usize::MAX).iter().map(Bytes::len).sum();
        assert_eq!((held, shown.bytes), (16_000_005, 16_000_005));
        assert_eq!(texts(&shown, Some("globex"), 1), ["small"]);
        // One that is longer than all the room goes at once, and takes nothing else along but what has most.
        shown.add(tenant("acme"), vec![b'x'; BYTES_MAX + 1].into());
        assert_eq!(texts(&shown, None, 10), ["small"]);
    }
}
