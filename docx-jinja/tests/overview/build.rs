//! Pieces of WordprocessingML, enough for one report.

/// Width between the margins of the page, in twentieths of a point.
pub(crate) const PAGE_WIDTH: u32 = 9_638;

/// Characters of text runs that XML reserves.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A run, with raw properties.
pub(crate) fn run(properties: &str, text: &str) -> String {
    let properties = if properties.is_empty() {
        String::new()
    } else {
        format!("<w:rPr>{properties}</w:rPr>")
    };
    format!(
        "<w:r>{properties}<w:t xml:space=\"preserve\">{}</w:t></w:r>",
        escape(text)
    )
}

/// A paragraph of runs.
pub(crate) fn paragraph(style: &str, runs: &str) -> String {
    format!("<w:p><w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr>{runs}</w:p>")
}

/// A paragraph of plain text.
pub(crate) fn text(style: &str, content: &str) -> String {
    paragraph(style, &run("", content))
}

/// A paragraph that holds only a statement, which replaces it.
pub(crate) fn statement(tag: &str) -> String {
    format!(
        "<w:p><w:r><w:t>{}</w:t></w:r></w:p>",
        escape(&format!("{{%p {tag} %}}"))
    )
}

/// A heading that begins a page.
pub(crate) fn chapter(content: &str) -> String {
    format!(
        "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/><w:pageBreakBefore/></w:pPr>{}</w:p>",
        run("", content)
    )
}

/// A cell with raw properties and raw content.
pub(crate) fn cell(width: u32, properties: &str, content: &str) -> String {
    format!(
        "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/>{properties}</w:tcPr>{content}</w:tc>"
    )
}

/// A table without lines.
pub(crate) fn layout(widths: &[u32], rows: &str) -> String {
    table(
        widths,
        "<w:tblLayout w:type=\"fixed\"/><w:tblCellMar><w:left w:w=\"170\" w:type=\"dxa\"/><w:right w:w=\"170\" w:type=\"dxa\"/></w:tblCellMar>",
        rows,
    )
}

fn table(widths: &[u32], properties: &str, rows: &str) -> String {
    let grid: String = widths
        .iter()
        .map(|width| format!("<w:gridCol w:w=\"{width}\"/>"))
        .collect();
    let total: u32 = widths.iter().sum();
    format!(
        "<w:tbl><w:tblPr><w:tblW w:w=\"{total}\" w:type=\"dxa\"/>{properties}</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{rows}</w:tbl>"
    )
}

/// One column of a report table: heading, width, cell content, right-aligned or not.
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    pub(crate) width: u32,
    /// Runs of a row's cell, raw.
    pub(crate) runs: String,
    pub(crate) right: bool,
}

impl Column {
    pub(crate) fn new(heading: &'static str, width: u32, content: &str) -> Self {
        Self {
            heading,
            width,
            runs: run("", content),
            right: false,
        }
    }

    /// Aligns the column to the right, as figures are.
    pub(crate) fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// Replaces the content by runs of its own look.
    pub(crate) fn runs(mut self, runs: String) -> Self {
        self.runs = runs;
        self
    }

    fn style(&self) -> &'static str {
        if self.right { "CellRight" } else { "Cell" }
    }
}

/// A table whose heading row repeats on every page and whose one row repeats under a `{%tr for %}`.
pub(crate) fn looping(each: &str, columns: &[Column]) -> String {
    let widths: Vec<u32> = columns.iter().map(|column| column.width).collect();
    assert_eq!(widths.iter().sum::<u32>(), PAGE_WIDTH, "{each}");
    let heading = |column: &Column| {
        cell(
            column.width,
            "<w:vAlign w:val=\"bottom\"/>",
            &paragraph(
                column.style(),
                &run("<w:b/><w:color w:val=\"FFFFFF\"/>", column.heading),
            ),
        )
    };
    let filled = |column: &Column| cell(column.width, "", &paragraph(column.style(), &column.runs));
    let control = |tag: &str| {
        let span = format!("<w:gridSpan w:val=\"{}\"/>", columns.len());
        format!(
            "<w:tr>{}</w:tr>",
            cell(PAGE_WIDTH, &span, &text("Cell", tag))
        )
    };
    let rows = format!(
        "<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{}</w:tr>{}<w:tr><w:trPr><w:cantSplit/></w:trPr>{}</w:tr>{}",
        columns.iter().map(heading).collect::<String>(),
        control(&format!("{{%tr for {each} %}}")),
        columns.iter().map(filled).collect::<String>(),
        control("{%tr endfor %}"),
    );
    let properties = "<w:tblStyle w:val=\"ReportTable\"/>";
    let look = "<w:tblLayout w:type=\"fixed\"/><w:tblLook w:val=\"0420\" w:firstRow=\"1\" w:lastRow=\"0\" w:firstColumn=\"0\" w:lastColumn=\"0\" w:noHBand=\"0\" w:noVBand=\"1\"/>";
    let table = table(&widths, look, &rows);
    // The style comes first among a table's properties.
    table.replacen("<w:tblPr>", &format!("<w:tblPr>{properties}"), 1)
}
