//! What the supervisor writes down of what the sanitizer did and refused, until egress takes it into the chain. The
//! first of a kind goes at once; its like within ten seconds are summed, so that no flood of rubbish becomes a flood of
//! entries.

use super::hub::Hub;
use crate::link::{Note, ToEgress};
use spokegate_contract::TenantId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What is alike within this time is summed.
const WINDOW_MS: u64 = 10_000;
/// Kinds that are summed at once; what comes beyond is summed without its subject.
const OPEN_MAX: usize = 4_096;
/// Kinds that are summed without their subject at once; what comes beyond is summed without its reason as well, so that
/// only the few things that can happen are left to tell kinds apart.
const OPEN_REASONS_MAX: usize = OPEN_MAX + 256;
/// Entries that wait for an egress that is away; the oldest make room.
const WAITING_MAX: usize = 8_192;
/// Characters of a reason.
const REASON_MAX: usize = 120;

/// Time between two looks at what waits.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// The subject, or the reason, of what is summed without one.
const OTHERS: &str = "others";

type Kind = (&'static str, String, String);

#[derive(Debug, Clone, Copy)]
struct Sum {
    since_ms: u64,
    count: u64,
}

/// The notes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: BTreeMap<Kind, Sum>,
    waiting: VecDeque<Note>,
    lost: u64,
}

impl Ledger {
    /// Writes down that something happened so many times.
    pub(super) fn note(
        &mut self,
        now_ms: u64,
        (action, reason, subject): (&'static str, &str, &str),
        count: u64,
    ) {
        let reason = printable(reason);
        let mut kind = (action, reason, subject.to_owned());
        if self.open.len() >= OPEN_MAX && !self.open.contains_key(&kind) {
            kind.2 = OTHERS.to_owned();
        }
        if self.open.len() >= OPEN_REASONS_MAX && !self.open.contains_key(&kind) {
            kind.1 = OTHERS.to_owned();
        }
        if let Some(sum) = self.open.get_mut(&kind) {
            sum.count = sum.count.saturating_add(count);
            return;
        }
        let (since_ms, later) = (now_ms, 0);
        self.wait(now_ms, &kind, count);
        self.open.insert(
            kind,
            Sum {
                since_ms,
                count: later,
            },
        );
    }

    /// Closes the sums whose time is over.
    pub(super) fn close(&mut self, now_ms: u64) {
        let over = |sum: &Sum| now_ms.saturating_sub(sum.since_ms) >= WINDOW_MS;
        let closed: Vec<(Kind, Sum)> = self.open.extract_if(.., |_, sum| over(sum)).collect();
        for (kind, sum) in closed {
            if sum.count > 0 {
                self.wait(now_ms, &kind, sum.count);
            }
        }
    }

    /// What waits, and how much had to make room for it.
    pub(super) fn take(&mut self) -> (VecDeque<Note>, u64) {
        (
            std::mem::take(&mut self.waiting),
            std::mem::take(&mut self.lost),
        )
    }

    fn wait(&mut self, at_ms: u64, (action, reason, subject): &Kind, count: u64) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.waiting.push_back(Note {
            at_ms,
            action: (*action).to_owned(),
            reason: reason.clone(),
            subject: subject.clone(),
            count,
        });
    }
}

/// Hands egress what waits, for as long as the supervisor runs, and sums up what passed.
pub(super) async fn tell(hub: Arc<Hub>) {
    let soft = hub.context.tasks.soft();
    let mut timer = tokio::time::interval(TELL_INTERVAL);
    let mut passed: BTreeMap<TenantId, u64> = BTreeMap::new();
    let mut summed_ms = hub.context.clock.now_ms();
    while soft.run_until_cancelled(timer.tick()).await.is_some() {
        let now_ms = hub.context.clock.now_ms();
        if now_ms.saturating_sub(summed_ms) >= WINDOW_MS {
            summed_ms = now_ms;
            sum_passed(&hub, &mut passed, now_ms);
        }
        if !hub.egress.is_there() {
            continue;
        }
        let (waiting, lost) = {
            let mut ledger = hub.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.close(now_ms);
            ledger.take()
        };
        if lost > 0 {
            metrics::counter!("spokegate_sanitizer_audit_lost_total").increment(lost);
            let mut ledger = hub.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.note(now_ms, ("audit.lose", "egress-away", ""), lost);
        }
        for note in waiting {
            hub.egress.send(&ToEgress::Audit(note), b"").await;
        }
    }
}

/// How many messages of each tenant passed since the last look.
fn sum_passed(hub: &Hub, known: &mut BTreeMap<TenantId, u64>, now_ms: u64) {
    let mut ledger = hub.ledger.lock().unwrap_or_else(PoisonError::into_inner);
    for (tenant, lane) in &hub.lanes {
        let number = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let passed = number(&lane.stats.handled).saturating_sub(number(&lane.stats.refused));
        let before = known.insert(tenant.clone(), passed).unwrap_or_default();
        if passed > before {
            let what = ("messages.pass", "", tenant.as_str());
            ledger.note(now_ms, what, passed.saturating_sub(before));
        }
    }
}

/// Text that stands on one line and needs no escape: what is no printable ASCII becomes `?`, and it is cut.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '"' | '\\' => '?',
            ' '..='~' => character,
            _ => '?',
        })
        .take(REASON_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "message.refuse";

    fn told(ledger: &mut Ledger) -> Vec<(String, String, u64)> {
        let (waiting, _) = ledger.take();
        let tell = |note: Note| (note.reason, note.subject, note.count);
        waiting.into_iter().map(tell).collect()
    }

    fn said(reason: &str, subject: &str, count: u64) -> (String, String, u64) {
        (reason.to_owned(), subject.to_owned(), count)
    }

    #[test]
    fn the_first_goes_at_once_and_its_like_as_a_sum() {
        let mut ledger = Ledger::default();
        for now_ms in [0, 1, 9_999] {
            ledger.note(now_ms, (REFUSED, "form", "acme/hq"), 1);
        }
        ledger.note(5, (REFUSED, "form", "acme/branch"), 1);
        ledger.note(5, (REFUSED, "digest", "acme/hq"), 1);
        assert_eq!(
            told(&mut ledger),
            [
                said("form", "acme/hq", 1),
                said("form", "acme/branch", 1),
                said("digest", "acme/hq", 1)
            ]
        );
        ledger.close(9_999);
        assert_eq!(told(&mut ledger), []);
        ledger.close(10_000);
        assert_eq!(told(&mut ledger), [said("form", "acme/hq", 2)]);
        // Nothing was summed for the others, and what comes now is a first again.
        ledger.close(60_000);
        assert_eq!(told(&mut ledger), []);
        ledger.note(60_000, (REFUSED, "form", "acme/hq"), 5);
        assert_eq!(told(&mut ledger), [said("form", "acme/hq", 5)]);
    }

    #[test]
    fn a_flood_of_subjects_is_bounded_and_none_goes_uncounted() {
        let mut ledger = Ledger::default();
        let all = OPEN_MAX + 1_000;
        (0..all)
            .for_each(|number| ledger.note(0, (REFUSED, "form", &format!("acme/s{number}")), 1));
        assert!(ledger.open.len() <= OPEN_MAX + 1);
        ledger.close(WINDOW_MS);
        let told = told(&mut ledger);
        assert_eq!(
            told.iter().map(|(.., count)| count).sum::<u64>(),
            all as u64
        );
        assert_eq!(told.last(), Some(&said("form", OTHERS, 999)));
    }

    #[test]
    fn a_flood_of_reasons_is_bounded_and_none_goes_uncounted() {
        let mut ledger = Ledger::default();
        let all = OPEN_REASONS_MAX + 1_000;
        for number in 0..all {
            let reason = format!("form {number}");
            ledger.note(0, (REFUSED, &reason, "acme/hq"), 1);
            ledger.note(0, ("worker.lose", &reason, "acme"), 1);
        }
        // One more for each thing that can happen.
        assert_eq!(ledger.open.len(), OPEN_REASONS_MAX + 2);
        ledger.close(WINDOW_MS);
        let (waiting, lost) = ledger.take();
        let count: u64 = waiting.iter().map(|note| note.count).sum();
        assert_eq!((count, lost), (2 * all as u64, 0));
        let is_rest = |note: &&Note| (&*note.reason, &*note.subject) == (OTHERS, OTHERS);
        assert_eq!(waiting.iter().filter(is_rest).count(), 4);
    }

    #[test]
    fn an_egress_that_is_away_loses_the_oldest_and_says_how_many() {
        let mut ledger = Ledger::default();
        for number in 0..WAITING_MAX + 3 {
            let at_ms = number as u64 * WINDOW_MS;
            ledger.close(at_ms);
            ledger.note(at_ms, (REFUSED, "form", "acme/hq"), 1);
        }
        let (waiting, lost) = ledger.take();
        assert_eq!((waiting.len(), lost), (WAITING_MAX, 3));
        assert_eq!(ledger.take().1, 0);
    }

    #[test]
    fn a_reason_needs_no_escape() {
        let mut ledger = Ledger::default();
        ledger.note(0, (REFUSED, "a\n\"b\\\u{e9}~", "x"), 1);
        assert_eq!(told(&mut ledger), [said("a??b??~", "x", 1)]);
    }
}
