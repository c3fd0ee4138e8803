//! Cuts long tables for the layout: its time grows with the square of a table's rows, so pieces of some hundred rows take
//! a fraction of it. Each piece begins with the table's header rows. Only the copy that becomes a PDF is changed.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write};
use std::path::Path;

use docx_jinja::TemplateError;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The part with the long tables.
const DOCUMENT: &str = "word/document.xml";
/// What stands between two pieces, for tables that touch become one again: a paragraph of the least height.
const BETWEEN: &str = "<w:p><w:pPr><w:spacing w:before=\"0\" w:after=\"0\" w:line=\"20\" w:lineRule=\"exact\"/>\
     <w:rPr><w:sz w:val=\"2\"/></w:rPr></w:pPr></w:p>";

/// Copies a document with its long tables cut.
pub(super) fn tables(from: &Path, to: &Path, rows_max: usize) -> io::Result<()> {
    let (mut archive, text) = open(from)?;
    let Some(text) = cut(&text, rows_max) else {
        return std::fs::copy(from, to).map(drop);
    };
    let mut writer = ZipWriter::new(BufWriter::new(File::create(to)?));
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if entry.name()? != DOCUMENT {
            writer.raw_copy_file(entry)?;
        }
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1));
    writer.start_file(DOCUMENT, options)?;
    writer.write_all(text.as_bytes())?;
    writer.finish()?.flush()
}

/// A document, with its part of that name as text.
pub(super) fn open(from: &Path) -> io::Result<(ZipArchive<BufReader<File>>, String)> {
    let opened = ZipArchive::new(BufReader::new(File::open(from)?));
    let mut archive = opened.map_err(|error| match error {
        ZipError::Io(error) => error,
        error => io::Error::other(TemplateError::NotAPackage(error.to_string())),
    })?;
    let mut text = String::new();
    if let Ok(mut part) = archive.by_name(DOCUMENT) {
        part.read_to_string(&mut text)?;
    }
    Ok((archive, text))
}

/// Whether this is what the check of templates says of a file that is no document.
pub(super) fn is_no_document(error: &io::Error) -> bool {
    let told = error.get_ref();
    told.is_some_and(|told| told.is::<TemplateError>())
}

/// The markup with its long tables cut; nothing when there are none.
fn cut(text: &str, rows_max: usize) -> Option<String> {
    let mut cutter = Cutter {
        text,
        rows_max,
        out: String::new(),
        copied: 0,
        depth: 0,
        table: None,
    };
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        let start = at + found;
        let (tag, end) = tag(text, start)?;
        cutter.tag(&tag, start, end);
        at = end;
    }
    if cutter.copied == 0 {
        return None;
    }
    cutter.out.push_str(text.get(cutter.copied..)?);
    Some(cutter.out)
}

/// A piece of markup.
pub(super) struct Tag<'t> {
    pub(super) name: &'t str,
    pub(super) raw: &'t str,
    pub(super) opens: bool,
    closes: bool,
}

/// The markup that begins here, and where it ends. Comments and the like have no name.
pub(super) fn tag(text: &str, start: usize) -> Option<(Tag<'_>, usize)> {
    let rest = text.get(start..)?;
    let until = |end: &str| rest.find(end).map(|at| at + end.len());
    let special = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
    if let Some((_, end)) = special.iter().find(|(begin, _)| rest.starts_with(begin)) {
        let nameless = Tag {
            name: "",
            raw: "",
            opens: false,
            closes: false,
        };
        return Some((nameless, start + until(end)?));
    }
    let mut quote = None;
    let length = rest.bytes().position(|byte| match (quote, byte) {
        (Some(open), byte) if open == byte => {
            quote = None;
            false
        }
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (None, b'>') => true,
        _ => false,
    })? + 1;
    let raw = rest.get(..length)?;
    let is_close = raw.starts_with("</");
    let inner = raw.trim_start_matches(['<', '/']);
    let name = inner.split([' ', '\t', '\r', '\n', '/', '>']).next()?;
    let tag = Tag {
        name,
        raw,
        opens: !is_close,
        closes: is_close || raw.ends_with("/>"),
    };
    Some((tag, start + length))
}

struct Cutter<'t> {
    text: &'t str,
    rows_max: usize,
    out: String,
    /// How far the text has been copied.
    copied: usize,
    /// Tables within tables.
    depth: usize,
    /// The outermost one.
    table: Option<Table>,
}

/// A table that is read.
struct Table {
    /// Elements open within it.
    level: usize,
    start: usize,
    /// Its properties and grid, then its header rows: where they end.
    head_end: usize,
    /// Whether a row that is no header has come.
    has_body: bool,
    floats: bool,
    rows: usize,
    row: Row,
}

#[derive(Default)]
struct Row {
    start: usize,
    is_header: bool,
    /// A cell of it belongs to one above.
    goes_on: bool,
}

impl Cutter<'_> {
    fn tag(&mut self, tag: &Tag<'_>, start: usize, end: usize) {
        if tag.name == "w:tbl" && tag.opens && !tag.closes {
            self.depth += 1;
            if self.depth == 1 {
                self.table = Some(Table {
                    level: 0,
                    start,
                    head_end: start,
                    has_body: false,
                    floats: false,
                    rows: 0,
                    row: Row::default(),
                });
                return;
            }
        }
        if tag.name == "w:tbl" && !tag.opens {
            self.depth = self.depth.saturating_sub(1);
            if self.depth == 0 {
                self.table = None;
                return;
            }
        }
        let own = self.depth == 1;
        let Some(table) = &mut self.table else { return };
        if tag.opens {
            table.level += 1;
            if own {
                table.opened(tag, start);
            }
        }
        if tag.closes {
            let is_row = own && table.level == 1 && tag.name == "w:tr";
            table.level = table.level.saturating_sub(1);
            if is_row {
                self.row_ended(end);
            }
        }
    }

    /// Cuts before the row that has just ended when enough rows stand above it.
    fn row_ended(&mut self, end: usize) {
        let Some(table) = &mut self.table else { return };
        if table.row.is_header && !table.has_body {
            table.head_end = end;
            return;
        }
        if !table.has_body {
            table.has_body = true;
            table.head_end = table.row.start;
        }
        if table.rows >= self.rows_max && !table.row.goes_on && !table.floats {
            let piece = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
            self.out.push_str(piece(self.copied, table.row.start));
            self.out.push_str("</w:tbl>");
            self.out.push_str(BETWEEN);
            self.out.push_str(piece(table.start, table.head_end));
            self.copied = table.row.start;
            table.rows = 0;
        }
        table.rows += 1;
    }
}

impl Table {
    fn opened(&mut self, tag: &Tag<'_>, start: usize) {
        let off = ["w:val=\"0\"", "w:val=\"false\"", "w:val=\"off\""];
        match tag.name {
            "w:tr" if self.level == 1 => {
                self.row = Row {
                    start,
                    ..Row::default()
                };
            }
            "w:tblHeader" => self.row.is_header |= !off.iter().any(|off| tag.raw.contains(off)),
            "w:vMerge" => self.row.goes_on |= !tag.raw.contains("restart"),
            "w:tblpPr" => self.floats = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> String {
        format!("<w:tr><w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc></w:tr>")
    }

    fn table(rows: &[String]) -> String {
        format!(
            "<w:tbl><w:tblPr a=\">\"/><w:tblGrid/>{}</w:tbl>",
            rows.concat()
        )
    }

    #[track_caller]
    fn check(rows: &[String], pieces: &[&[String]]) {
        let around =
            |body: &str| format!("<?xml ?><w:body><!-- <w:tbl> -->{body}<w:sectPr/></w:body>");
        let tables: Vec<String> = pieces.iter().map(|rows| table(rows)).collect();
        let expected = (pieces.len() > 1).then(|| around(&tables.join(BETWEEN)));
        assert_eq!(cut(&around(&table(rows)), 2), expected);
    }

    #[test]
    fn a_long_table_becomes_several_with_the_same_head() {
        let header = format!(
            "<w:tr><w:trPr><w:tblHeader/></w:trPr>{}</w:tr>",
            "<w:tc><w:p/></w:tc>"
        );
        let [h, a, b, c, d, e] = [header, row("a"), row("b"), row("c"), row("d"), row("e")];
        let all = |rows: &[&String]| rows.iter().map(|row| (*row).clone()).collect::<Vec<_>>();
        check(&all(&[&a, &b]), &[&all(&[&a, &b])]);
        check(&all(&[&h, &a, &b]), &[&all(&[&h, &a, &b])]);
        check(
            &all(&[&h, &a, &b, &c, &d, &e]),
            &[&all(&[&h, &a, &b]), &all(&[&h, &c, &d]), &all(&[&h, &e])],
        );
        check(&all(&[&a, &b, &c]), &[&all(&[&a, &b]), &all(&[&c])]);
        // A header row in the middle is none.
        check(&all(&[&a, &h, &c]), &[&all(&[&a, &h]), &all(&[&c])]);
    }

    #[test]
    fn what_belongs_together_stays_together() {
        let merged = |value: &str| {
            format!("<w:tr><w:tc><w:tcPr><w:vMerge{value}/></w:tcPr><w:p/></w:tc></w:tr>")
        };
        let (start, more) = (merged(" w:val=\"restart\""), merged(""));
        let a = row("a");
        check(
            &[
                a.clone(),
                start.clone(),
                more.clone(),
                more.clone(),
                a.clone(),
            ],
            &[
                &[a.clone(), start.clone(), more.clone(), more],
                std::slice::from_ref(&a),
            ],
        );
        let inner = format!(
            "<w:tr><w:tc>{}<w:p/></w:tc></w:tr>",
            table(&[row("1"), row("2"), row("3")])
        );
        check(&[inner.clone(), a.clone()], &[&[inner.clone(), a.clone()]]);
        check(
            &[inner.clone(), a.clone(), start.clone()],
            &[&[inner, a], &[start]],
        );
    }

    #[test]
    fn a_table_that_floats_is_left_alone() {
        let rows: String = ["a", "b", "c"].map(row).concat();
        let text = format!("<w:tbl><w:tblPr><w:tblpPr w:x=\"1\"/></w:tblPr>{rows}</w:tbl>");
        assert_eq!(cut(&text, 2), None);
        assert_eq!(cut("<w:p><w:t>a < b", 2), None);
    }
}
