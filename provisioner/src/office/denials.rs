//! Keeps a flood of refusals from becoming a flood of rows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::rules::Refusal;

/// Refusals of one kind from one address that get a row each, within a window.
const ROWS_MAX: u64 = 20;
const WINDOW_MS: u64 = 60_000;
/// Kinds that are told apart; beyond them the oldest window is given up.
const KINDS_MAX: usize = 4_096;

/// What was refused of late, by address and reason.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<BTreeMap<(String, Refusal), Window>>);

#[derive(Debug)]
struct Window {
    began_at_ms: u64,
    seen: u64,
}

/// Whether a refusal gets a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A row of its own; it also says how many before it got none.
    Yes {
        /// Refusals of this kind that got no row since the last one.
        left_out: u64,
    },
    /// None: there were enough of this kind in this minute.
    No,
}

impl Denials {
    /// Counts a refusal.
    pub(super) fn note(&self, address: &str, refusal: Refusal, now_ms: u64) -> Row {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = (address.to_owned(), refusal);
        if windows.len() >= KINDS_MAX && !windows.contains_key(&kind) {
            let oldest = windows.iter().min_by_key(|(_, window)| window.began_at_ms);
            if let Some(oldest) = oldest.map(|(kind, _)| kind.clone()) {
                windows.remove(&oldest);
            }
        }
        let window = windows.entry(kind).or_insert(Window {
            began_at_ms: now_ms,
            seen: 0,
        });
        let mut left_out = 0;
        if now_ms.saturating_sub(window.began_at_ms) >= WINDOW_MS {
            left_out = window.seen.saturating_sub(ROWS_MAX);
            *window = Window {
                began_at_ms: now_ms,
                seen: 0,
            };
        }
        window.seen += 1;
        if window.seen <= ROWS_MAX {
            Row::Yes { left_out }
        } else {
            Row::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_summed_up_and_hides_nobody_else() {
        let denials = Denials::default();
        let note = |address: &str, refusal, now_ms| denials.note(address, refusal, now_ms);
        for number in 0..1_000 {
            let expected = if number < ROWS_MAX {
                Row::Yes { left_out: 0 }
            } else {
                Row::No
            };
            assert_eq!(note("a/b", Refusal::TokenUnknown, 5), expected);
        }
        let first = Row::Yes { left_out: 0 };
        assert_eq!(note("a/c", Refusal::TokenUnknown, 5), first);
        assert_eq!(note("a/b", Refusal::ProofWrong, 5), first);
        assert_eq!(note("a/b", Refusal::TokenUnknown, 4 + WINDOW_MS), Row::No);
        assert_eq!(
            note("a/b", Refusal::TokenUnknown, 5 + WINDOW_MS),
            Row::Yes { left_out: 981 }
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let denials = Denials::default();
        for number in 0..KINDS_MAX as u64 + 100 {
            denials.note(&format!("a/{number}"), Refusal::ProofWrong, number);
        }
        assert_eq!(denials.0.lock().unwrap().len(), KINDS_MAX);
    }
}
