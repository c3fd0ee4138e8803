//! Canonical JSON: a recogniser that shares no code with any parser, and the two leaves of a writer.

use crate::limits::{DEPTH_MAX, INTEGER_MAX};
use crate::text::is_forbidden;

/// Depth of a record around its rows: the record itself and the array.
const RECORD_DEPTH: usize = 2;

/// Text that is not canonical JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not canonical JSON at byte {offset}")]
pub struct NotCanonical {
    /// Where it stops being so.
    pub offset: usize,
}

/// Accepts exactly one value in canonical JSON, with nothing before or after it.
pub fn check_canonical(text: &[u8]) -> Result<(), NotCanonical> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(NotCanonical { offset: 0 });
    };
    let mut scan = Scan { text, at: 0 };
    match scan.value(0) {
        Some(()) if scan.at == text.len() => Ok(()),
        _ => Err(NotCanonical { offset: scan.at }),
    }
}

/// Appends a finite number of magnitude at most 2^53 - 1: whole ones as integers, others in the shortest form that
/// reads back to the same value, as serde_json prints it.
pub fn write_number(value: f64, out: &mut Vec<u8>) {
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact as a float")]
    let most = INTEGER_MAX as f64;
    if value.fract() == 0.0 && value.abs() <= most {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        let whole = value as i64;
        write_integer(whole, out);
    } else {
        // A vector takes every byte, and a float is always a JSON number or null.
        let _ = serde_json::to_writer(out, &value);
    }
}

/// Appends an integer.
pub fn write_integer(value: i64, out: &mut Vec<u8>) {
    // A vector takes every byte, and an integer is always a JSON number.
    let _ = serde_json::to_writer(out, &value);
}

/// Appends a text in quotes with the four escapes of canonical JSON.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len().saturating_add(2));
    out.push(b'"');
    while let Some(at) = first_escaped(rest) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((special, tail)) = tail.split_first() else {
            break;
        };
        let escape = match special {
            b'\n' => b'n',
            b'\t' => b't',
            other => *other,
        };
        out.extend_from_slice(&[b'\\', escape]);
        rest = tail;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first character stands that needs an escape. Sixteen bytes at a time, so that the compiler compares them
/// at once.
fn first_escaped(text: &[u8]) -> Option<usize> {
    let is_escaped = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n' | b'\t');
    let chunks = text.chunks(16);
    let clear = |chunk: &[u8]| !chunk.iter().fold(false, |any, byte| any | is_escaped(byte));
    let before = chunks.take_while(|chunk| clear(chunk)).count();
    let start = before.saturating_mul(16);
    let rest = text.get(start..)?;
    rest.iter()
        .position(is_escaped)
        .map(|at| start.saturating_add(at))
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.step())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text
            .get(self.at..)?
            .starts_with(word)
            .then(|| self.at = self.at.saturating_add(word.len()))
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' | b'[' if depth >= DEPTH_MAX.saturating_add(RECORD_DEPTH) => None,
            b'{' => self.object(depth.saturating_add(1)),
            b'[' => self.array(depth.saturating_add(1)),
            b'"' => self.string().map(|_| ()),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.eat(b'[')?;
        if self.eat(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.eat(b']').is_some() {
                return Some(());
            }
            self.eat(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        let mut previous: Option<&'a str> = None;
        loop {
            // Names compare as written: an escape in a name would upset the order, so names have none.
            let name = self.string()?;
            if name.contains('\\') || previous.is_some_and(|previous| previous >= name) {
                return None;
            }
            previous = Some(name);
            self.eat(b':')?;
            self.value(depth)?;
            if self.eat(b'}').is_some() {
                return Some(());
            }
            self.eat(b',')?;
        }
    }

    /// A text; returned as written, between its quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => {
                    let inner = self.text.get(start..self.at)?;
                    self.step();
                    return Some(inner);
                }
                b'\\' => {
                    self.step();
                    if !matches!(self.peek()?, b'"' | b'\\' | b'n' | b't') {
                        return None;
                    }
                    self.step();
                }
                b' '..=b'~' => self.step(),
                0x80.. => {
                    let c = self.text.get(self.at..)?.chars().next()?;
                    if is_forbidden(c) {
                        return None;
                    }
                    self.at = self.at.saturating_add(c.len_utf8());
                }
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'.' | b'e')) {
            self.step();
        }
        let text = self.text.get(start..self.at)?;
        let is_integer = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let accepted = if is_integer {
            is_canonical_integer(text)
        } else {
            is_canonical_fraction(text)
        };
        if accepted.is_none() {
            self.at = start;
        }
        accepted
    }
}

fn is_canonical_integer(text: &str) -> Option<()> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.starts_with('0') {
        return (text == "0").then_some(());
    }
    let value: u64 = digits.parse().ok()?;
    (value <= INTEGER_MAX).then_some(())
}

fn is_canonical_fraction(text: &str) -> Option<()> {
    let value: f64 = text.parse().ok()?;
    let mut printed = Vec::with_capacity(24);
    write_number(value, &mut printed);
    (value.fract() != 0.0 && printed == text.as_bytes()).then_some(())
}
