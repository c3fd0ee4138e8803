//! When a process counts as hung, and when its crashes count as a loop. Pure.

use std::collections::VecDeque;

/// What an answer, or none, comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// It has not answered yet and has time left.
    Starting,
    /// The first answer.
    Came,
    /// It goes on, perhaps after a miss that is forgiven.
    Runs,
    /// It is to be started anew.
    Hung,
}

/// The answers of one life of the process.
#[derive(Clone, Debug)]
pub(super) struct Probes {
    misses_max: u32,
    misses: u32,
    answers_by_ms: u64,
    answered: bool,
}

impl Probes {
    pub(super) fn new(started_ms: u64, start_ms_max: u64, misses_max: u32) -> Self {
        Self {
            misses_max,
            misses: 0,
            answers_by_ms: started_ms.saturating_add(start_ms_max),
            answered: false,
        }
    }

    pub(super) fn judge(&mut self, answered: bool, now_ms: u64) -> Judged {
        if answered {
            self.misses = 0;
            return match std::mem::replace(&mut self.answered, true) {
                false => Judged::Came,
                true => Judged::Runs,
            };
        }
        if !self.answered {
            return match now_ms < self.answers_by_ms {
                true => Judged::Starting,
                false => Judged::Hung,
            };
        }
        self.misses += 1;
        match self.misses < self.misses_max {
            true => Judged::Runs,
            false => Judged::Hung,
        }
    }
}

/// The ends of the last while that nobody asked for.
#[derive(Clone, Debug)]
pub(super) struct Crashes {
    count_max: usize,
    window_ms: u64,
    at_ms: VecDeque<u64>,
}

impl Crashes {
    pub(super) fn new(count_max: usize, window_ms: u64) -> Self {
        Self {
            count_max,
            window_ms,
            at_ms: VecDeque::new(),
        }
    }

    /// Notes one; whether they are a loop now, after which they are counted anew.
    pub(super) fn note(&mut self, now_ms: u64) -> bool {
        self.at_ms.push_back(now_ms);
        let since_ms = now_ms.saturating_sub(self.window_ms);
        self.at_ms.retain(|at_ms| *at_ms >= since_ms);
        let is_loop = self.at_ms.len() >= self.count_max;
        if is_loop {
            self.at_ms.clear();
        }
        is_loop
    }

    /// Somebody started it by hand: what was before does not count.
    pub(super) fn forget(&mut self) {
        self.at_ms.clear();
    }
}

/// Samples in a row above a limit that are too many: one is a peak.
const OVER_MAX: u32 = 3;

/// Memory against its limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    bytes_max: u64,
    over: u32,
}

impl Memory {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, over: 0 }
    }

    /// Whether it has been too much for too long.
    pub(super) fn is_over(&mut self, bytes: u64) -> bool {
        self.over = match bytes > self.bytes_max {
            true => self.over + 1,
            false => 0,
        };
        self.over >= OVER_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_probes(answers: &[(bool, u64)], expected: &[Judged]) {
        let mut probes = Probes::new(1_000, 60_000, 3);
        let judged: Vec<Judged> = answers
            .iter()
            .map(|(answered, now_ms)| probes.judge(*answered, *now_ms))
            .collect();
        assert_eq!(judged, expected, "{answers:?}");
    }

    #[test]
    fn a_start_has_its_time_and_then_misses_in_a_row_count() {
        use Judged::{Came, Hung, Runs, Starting};
        check_probes(&[(false, 1_500), (false, 60_999)], &[Starting, Starting]);
        check_probes(&[(false, 1_500), (false, 61_000)], &[Starting, Hung]);
        check_probes(&[(false, 1_500), (true, 2_000)], &[Starting, Came]);
        check_probes(&[(true, 2_000), (true, 3_000)], &[Came, Runs]);
        let (up, miss) = ((true, 9), (false, 9));
        check_probes(
            &[up, miss, miss, up, miss, miss],
            &[Came, Runs, Runs, Runs, Runs, Runs],
        );
        check_probes(&[up, miss, miss, miss], &[Came, Runs, Runs, Hung]);
    }

    #[track_caller]
    fn check_crashes(at_s: &[u64], expected: &[bool]) {
        let mut crashes = Crashes::new(3, 60_000);
        let noted: Vec<bool> = at_s.iter().map(|at| crashes.note(at * 1_000)).collect();
        assert_eq!(noted, expected, "{at_s:?}");
    }

    #[test]
    fn crashes_are_a_loop_only_within_the_window() {
        check_crashes(&[100, 101, 102], &[false, false, true]);
        check_crashes(&[100, 130, 160], &[false, false, true]);
        check_crashes(&[100, 130, 161], &[false, false, false]);
        check_crashes(&[100, 130, 161, 190], &[false, false, false, true]);
        check_crashes(
            &[1, 1, 1, 1, 1, 1],
            &[false, false, true, false, false, true],
        );
        let mut crashes = Crashes::new(2, 60_000);
        assert!(!crashes.note(1));
        crashes.forget();
        assert!(!crashes.note(2));
    }

    #[test]
    fn a_peak_of_memory_is_no_fault() {
        let mut memory = Memory::new(100);
        let over: Vec<bool> = [101, 200, 100, 101, 101, 101]
            .iter()
            .map(|bytes| memory.is_over(*bytes))
            .collect();
        assert_eq!(over, [false, false, false, false, false, true]);
    }
}
