//! Denials of requests without a session: one record per address and reason in a minute, then one with their number.
//! Whoever has not signed in must not be able to fill the disk.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::{AuditEvent, Decision, kept};
use crate::store::Store;

/// Length of a window.
const WINDOW_MS: u64 = 60_000;
/// Windows open at once. Past that, further addresses share one window per reason.
const WINDOWS_MAX: usize = 256;

/// The windows that are open; pure.
#[derive(Debug, Default)]
pub(in crate::store) struct Strangers {
    windows: BTreeMap<Key, Window>,
}

/// Who is counted together, and the reason; nobody in particular once there are too many.
type Key = (String, String);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    start_ms: u64,
    last_ms: u64,
    more: u64,
    action: String,
    address: String,
}

impl Strangers {
    /// Counts a denial; true when it is the first of its window and is to be recorded itself.
    fn note(&mut self, from: &str, event: &AuditEvent<'_>) -> Option<Key> {
        let reason = kept(event.reason);
        let mut key = (from.to_owned(), reason);
        let mut address = event.address;
        if !self.windows.contains_key(&key) && self.windows.len() >= WINDOWS_MAX {
            key.0.clear();
            address = "";
        }
        if let Some(window) = self.windows.get_mut(&key) {
            window.more += 1;
            window.last_ms = event.at_ms;
            return None;
        }
        let window = Window {
            start_ms: event.at_ms,
            last_ms: event.at_ms,
            more: 0,
            action: event.action.to_owned(),
            address: address.to_owned(),
        };
        self.windows.insert(key.clone(), window);
        Some(key)
    }

    /// Takes out the windows that have ended at `now_ms`; all of them without.
    fn ended(&mut self, now_ms: Option<u64>) -> Vec<(String, Window)> {
        // A clock that went back ends a window, too.
        let over = |window: &Window| {
            now_ms.is_none_or(|now_ms| now_ms.abs_diff(window.start_ms) >= WINDOW_MS)
        };
        self.windows
            .extract_if(.., |_, window| over(window))
            .map(|((_, reason), window)| (reason, window))
            .collect()
    }
}

impl Store {
    /// Records a denial of somebody without a session: the first from `from` for its reason in a minute at once, the
    /// others as a number when the minute is over.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn audit_stranger(
        &self,
        from: &str,
        event: AuditEvent<'_>,
    ) -> Result<(), sqlx::Error> {
        metrics::counter!("spokegate_reports_strangers_denied_total").increment(1);
        self.audit_strangers_ended(Some(event.at_ms)).await?;
        // In a statement of its own: the lock must not be held while waiting.
        let first = self.strangers().note(from, &event);
        let Some(key) = first else {
            return Ok(());
        };
        let recorded = self.audit(event).await;
        if recorded.is_err() {
            self.strangers().windows.remove(&key);
        }
        recorded.map(|_| ())
    }

    /// Records how many denials came after the first in the windows that have ended at `now_ms`; in all without.
    ///
    /// # Errors
    /// When the store cannot write; the numbers not yet recorded are then in the metric only.
    pub async fn audit_strangers_ended(&self, now_ms: Option<u64>) -> Result<(), sqlx::Error> {
        let ended = self.strangers().ended(now_ms);
        for (reason, window) in ended.iter().filter(|(_, window)| window.more > 0) {
            self.audit(AuditEvent {
                at_ms: window.last_ms,
                actor: "unknown",
                name: "",
                action: &window.action,
                decision: Decision::Denied,
                reason,
                subject: &format!("{} more within a minute", window.more),
                address: &window.address,
            })
            .await?;
        }
        Ok(())
    }

    fn strangers(&self) -> std::sync::MutexGuard<'_, Strangers> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(at_ms: u64, address: &str) -> AuditEvent<'_> {
        AuditEvent {
            at_ms,
            actor: "unknown",
            name: "",
            action: "request.forged",
            decision: Decision::Denied,
            reason: "no-origin",
            subject: "/sessions/1/end",
            address,
        }
    }

    #[tokio::test]
    async fn a_flood_makes_two_records_a_minute() {
        for store in crate::testing::stores().await {
            flood(&store).await;
        }
    }

    async fn flood(store: &Store) {
        for number in 0..1_000 {
            let event = denial(number, "192.0.2.7");
            store.audit_stranger("192.0.2.7", event).await.unwrap();
        }
        assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 1);
        store.audit_strangers_ended(Some(59_999)).await.unwrap();
        assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 1);
        store.audit_strangers_ended(Some(60_000)).await.unwrap();
        let records = store.audit_page(None, 10).await.unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].subject, "999 more within a minute");
        assert_eq!(
            (records[0].at_ms, records[0].address.as_str()),
            (999, "192.0.2.7")
        );
        store
            .audit_stranger("192.0.2.7", denial(70_000, ""))
            .await
            .unwrap();
        store.audit_strangers_ended(None).await.unwrap();
        assert_eq!(store.audit_page(None, 10).await.unwrap().len(), 3);
    }

    #[test]
    fn windows_are_bounded() {
        let mut strangers = Strangers::default();
        let mut recorded = 0;
        for number in 0..5_000 {
            let address = number.to_string();
            recorded += usize::from(strangers.note(&address, &denial(1, &address)).is_some());
        }
        assert_eq!(recorded, WINDOWS_MAX + 1);
        assert_eq!(strangers.windows.len(), WINDOWS_MAX + 1);
        let ended = strangers.ended(Some(60_001));
        let more: u64 = ended.iter().map(|(_, window)| window.more).sum();
        assert_eq!(more as usize + recorded, 5_000, "every one is counted");
    }
}
