//! Where rendered XML goes: counted, bounded, buffered into deflate, with paragraphs put where an element
//! must not end empty.

use std::io::{self, Write};

use crate::budget;
use crate::valid::{Findings, Machine};

/// Mark at the end of an element that must hold a paragraph.
pub(crate) const END_OF_BLOCKS: char = '\u{e}';
/// Mark at the end of a row, which must hold a cell.
pub(crate) const END_OF_ROW: char = '\u{f}';
/// Mark at the end of a table, which must hold a row.
pub(crate) const END_OF_TABLE: char = '\u{10}';

const PARAGRAPH: &[u8] = b"<w:p/>";
const CELL: &[u8] = b"<w:tc><w:p/></w:tc>";
const ROW: &[u8] = b"<w:tr><w:tc><w:p/></w:tc></w:tr>";

/// How much is gathered before it is compressed.
const BUFFER_BYTES: usize = 64 * 1024;
/// How much always stays in the buffer, to see what was written last.
const TAIL_BYTES: usize = 256;

/// True for the marks that [`Sink`] takes.
pub(crate) fn is_mark(c: char) -> bool {
    matches!(c, END_OF_BLOCKS | END_OF_ROW | END_OF_TABLE)
}

/// The writer behind one part.
pub(crate) struct Sink<W: Write> {
    out: W,
    buffer: Vec<u8>,
    written: u64,
    limit: u64,
    passed: bool,
    late: bool,
    machine: Option<Machine>,
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(out: W, limit: u64) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4),
            written: 0,
            limit,
            passed: false,
            late: false,
            machine: None,
        }
    }

    /// Has the output looked at as it goes.
    pub(crate) fn verified(self, machine: Option<Machine>) -> Self {
        Self { machine, ..self }
    }

    /// True when more was to be written than the limit allows.
    pub(crate) fn passed_limit(&self) -> bool {
        self.passed
    }

    /// True when the render took too long.
    pub(crate) fn is_late(&self) -> bool {
        self.late
    }

    /// Writes what is left; gives the bytes written in all, and what is to be said of them.
    pub(crate) fn finish(mut self) -> io::Result<(u64, Findings)> {
        self.out.write_all(&self.buffer)?;
        let findings = self.machine.map(Machine::finish);
        Ok((self.written, findings.unwrap_or_default()))
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        if self.written > self.limit {
            self.passed = true;
            return Err(io::Error::other("the output limit is passed"));
        }
        if let Some(machine) = &mut self.machine {
            machine.feed(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() > BUFFER_BYTES {
            if budget::is_late() {
                self.late = true;
                return Err(io::Error::other("the time limit is passed"));
            }
            let full = self.buffer.len() - TAIL_BYTES;
            self.out.write_all(&self.buffer[..full])?;
            self.buffer.copy_within(full.., 0);
            self.buffer.truncate(TAIL_BYTES);
        }
        Ok(())
    }

    fn mark(&mut self, mark: u8) -> io::Result<()> {
        let (needed, filler): (&[&[u8]], &[u8]) = match char::from(mark) {
            END_OF_BLOCKS => (&[b"</w:p>", b"<w:p/>"], PARAGRAPH),
            END_OF_ROW => (&[b"</w:tc>"], CELL),
            _ => (&[b"</w:tr>"], ROW),
        };
        let kept = self.buffer.trim_ascii_end();
        if needed.iter().any(|end| kept.ends_with(end)) {
            return Ok(());
        }
        self.push(filler)
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Values never hold control characters, so one alone can only be a mark.
        match bytes {
            [mark @ 0x0e..=0x10] => self.mark(*mark),
            _ => self.push(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Sink;
    use std::io::Write;

    fn check(pieces: &[&str], expected: &str) {
        let mut out = Vec::new();
        let mut sink = Sink::new(&mut out, 10_000_000);
        for piece in pieces {
            sink.write_all(piece.as_bytes()).unwrap();
        }
        assert_eq!(sink.finish().unwrap().0, expected.len() as u64);
        assert!(out == expected.as_bytes());
    }

    #[test]
    fn elements_never_end_empty() {
        check(&["<w:tc>", "\u{e}", "</w:tc>"], "<w:tc><w:p/></w:tc>");
        check(
            &["<w:tc><w:p>", "</w:p>", "\u{e}", "</w:tc>"],
            "<w:tc><w:p></w:p></w:tc>",
        );
        check(
            &["<w:tr>", "\u{f}", "</w:tr>"],
            "<w:tr><w:tc><w:p/></w:tc></w:tr>",
        );
        check(
            &["<w:tbl>", "\u{10}", "</w:tbl>"],
            "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>",
        );
        let long = "x".repeat(500_000) + "</w:p>";
        check(&[&long, "\u{e}", "!"], &(long.clone() + "!"));
    }

    #[test]
    fn the_limit_ends_the_output() {
        let mut sink = Sink::new(Vec::new(), 3);
        sink.write_all(b"abc").unwrap();
        assert!(!sink.passed_limit());
        sink.write_all(b"d").unwrap_err();
        assert!(sink.passed_limit());
    }
}
