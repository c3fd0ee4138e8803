//! The last lines of output, by bytes. Who reads them has a place in it and no queue of its own: a slow reader finds that
//! lines are gone, and how many, and holds up nobody. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

/// What a line costs besides its text.
const LINE_BYTES: usize = 64;

/// Lines with running numbers.
#[derive(Debug)]
pub(super) struct Ring {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    bytes_max: usize,
    /// The number of the line to come.
    next: u64,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Lines that went before they were read.
    pub(super) lost: u64,
    pub(super) lines: Vec<Arc<str>>,
    /// Where to go on.
    pub(super) next: u64,
}

impl Ring {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            bytes_max,
            next: 0,
        }
    }

    /// Before the first line: the number that it gets.
    pub(super) fn begin_at(&mut self, number: u64) {
        if self.lines.is_empty() {
            self.next = number;
        }
    }

    /// Adds a line; the oldest ones make room.
    pub(super) fn push(&mut self, line: Arc<str>) {
        self.bytes += line.len() + LINE_BYTES;
        self.lines.push_back(line);
        self.next += 1;
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.len() + LINE_BYTES;
        }
    }

    /// The number of the line to come.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Where the last so many lines begin.
    pub(super) fn tail(&self, lines: u64) -> u64 {
        self.next.saturating_sub(lines).max(self.first())
    }

    /// At most so many lines from a number on.
    pub(super) fn read(&self, from: u64, lines_max: usize) -> Read {
        let start = from.clamp(self.first(), self.next);
        let skipped = usize::try_from(start - self.first()).unwrap_or(usize::MAX);
        let lines: Vec<_> = self
            .lines
            .iter()
            .skip(skipped)
            .take(lines_max)
            .cloned()
            .collect();
        Read {
            lost: start.saturating_sub(from),
            next: start + lines.len() as u64,
            lines,
        }
    }

    fn first(&self) -> u64 {
        self.next - self.lines.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for three lines of one byte.
    fn ring(lines: &[&str]) -> Ring {
        let mut ring = Ring::new(3 * (LINE_BYTES + 1));
        for line in lines {
            ring.push((*line).into());
        }
        ring
    }

    #[track_caller]
    fn check(held: &[&str], (from, lines_max): (u64, usize), (lost, expected): (u64, &[&str])) {
        let read = ring(held).read(from, lines_max);
        let lines: Vec<&str> = read.lines.iter().map(AsRef::as_ref).collect();
        assert_eq!((read.lost, lines.as_slice()), (lost, expected));
        assert_eq!(read.next, from + lost + expected.len() as u64);
    }

    #[test]
    fn a_reader_goes_on_where_it_was_and_learns_what_it_lost() {
        let all = ["a", "b", "c", "d", "e"];
        check(&all[..2], (0, 9), (0, &["a", "b"]));
        check(&all[..3], (0, 9), (0, &["a", "b", "c"]));
        check(&all[..4], (0, 9), (1, &["b", "c", "d"]));
        check(&all, (1, 9), (1, &["c", "d", "e"]));
        check(&all, (2, 1), (0, &["c"]));
        check(&all, (5, 9), (0, &[]));
        check(&[], (0, 9), (0, &[]));
    }

    #[test]
    fn it_is_bounded_by_bytes_whatever_the_lines_are() {
        let mut ring = ring(&["a", "b", "c"]);
        ring.push("x".repeat(LINE_BYTES + 2).as_str().into());
        assert_eq!(ring.lines.len(), 2);
        ring.push("y".repeat(1_000).as_str().into());
        assert_eq!((ring.lines.len(), ring.bytes), (0, 0));
        assert_eq!((ring.next(), ring.tail(9)), (5, 5));
        ring.push("z".into());
        assert_eq!((ring.tail(1), ring.tail(9), ring.tail(0)), (5, 5, 6));
    }
}
