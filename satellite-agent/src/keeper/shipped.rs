//! Lines as the centre has them: the dataset `node-red-log`. They are masked already, and fit its contract.

use serde_json::{Value, json};
use spokegate_contract::text;

use super::book::Book;
use super::ring::Read;

/// Bytes of a line's text; its contract counts characters.
const LINE_BYTES_MAX: usize = 2_000;
/// Room for the word that a line was cut.
const CUT_BYTES: usize = 40;
/// How a line in the book begins: `2026-11-20T06:15:00Z out   `.
const AT_BYTES: usize = 20;
const HEAD_BYTES: usize = AT_BYTES + 1 + 5 + 1;

/// Reads lines for the centre. Clones read the same book.
#[derive(Clone)]
pub(crate) struct Lines(Book);

/// What there is to send.
#[derive(Debug, Default)]
pub(crate) struct Shipment {
    /// Rows in order.
    pub(crate) rows: Vec<Value>,
    /// The number to go on at.
    pub(crate) next: u64,
    /// Lines that went before they could be sent.
    pub(crate) lost: u64,
}

impl Lines {
    pub(super) fn new(book: Book) -> Self {
        Self(book)
    }

    /// At most so many of the last lines, those above a number; what went before it could be read is counted where somebody
    /// had a place.
    pub(crate) fn last(&self, tail: u64, after: Option<u64>) -> Shipment {
        let tail_from = self.0.tail_from(tail);
        let from = after.map_or(tail_from, |after| after.saturating_add(1).max(tail_from));
        shipment(
            self.0
                .from(from, usize::try_from(tail).unwrap_or(usize::MAX)),
            0,
        )
    }

    /// At most so many lines from a number on.
    pub(crate) fn from(&self, number: u64, lines_max: usize) -> Shipment {
        let read = self.0.from(number, lines_max);
        let lost = read.lost;
        shipment(read, lost)
    }
}

fn shipment(read: Read, lost: u64) -> Shipment {
    let first = read.next - read.lines.len() as u64;
    let mut before = lost;
    let row = |(number, line): (u64, &std::sync::Arc<str>)| {
        let row = row(number, line, before)?;
        before = 0;
        Some(row)
    };
    let rows = (first..).zip(&read.lines).filter_map(row).collect();
    Shipment {
        rows,
        next: read.next,
        lost,
    }
}

/// A line of the book as a row of the contract.
fn row(number: u64, line: &str, lost: u64) -> Option<Value> {
    let stream = match line.get(AT_BYTES..HEAD_BYTES)?.trim() {
        "out" => "out",
        "err" => "err",
        _ => "keeper",
    };
    let whole = line.get(HEAD_BYTES..)?;
    let mut text = text::one_line(whole, LINE_BYTES_MAX);
    if whole.len() > LINE_BYTES_MAX {
        text = text::one_line(whole, LINE_BYTES_MAX - CUT_BYTES);
        text.push_str(&format!(" [{} bytes more]", whole.len() - text.len()));
    }
    let at = line.get(..AT_BYTES)?;
    Some(json!({ "number": number, "at": at, "stream": stream, "line": text, "lost": lost }))
}

#[cfg(test)]
mod tests {
    use spokegate_daemon::Clock;

    use super::super::book::Stream;
    use super::super::lines::Mask;
    use super::*;

    const AT_MS: u64 = 1_763_890_000_000;

    fn book(folder: &std::path::Path) -> Book {
        let mask = Mask::new(["0123456789abcdef".to_owned()]);
        Book::open(folder.to_owned(), 1 << 20, mask, Clock::manual(AT_MS).0).0
    }

    #[tokio::test]
    async fn rows_are_of_the_contract_and_numbers_grow_from_start_to_start() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("node-red.log"),
            "2025-11-23T09:26:39Z out   of before\n",
        )
        .unwrap();
        let book = book(folder.path());
        let lines = Lines::new(book.clone());
        assert!(
            lines.last(100, None).rows.is_empty(),
            "lines of before are on the disk alone"
        );
        book.add(Stream::Out, "token 0123456789abcdef \u{202e}x\ty");
        book.add(Stream::Agent, "it is started");
        book.add(Stream::Err, &"x".repeat(3_000));
        let all = lines.last(100, None);
        let first = AT_MS * 1_000;
        assert_eq!(
            all.rows[0],
            json!({ "number": first, "at": "2025-11-23T09:26:40Z", "stream": "out", "line": "token *** x y", "lost": 0 })
        );
        assert_eq!(
            (&all.rows[1]["stream"], &all.rows[1]["number"]),
            (&json!("keeper"), &json!(first + 1))
        );
        let cut = all.rows[2]["line"].as_str().unwrap();
        assert!(
            cut.len() <= 2_000 && cut.ends_with("[1040 bytes more]"),
            "{cut}"
        );
        assert_eq!(lines.last(100, Some(first)).rows.len(), 2);
        assert_eq!(lines.last(1, None).rows.len(), 1);
        assert_eq!(lines.from(first + 2, 10).rows.len(), 1);
        assert!(lines.from(first + 3, 10).rows.is_empty());
    }

    #[tokio::test]
    async fn what_went_before_it_was_sent_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let book = book(folder.path());
        let lines = Lines::new(book.clone());
        book.add(Stream::Out, "first");
        let next = lines.from(0, 10).next;
        for n in 0..20_000 {
            book.add(Stream::Out, &format!("{n:030}"));
        }
        let shipment = lines.from(next, 3);
        assert!(shipment.lost > 10_000, "{}", shipment.lost);
        assert_eq!(shipment.rows[0]["lost"], shipment.lost);
        assert_eq!(shipment.rows[1]["lost"], 0);
        let first = shipment.rows[0]["number"].as_u64().unwrap();
        assert_eq!(first - next, shipment.lost);
    }
}
