//! How a starter template looks: styles that can be changed in Word in one place each.

use docx_rs::{
    BorderType, Docx, LineSpacing, Paragraph, RunFonts, Shading, ShdType, Style, StyleType,
    TableBorder, TableBorderPosition, TableBorders, TableCell, TableCellMargins, VAlignType,
    WidthType,
};

const FONT: &str = "Calibri";
const INK: &str = "1F3864";
const GREY: &str = "595959";
const LINE: &str = "BFBFBF";
const SHADE: &str = "DCE6F1";

/// Adds the styles to a document.
pub(crate) fn add(document: Docx) -> Docx {
    let font = RunFonts::new()
        .ascii(FONT)
        .hi_ansi(FONT)
        .cs(FONT)
        .east_asia(FONT);
    document
        .default_fonts(font)
        .default_size(20)
        .add_style(
            paragraph("Normal", "Normal")
                .line_spacing(spacing(0, 120))
                .q_format(true),
        )
        .add_style(
            paragraph("Title", "Title")
                .size(48)
                .bold()
                .color(INK)
                .line_spacing(spacing(0, 60)),
        )
        .add_style(
            paragraph("Subtitle", "Subtitle")
                .size(22)
                .color(GREY)
                .line_spacing(spacing(0, 360)),
        )
        .add_style(heading("Heading1", "heading 1", 0, 32))
        .add_style(heading("Heading2", "heading 2", 1, 26))
        .add_style(heading("Heading3", "heading 3", 2, 22))
        .add_style(
            paragraph("Caption", "caption")
                .italic()
                .color(GREY)
                .line_spacing(spacing(0, 60)),
        )
        .add_style(paragraph("Header", "header").color(GREY).size(18))
        .add_style(paragraph("Footer", "footer").color(GREY).size(18))
        .add_style(
            paragraph("TableText", "Table text")
                .size(17)
                .line_spacing(spacing(20, 20)),
        )
        .add_style(
            paragraph("TableHeading", "Table heading")
                .size(17)
                .bold()
                .line_spacing(spacing(20, 20)),
        )
        .add_style(
            Style::new("ReportTable", StyleType::Table)
                .name("Report table")
                .set_borders(borders())
                .margins(TableCellMargins::new().margin(30, 85, 30, 85)),
        )
}

fn paragraph(id: &str, name: &str) -> Style {
    let style = Style::new(id, StyleType::Paragraph)
        .name(name)
        .q_format(true);
    if id == "Normal" {
        style
    } else {
        style.based_on("Normal")
    }
}

fn heading(id: &str, name: &str, level: usize, size: usize) -> Style {
    paragraph(id, name)
        .next("Normal")
        .size(size)
        .bold()
        .color(INK)
        .outline_lvl(level)
        .line_spacing(spacing(320 - 60 * level as u32, 100))
}

fn spacing(before: u32, after: u32) -> LineSpacing {
    LineSpacing::new().before(before).after(after)
}

/// Thin grey lines.
pub(crate) fn borders() -> TableBorders {
    use TableBorderPosition::{Bottom, InsideH, InsideV, Left, Right, Top};
    [Top, Left, Bottom, Right, InsideH, InsideV]
        .into_iter()
        .fold(TableBorders::with_empty(), |borders, position| {
            let line = TableBorder::new(position)
                .border_type(BorderType::Single)
                .size(4)
                .color(LINE);
            borders.set(line)
        })
}

/// A cell of a table's body.
pub(crate) fn cell(content: Paragraph, width: usize) -> TableCell {
    TableCell::new()
        .width(width, WidthType::Dxa)
        .vertical_align(VAlignType::Center)
        .add_paragraph(content.style("TableText"))
}

/// A cell that says what stands below or beside it.
pub(crate) fn heading_cell(content: Paragraph, width: usize) -> TableCell {
    TableCell::new()
        .width(width, WidthType::Dxa)
        .vertical_align(VAlignType::Center)
        .shading(
            Shading::new()
                .shd_type(ShdType::Clear)
                .color("auto")
                .fill(SHADE),
        )
        .add_paragraph(content.style("TableHeading"))
}
