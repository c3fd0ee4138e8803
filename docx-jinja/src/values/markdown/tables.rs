//! Tables of Markdown.

use minijinja::Error;
use pulldown_cmark::Alignment;

use crate::additions;
use crate::budget::refused;
use crate::escape::{self, Style};
use crate::suggest;
use crate::values::RunProperties;

/// Most columns of a table that Word opens.
const COLUMNS_MAX: usize = 63;
/// The width of a page's text when nothing is known of it, in twentieths of a point.
const WIDTH: u32 = 9_070;
const BORDERS: [&str; 6] = ["top", "left", "bottom", "right", "insideH", "insideV"];

/// A table that is being written.
pub(super) struct Table {
    alignments: Vec<Alignment>,
    width: u32,
    /// The column that comes next.
    column: usize,
    pub(super) in_head: bool,
}

impl Table {
    /// Begins a table in a style of the template.
    pub(super) fn open(
        alignments: Vec<Alignment>,
        style: Option<&str>,
        out: &mut String,
    ) -> Result<Self, Error> {
        if alignments.len() > COLUMNS_MAX {
            return Err(refused(format!(
                "a table of the Markdown has more than {COLUMNS_MAX} columns"
            )));
        }
        let look = match table_style(style)? {
            Some(id) => (
                format!(
                    "<w:tblStyle w:val=\"{}\"/>",
                    escape::made(&id, Style::Plain)
                ),
                String::new(),
            ),
            None => (String::new(), borders()),
        };
        let count = u32::try_from(alignments.len()).unwrap_or(1).max(1);
        let text = additions::original().map_or(WIDTH, |original| original.text_width());
        let width = (text / count).max(1);
        out.push_str(&format!(
            "<w:tbl><w:tblPr>{}<w:tblW w:w=\"5000\" w:type=\"pct\"/>{}<w:tblLook w:val=\"0420\" w:firstRow=\"1\" \
             w:lastRow=\"0\" w:firstColumn=\"0\" w:lastColumn=\"0\" w:noHBand=\"0\" w:noVBand=\"1\"/></w:tblPr>\
             <w:tblGrid>{}</w:tblGrid>",
            look.0,
            look.1,
            format!("<w:gridCol w:w=\"{width}\"/>").repeat(count as usize)
        ));
        Ok(Self {
            alignments,
            width,
            column: 0,
            in_head: false,
        })
    }

    pub(super) fn open_row(&mut self, head: bool, out: &mut String) {
        self.column = 0;
        self.in_head = head;
        out.push_str("<w:tr>");
        if head {
            out.push_str("<w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>");
        }
    }

    /// Writes a cell; one that the head has no column for is left out.
    pub(super) fn cell(&mut self, runs: &str, out: &mut String) {
        let Some(alignment) = self.alignments.get(self.column) else {
            return;
        };
        let side = match alignment {
            Alignment::None => None,
            Alignment::Left => Some("left"),
            Alignment::Center => Some("center"),
            Alignment::Right => Some("right"),
        };
        let paragraph = side.map_or(String::new(), |side| {
            format!("<w:pPr><w:jc w:val=\"{side}\"/></w:pPr>")
        });
        self.column += 1;
        out.push_str(&format!(
            "<w:tc><w:tcPr><w:tcW w:w=\"{}\" w:type=\"dxa\"/></w:tcPr><w:p>{paragraph}{runs}</w:p></w:tc>",
            self.width
        ));
    }

    pub(super) fn close_row(&mut self, out: &mut String) {
        while self.column < self.alignments.len() {
            self.cell("", out);
        }
        self.in_head = false;
        out.push_str("</w:tr>");
    }
}

/// What the runs of a table's head begin with.
pub(super) fn head_run(properties: &str) -> String {
    let mut run = RunProperties::read(properties);
    run.set("w:b", "<w:b/>");
    run.set("w:bCs", "<w:bCs/>");
    run.write()
}

fn table_style(name: Option<&str>) -> Result<Option<String>, Error> {
    let Some(original) = additions::original() else {
        return Ok(None);
    };
    let styles = original.styles();
    let Some(name) = name else {
        return Ok(styles.find("table", &["table grid"]).map(str::to_owned));
    };
    if let Some(id) = styles.named("table", name) {
        return Ok(Some(id.to_owned()));
    }
    let hint = suggest::closest(name, styles.names("table")).map_or_else(
        || "use this table style somewhere in the template, so that Word keeps it".to_owned(),
        |found| format!("did you mean \"{found}\"?"),
    );
    Err(refused(format!(
        "the template has no table style \"{name}\"\nhint: {hint}"
    )))
}

fn borders() -> String {
    let lines = BORDERS.map(|side| {
        format!("<w:{side} w:val=\"single\" w:sz=\"4\" w:space=\"0\" w:color=\"auto\"/>")
    });
    format!("<w:tblBorders>{}</w:tblBorders>", lines.concat())
}
