//! Keeps a flood of refusals, or of one request again and again, from becoming a flood of rows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Decisions of one kind about one address that get a row each, within a window.
const ROWS_MAX: u64 = 20;
/// Such rows of all kinds and addresses together within a window: whoever speaks on the hops can make addresses up.
const ALL_ROWS_MAX: u64 = 1_000;
const WINDOW_MS: u64 = 60_000;
/// Kinds that are told apart; beyond them the oldest window is given up.
const KINDS_MAX: usize = 4_096;

/// What was refused or repeated of late, by address and reason.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<Windows>);

#[derive(Debug, Default)]
struct Windows {
    all: Window,
    kinds: BTreeMap<(String, &'static str), Window>,
}

#[derive(Debug, Default)]
struct Window {
    began_at_ms: u64,
    rows: u64,
    /// Decisions that got no row since the last one that did.
    left_out: u64,
}

/// Whether a decision gets a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A row of its own; it also says how many before it got none.
    Yes {
        /// Decisions of this kind that got no row since the last one.
        left_out: u64,
    },
    /// None: there were enough of this kind, or of all, in this minute.
    No,
}

impl Window {
    fn turn(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.began_at_ms) >= WINDOW_MS {
            (self.began_at_ms, self.rows) = (now_ms, 0);
        }
    }
}

impl Denials {
    /// Counts a decision.
    pub(super) fn note(&self, address: &str, reason: &'static str, now_ms: u64) -> Row {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Windows { all, kinds } = &mut *windows;
        let kind = (address.to_owned(), reason);
        if kinds.len() >= KINDS_MAX && !kinds.contains_key(&kind) {
            let oldest = kinds.iter().min_by_key(|(_, window)| window.began_at_ms);
            if let Some(oldest) = oldest.map(|(kind, _)| kind.clone()) {
                kinds.remove(&oldest);
            }
        }
        let window = kinds.entry(kind).or_insert(Window {
            began_at_ms: now_ms,
            ..Window::default()
        });
        window.turn(now_ms);
        all.turn(now_ms);
        if window.rows >= ROWS_MAX || all.rows >= ALL_ROWS_MAX {
            window.left_out += 1;
            return Row::No;
        }
        window.rows += 1;
        all.rows += 1;
        Row::Yes {
            left_out: std::mem::take(&mut window.left_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_summed_up_and_hides_nobody_else() {
        let denials = Denials::default();
        let note = |address: &str, reason, now_ms| denials.note(address, reason, now_ms);
        for number in 0..1_000 {
            let expected = if number < ROWS_MAX {
                Row::Yes { left_out: 0 }
            } else {
                Row::No
            };
            assert_eq!(note("a/b", "token-unknown", 5), expected);
        }
        let first = Row::Yes { left_out: 0 };
        assert_eq!(note("a/c", "token-unknown", 5), first);
        assert_eq!(note("a/b", "proof-wrong", 5), first);
        assert_eq!(note("a/b", "token-unknown", 4 + WINDOW_MS), Row::No);
        assert_eq!(
            note("a/b", "token-unknown", 5 + WINDOW_MS),
            Row::Yes { left_out: 981 }
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let denials = Denials::default();
        for number in 0..KINDS_MAX as u64 + 100 {
            denials.note(&format!("a/{number}"), "proof-wrong", number);
        }
        assert_eq!(denials.0.lock().unwrap().kinds.len(), KINDS_MAX);
    }

    #[test]
    fn made_up_addresses_get_no_more_rows_than_there_are_for_all() {
        let denials = Denials::default();
        let rows = |now_ms| {
            let notes = (0..ALL_ROWS_MAX * 2)
                .map(|number| denials.note(&format!("a/{number}"), "serial-unknown", now_ms));
            notes.filter(|row| *row != Row::No).count() as u64
        };
        assert_eq!(rows(5), ALL_ROWS_MAX);
        assert_eq!(rows(5 + WINDOW_MS), ALL_ROWS_MAX);
    }
}
