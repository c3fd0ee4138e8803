//! Properties of Markdown's paragraphs: the template's own styles where it has them, else a look that comes near.

use std::sync::Arc;

use crate::additions::{self, Original};
use crate::escape::{self, Style};
use crate::values::{BlockPlace, ParagraphProperties, RunProperties};

use super::lists::{self, STEP};

/// Sizes of headings where the template has no styles for them, in half points.
const HEADING_SIZES: [u32; 6] = [32, 28, 26, 24, 22, 22];
/// The line beside a quote.
const QUOTE_LINE: &str =
    "<w:pBdr><w:left w:val=\"single\" w:sz=\"12\" w:space=\"8\" w:color=\"BFBFBF\"/></w:pBdr>";
/// A line across the page.
const RULE: &str =
    "<w:pBdr><w:bottom w:val=\"single\" w:sz=\"6\" w:space=\"1\" w:color=\"auto\"/></w:pBdr>";
const SHADE: &str = "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"F2F2F2\"/>";
const CODE_FONT: &str =
    "<w:rFonts w:ascii=\"Courier New\" w:hAnsi=\"Courier New\" w:cs=\"Courier New\"/>";

/// Where a paragraph stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around {
    pub(super) quotes: u32,
    pub(super) lists: usize,
    /// The list whose item begins with this paragraph.
    pub(super) item: Option<u32>,
}

/// Properties for each kind of paragraph.
pub(super) struct Paragraphs<'p> {
    place: BlockPlace<'p>,
    original: Option<Arc<Original>>,
}

impl<'p> Paragraphs<'p> {
    pub(super) fn new(place: BlockPlace<'p>) -> Self {
        Self {
            place,
            original: additions::original(),
        }
    }

    fn style(&self, names: &[&str]) -> Option<String> {
        let id = self.original.as_ref()?.styles().find("paragraph", names)?;
        Some(format!(
            "<w:pStyle w:val=\"{}\"/>",
            escape::made(id, Style::Plain)
        ))
    }

    /// Runs outside headings look like the one the tag stood in.
    pub(super) fn run(&self) -> &'p str {
        self.place.run.properties
    }

    /// Text, alone or in lists and quotes.
    pub(super) fn text(&self, around: Around) -> String {
        if around.quotes == 0 && around.lists == 0 {
            return self.place.paragraph.to_owned();
        }
        let mut paragraph = ParagraphProperties::read(self.place.paragraph);
        paragraph.remove("w:numPr");
        self.indent(&mut paragraph, around);
        paragraph.write()
    }

    /// Stands a paragraph in as its lists and quotes ask for.
    fn indent(&self, paragraph: &mut ParagraphProperties, around: Around) {
        let quote = (around.quotes > 0).then(|| self.style(&["quote"]));
        match &quote {
            Some(Some(style)) => paragraph.set("w:pStyle", style.as_str()),
            Some(None) => paragraph.set("w:pBdr", QUOTE_LINE),
            None => {
                if let Some(style) = self.style(&["list paragraph"]) {
                    paragraph.set("w:pStyle", style);
                }
            }
        }
        let styled_quote =
            around.lists == 0 && around.quotes == 1 && matches!(quote, Some(Some(_)));
        paragraph.remove("w:ind");
        if let Some(list) = around.item {
            let level = lists::level(around.lists.saturating_sub(1));
            let number = format!("<w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{list}\"/>");
            paragraph.set("w:numPr", format!("<w:numPr>{number}</w:numPr>"));
        }
        if (around.item.is_none() && !styled_quote) || around.quotes > 0 && around.lists > 0 {
            let steps = around.quotes + lists::level(around.lists);
            let hanging = if around.item.is_some() {
                " w:hanging=\"360\""
            } else {
                ""
            };
            paragraph.set(
                "w:ind",
                format!("<w:ind w:left=\"{}\"{hanging}/>", STEP * steps.min(20)),
            );
        }
    }

    /// A heading: its paragraph and what its runs begin with.
    pub(super) fn heading(&self, level: usize) -> (String, String) {
        let level = level.clamp(1, 6);
        let mut paragraph = ParagraphProperties::read("");
        let name = format!("heading {level}");
        if let Some(style) = self.style(&[&name]) {
            paragraph.set("w:pStyle", style);
            return (paragraph.write(), String::new());
        }
        paragraph.set("w:keepNext", "<w:keepNext/>");
        paragraph.set("w:spacing", "<w:spacing w:before=\"240\" w:after=\"60\"/>");
        paragraph.set(
            "w:outlineLvl",
            format!("<w:outlineLvl w:val=\"{}\"/>", level - 1),
        );
        let mut run = RunProperties::read(self.run());
        let size = HEADING_SIZES[level - 1];
        run.set("w:b", "<w:b/>");
        run.set("w:bCs", "<w:bCs/>");
        run.set("w:sz", format!("<w:sz w:val=\"{size}\"/>"));
        run.set("w:szCs", format!("<w:szCs w:val=\"{size}\"/>"));
        (paragraph.write(), run.write())
    }

    /// A block of code: its paragraph and what its run begins with.
    pub(super) fn code(&self, around: Around) -> (String, String) {
        let mut paragraph = ParagraphProperties::read("");
        if around.quotes > 0 || around.lists > 0 {
            self.indent(&mut paragraph, around);
        }
        if let Some(style) = self.style(&["code", "source code", "html preformatted", "plain text"])
        {
            paragraph.set("w:pStyle", style);
            return (paragraph.write(), String::new());
        }
        paragraph.set("w:shd", SHADE);
        let mut run = RunProperties::read(self.run());
        run.set("w:rFonts", CODE_FONT);
        (paragraph.write(), run.write())
    }

    /// A line across the page.
    pub(super) fn rule(&self) -> String {
        format!("<w:p><w:pPr>{RULE}</w:pPr></w:p>")
    }
}
