//! Blocks made by a program, for a template's `{{p value }}`.

use docx_jinja::SubDocument;
use docx_rs::{
    AbstractNumbering, Docx, IndentLevel, Level, LevelJc, LevelText, NumberFormat, Numbering,
    NumberingId, Paragraph, Run, SpecialIndentType, Start, Table, TableRow, WidthType,
};

use crate::BuildError;
use crate::mend;
use crate::starter::styles;

/// The numbering of all bullets.
const BULLETS: usize = 2;
/// How far a bullet's text stands in, in twentieths of a point.
const INDENT: i32 = 360;
/// The width of a table on an upright page.
const WIDTH: usize = 9_638;

/// A piece of a document. Texts are text: braces and angle brackets mean nothing in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading of level 1 to 3.
    Heading(u8, String),
    /// A paragraph; line breaks are kept.
    Text(String),
    /// A list with a bullet before each text.
    Bullets(Vec<String>),
    /// A table with a row of titles, which is repeated on each page.
    Table {
        /// The columns.
        titles: Vec<String>,
        /// The rows, a text for each column; more are left out, fewer leave cells empty.
        rows: Vec<Vec<String>>,
    },
}

/// Blocks as a value that `{{p value }}` inserts. Where the template has a style of the same name, such as "heading 1",
/// they look as it says.
///
/// # Errors
/// When the document cannot be written.
pub fn fragment(blocks: &[Block]) -> Result<SubDocument, BuildError> {
    let bullet = Level::new(
        0,
        Start::new(1),
        NumberFormat::new("bullet"),
        LevelText::new("•"),
        LevelJc::new("left"),
    )
    .indent(
        Some(INDENT),
        Some(SpecialIndentType::Hanging(INDENT)),
        None,
        None,
    );
    let start = styles::add(Docx::new())
        .add_abstract_numbering(AbstractNumbering::new(BULLETS).add_level(bullet))
        .add_numbering(Numbering::new(BULLETS, BULLETS));
    let document = blocks.iter().fold(start, add);
    SubDocument::new(&mend::package(document)?).map_err(|error| BuildError(error.to_string()))
}

fn add(document: Docx, block: &Block) -> Docx {
    match block {
        Block::Heading(level, title) => {
            let style = format!("Heading{}", (*level).clamp(1, 3));
            document.add_paragraph(text(title).style(&style).keep_next(true))
        }
        Block::Text(content) => document.add_paragraph(text(content)),
        Block::Bullets(items) => items.iter().fold(document, |document, item| {
            document
                .add_paragraph(text(item).numbering(NumberingId::new(BULLETS), IndentLevel::new(0)))
        }),
        Block::Table { titles, rows } => document.add_table(table(titles, rows)),
    }
}

fn table(titles: &[String], rows: &[Vec<String>]) -> Table {
    let columns = titles.len().max(1);
    let width = WIDTH / columns;
    let heading = titles
        .iter()
        .map(|title| styles::heading_cell(text(title), width));
    let mut all = vec![TableRow::new(heading.collect()).cant_split()];
    all.extend(rows.iter().map(|row| {
        let cells = (0..columns).map(|at| {
            let content = row.get(at).map_or("", String::as_str);
            styles::cell(text(content), width)
        });
        TableRow::new(cells.collect())
    }));
    Table::new(all)
        .style("ReportTable")
        .set_borders(styles::borders())
        .set_grid(vec![width; columns])
        .width(width * columns, WidthType::Dxa)
}

/// A paragraph of this text, without what XML cannot hold.
fn text(content: &str) -> Paragraph {
    let content: String = content
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect();
    Paragraph::new().add_run(Run::new().add_text(content))
}
