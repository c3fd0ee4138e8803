//! A lane's records that wait for the centre. Pure.

use bytes::Bytes;
use spokegate_contract::TenantId;
use std::collections::{BTreeMap, VecDeque};

/// A sealed record in its place.
#[derive(Debug, Clone)]
struct Entry {
    cursor: u64,
    tenant: TenantId,
    record: Bytes,
    seal: String,
}

/// Records in the order of arrival. Room is granted by the supervisor, per tenant, before a record comes.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    entries: VecDeque<Entry>,
    last: u64,
    per_tenant_max: Option<usize>,
}

impl Outbox {
    /// One that keeps the newest of each tenant when nobody reads: for records of which each is soon made again.
    pub(super) fn newest(per_tenant_max: usize) -> Outbox {
        Outbox {
            per_tenant_max: Some(per_tenant_max),
            ..Outbox::default()
        }
    }

    /// Adds a record under the next cursor; returns the bytes of the tenant's record that made room for it.
    pub(super) fn push(&mut self, tenant: TenantId, record: Bytes, seal: String) -> Option<u64> {
        let dropped = self.make_room(&tenant);
        self.last = self.last.saturating_add(1);
        self.entries.push_back(Entry {
            cursor: self.last,
            tenant,
            record,
            seal,
        });
        dropped
    }

    fn make_room(&mut self, tenant: &TenantId) -> Option<u64> {
        let most = self.per_tenant_max?;
        let mut own = self.entries.iter().enumerate();
        let mut own = own.by_ref().filter(|(_, entry)| entry.tenant == *tenant);
        let (oldest, _) = own.next()?;
        if own.count().saturating_add(1) < most {
            return None;
        }
        self.entries
            .remove(oldest)
            .map(|entry| entry.record.len() as u64)
    }

    /// Frees all up to a cursor; returns the bytes by tenant.
    pub(super) fn free(&mut self, up_to: u64) -> BTreeMap<TenantId, u64> {
        let mut freed: BTreeMap<TenantId, u64> = BTreeMap::new();
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.cursor <= up_to)
        {
            if let Some(entry) = self.entries.pop_front() {
                let bytes = freed.entry(entry.tenant).or_default();
                *bytes = bytes.saturating_add(entry.record.len() as u64);
            }
        }
        freed
    }

    /// The lines of the oldest records, at most `max` and about `bytes_max` bytes but at least one.
    pub(super) fn lines(&self, max: usize, bytes_max: usize) -> Vec<u8> {
        let mut lines = Vec::new();
        for entry in self.entries.iter().take(max) {
            let size = entry.record.len().saturating_add(128);
            if !lines.is_empty() && lines.len().saturating_add(size) > bytes_max {
                break;
            }
            lines.reserve(size);
            lines.extend_from_slice(b"{\"cursor\":");
            lines.extend_from_slice(entry.cursor.to_string().as_bytes());
            lines.extend_from_slice(b",\"record\":");
            lines.extend_from_slice(&entry.record);
            lines.extend_from_slice(b",\"seal\":\"");
            lines.extend_from_slice(entry.seal.as_bytes());
            lines.extend_from_slice(b"\"}\n");
        }
        lines
    }

    /// Records that wait.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spokegate_contract::record::Line;

    fn filled(records: &[&'static str]) -> Outbox {
        let mut outbox = Outbox::default();
        for record in records {
            outbox.push(
                "acme".parse().unwrap(),
                Bytes::from_static(record.as_bytes()),
                "5ea1".to_owned(),
            );
        }
        outbox
    }

    fn cursors(lines: &[u8]) -> Vec<u64> {
        let text = std::str::from_utf8(lines).unwrap();
        text.lines()
            .map(|line| serde_json::from_str::<Line<'_>>(line).unwrap().cursor)
            .collect()
    }

    #[test]
    fn records_stay_until_they_are_freed() {
        let mut outbox = filled(&["{}", "{\"a\":1}", "{}"]);
        assert_eq!(cursors(&outbox.lines(10, 10_000)), [1, 2, 3]);
        assert_eq!(cursors(&outbox.lines(10, 10_000)), [1, 2, 3]);
        assert_eq!(outbox.free(2).into_values().collect::<Vec<_>>(), [9]);
        assert_eq!(cursors(&outbox.lines(10, 10_000)), [3]);
        assert_eq!(outbox.free(2).len(), 0);
        assert_eq!(outbox.free(u64::MAX).len(), 1);
        assert!(outbox.lines(10, 10_000).is_empty());
    }

    #[test]
    fn where_the_newest_are_kept_a_tenant_only_pushes_out_its_own() {
        let mut outbox = Outbox::newest(2);
        let mut push = |tenant: &str, record: &'static str| {
            let record = Bytes::from_static(record.as_bytes());
            outbox.push(tenant.parse().unwrap(), record, "5ea1".to_owned())
        };
        assert_eq!(push("globex", "{}"), None);
        assert_eq!(push("acme", "{\"a\":1}"), None);
        assert_eq!(push("acme", "{}"), None);
        assert_eq!(push("acme", "{}"), Some(7));
        assert_eq!(push("globex", "{}"), None);
        assert_eq!(push("acme", "{}"), Some(2));
        assert_eq!(cursors(&outbox.lines(10, 10_000)), [1, 4, 5, 6]);
        assert_eq!(outbox.free(4).len(), 2);
        assert_eq!(cursors(&outbox.lines(10, 10_000)), [5, 6]);
    }

    #[test]
    fn an_answer_is_bounded_but_never_empty_handed() {
        let outbox = filled(&["{}", "{}", "{}"]);
        assert_eq!(cursors(&outbox.lines(2, 10_000)), [1, 2]);
        assert_eq!(cursors(&outbox.lines(10, 1)), [1]);
        assert_eq!(cursors(&outbox.lines(10, 200)), [1, 2]);
    }
}
