//! The guide's boxes as Word documents, and back.

use std::io::{Cursor, Read, Seek};

use docx_rs::{
    AbstractNumbering, Docx, IndentLevel, Level, LevelJc, LevelText, LineSpacing, NumberFormat,
    Numbering, NumberingId, PageMargin, Paragraph, Run, RunFonts, SpecialIndentType, Start, Style,
    StyleType, Table, TableCell, TableRow, WidthType,
};
use zip::ZipArchive;

/// The text area's width in twentieths of a point.
const WIDTH: usize = 8_400;
const MARGIN: i32 = 300;
/// The width of a letter, with what is lost where a line breaks.
const LETTER: usize = 120;

/// A document of these lines: paragraphs, headings (`# `), list items (`• `, `1. `), and rows of tables (`│ `).
pub(crate) fn docx(lines: &[String]) -> Vec<u8> {
    let height = 2 * MARGIN as u32 + 400 + lines.iter().map(|line| height(line)).sum::<u32>();
    let mut document = styled().page_size(WIDTH as u32 + 2 * MARGIN as u32, height.max(2_800));
    let mut rows: Vec<&str> = Vec::new();
    for line in lines {
        if line.starts_with('│') {
            rows.push(line);
            continue;
        }
        document = table(document, &mut rows).add_paragraph(paragraph(line));
    }
    document = table(document, &mut rows);
    let mut package = Cursor::new(Vec::new());
    document.build().pack(&mut package).unwrap();
    package.into_inner()
}

/// How much of a page's height a line takes at most, before it is filled and after.
fn height(line: &str) -> u32 {
    if line.contains("|chart(") {
        return 3_100;
    }
    let cells: Vec<&str> = line.trim_matches('│').split('│').collect();
    let letters = WIDTH / cells.len() / LETTER;
    let longest = cells.iter().map(|cell| cell.chars().count()).max().unwrap();
    100 + 320 * longest.div_ceil(letters) as u32
}

fn styled() -> Docx {
    let level = |format: &str, text: &str| {
        Level::new(
            0,
            Start::new(1),
            NumberFormat::new(format),
            LevelText::new(text),
            LevelJc::new("left"),
        )
        .indent(Some(500), Some(SpecialIndentType::Hanging(300)), None, None)
    };
    let font = RunFonts::new()
        .ascii("Carlito")
        .hi_ansi("Carlito")
        .cs("Carlito");
    let margin = PageMargin {
        top: MARGIN,
        bottom: MARGIN,
        left: MARGIN,
        right: MARGIN,
        header: 0,
        footer: 0,
        gutter: 0,
    };
    Docx::new()
        .default_fonts(font)
        .default_size(22)
        .page_margin(margin)
        .add_style(
            Style::new("Normal", StyleType::Paragraph)
                .name("Normal")
                .line_spacing(LineSpacing::new().before(30).after(60)),
        )
        .add_style(
            Style::new("Heading1", StyleType::Paragraph)
                .name("heading 1")
                .size(32)
                .bold()
                .color("1F3864"),
        )
        .add_abstract_numbering(AbstractNumbering::new(2).add_level(level("bullet", "•")))
        .add_numbering(Numbering::new(2, 2))
        .add_abstract_numbering(AbstractNumbering::new(3).add_level(level("decimal", "%1.")))
        .add_numbering(Numbering::new(3, 3))
}

fn paragraph(line: &str) -> Paragraph {
    let text = |text: &str| Paragraph::new().add_run(Run::new().add_text(text));
    if let Some(title) = line.strip_prefix("# ") {
        text(title).style("Heading1")
    } else if let Some(item) = line.strip_prefix("• ") {
        text(item).numbering(NumberingId::new(2), IndentLevel::new(0))
    } else if let Some(item) = line.strip_prefix("1. ") {
        text(item).numbering(NumberingId::new(3), IndentLevel::new(0))
    } else {
        text(line)
    }
}

fn table(document: Docx, rows: &mut Vec<&str>) -> Docx {
    if rows.is_empty() {
        return document;
    }
    let cells: Vec<Vec<&str>> = rows
        .drain(..)
        .map(|row| row.trim_matches('│').split('│').map(str::trim).collect())
        .collect();
    let columns = cells.iter().map(Vec::len).max().unwrap();
    let width = WIDTH / columns;
    let made = cells.iter().enumerate().map(|(number, row)| {
        let cells = row.iter().map(|text| {
            let run = Run::new().add_text(*text);
            let run = if number == 0 { run.bold() } else { run };
            // A row with fewer cells than others: its last one is as wide as what is left.
            let span = if row.len() == 1 { columns } else { 1 };
            TableCell::new()
                .width(width * span, WidthType::Dxa)
                .grid_span(span)
                .add_paragraph(Paragraph::new().add_run(run))
        });
        TableRow::new(cells.collect())
    });
    document.add_table(
        Table::new(made.collect())
            .set_grid(vec![width; columns])
            .width(width * columns, WidthType::Dxa),
    )
}

/// The lines of a finished document.
pub(crate) fn lines(package: impl Read + Seek) -> Vec<String> {
    let mut archive = ZipArchive::new(package).unwrap();
    let mut xml = String::new();
    archive
        .by_name("word/document.xml")
        .unwrap()
        .read_to_string(&mut xml)
        .unwrap();
    let mut numbering = String::new();
    if let Ok(mut part) = archive.by_name("word/numbering.xml") {
        part.read_to_string(&mut numbering).unwrap();
    }
    let (mut lines, mut line, mut row) = (Vec::new(), String::new(), None::<String>);
    for piece in xml.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        let name = tag.split([' ', '/']).next().unwrap();
        match (name, tag) {
            ("w:tr", _) => row = Some("│".to_owned()),
            ("w:pStyle", _) if tag.contains("\"Heading1\"") => line.push_str("# "),
            ("w:numId", _) => line.push_str(mark(&numbering, tag)),
            ("w:drawing", _) => line.push_str("[picture]"),
            ("w:t", _) if !tag.ends_with('/') => line.push_str(&decoded(after)),
            ("", "/w:p") => match &mut row {
                Some(row) => row.push_str(&format!(" {line} ")),
                None => lines.push(line.clone()),
            },
            ("", "/w:tc") => row.as_mut().unwrap().push('│'),
            ("", "/w:tr") => lines.extend(row.take()),
            _ => {}
        }
        if tag == "/w:p" {
            line.clear();
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// What stands before an item of the list that this tag names.
fn mark(numbering: &str, tag: &str) -> &'static str {
    let number = tag.split('"').nth(1).unwrap();
    let list = numbering
        .split("<w:num ")
        .skip(1)
        .find(|list| list.contains(&format!("w:numId=\"{number}\"")));
    let kind = list
        .unwrap()
        .split("<w:abstractNumId w:val=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let kinds = numbering.split("<w:abstractNum ").skip(1);
    let levels = kinds
        .into_iter()
        .find(|levels| levels.starts_with(&format!("w:abstractNumId=\"{kind}\"")));
    if levels.unwrap().contains("\"bullet\"") {
        "• "
    } else {
        "1. "
    }
}

fn decoded(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}
