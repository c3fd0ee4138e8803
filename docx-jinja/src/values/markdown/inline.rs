//! What stands inside paragraphs.

use std::collections::HashMap;

use minijinja::Error;
use pulldown_cmark::{Event, Tag, TagEnd};

use crate::additions;
use crate::escape::{self, Style};
use crate::values::link::{address, around, look};
use crate::values::{RunPlace, RunProperties, text_run};

/// The font of code.
const CODE_FONT: &str = "<w:rFonts w:ascii=\"Courier New\" w:hAnsi=\"Courier New\" w:cs=\"Courier New\" w:eastAsia=\"Courier New\"/>";
/// Boxes of a task list.
const BOXES: [&str; 2] = ["\u{2610} ", "\u{2611} "];

/// The runs of one paragraph as they come.
pub(super) struct Inline {
    /// Properties that all runs begin with.
    base: String,
    linked: bool,
    depth: Marks<u32>,
    out: String,
    pending: String,
    pending_marks: Marks<bool>,
    /// Where the link that is open begins, and its relationship.
    link: Option<(usize, String)>,
    /// Properties by marks.
    cache: HashMap<Marks<bool>, String>,
}

/// What marks say about text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Marks<T> {
    bold: T,
    italic: T,
    strike: T,
    code: T,
    link: T,
}

/// True for marks that stand inside a paragraph.
pub(super) fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }
    )
}

impl Inline {
    pub(super) fn new(place: RunPlace<'_>) -> Self {
        Self {
            base: place.properties.to_owned(),
            linked: place.linked,
            depth: Marks::default(),
            out: String::new(),
            pending: String::new(),
            pending_marks: Marks::default(),
            link: None,
            cache: HashMap::new(),
        }
    }

    /// Has the runs of the next paragraph begin with other properties.
    pub(super) fn set_base(&mut self, base: &str) {
        if self.base != base {
            base.clone_into(&mut self.base);
            self.cache.clear();
        }
    }

    /// True before the first text of a paragraph.
    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty() && self.pending.is_empty()
    }

    /// The runs of the paragraph that ends here.
    pub(super) fn take(&mut self) -> String {
        self.write_pending();
        std::mem::take(&mut self.out)
    }

    /// Takes what stands inside a paragraph; anything else changes nothing.
    pub(super) fn event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::Text(text) => self.text(text),
            Event::Code(code) => {
                self.depth.code += 1;
                self.text(code);
                self.depth.code -= 1;
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                self.text(if is_break(html) { "\n" } else { html });
            }
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.text("\n"),
            Event::TaskListMarker(done) => self.text(BOXES[usize::from(*done)]),
            Event::Start(Tag::Strong) => self.depth.bold += 1,
            Event::End(TagEnd::Strong) => self.depth.bold = self.depth.bold.saturating_sub(1),
            Event::Start(Tag::Emphasis) => self.depth.italic += 1,
            Event::End(TagEnd::Emphasis) => self.depth.italic = self.depth.italic.saturating_sub(1),
            Event::Start(Tag::Strikethrough) => self.depth.strike += 1,
            Event::End(TagEnd::Strikethrough) => {
                self.depth.strike = self.depth.strike.saturating_sub(1);
            }
            Event::Start(Tag::Link { dest_url, .. }) => self.open_link(dest_url)?,
            Event::End(TagEnd::Link) => self.close_link(),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn text(&mut self, text: &str) {
        let marks = Marks {
            bold: self.depth.bold > 0,
            italic: self.depth.italic > 0,
            strike: self.depth.strike > 0,
            code: self.depth.code > 0,
            link: self.link.is_some(),
        };
        if marks != self.pending_marks {
            self.write_pending();
            self.pending_marks = marks;
        }
        self.pending.push_str(text);
    }

    /// Drops the line end that closes a block of code.
    pub(super) fn end_code(&mut self) {
        if self.pending.ends_with('\n') {
            self.pending.pop();
        }
    }

    fn write_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let marks = self.pending_marks;
        let base = &self.base;
        let properties = self
            .cache
            .entry(marks)
            .or_insert_with(|| properties(base, marks));
        let place = RunPlace {
            properties,
            linked: marks.link,
        };
        let run = text_run(place, &escape::made(&self.pending, Style::Run));
        self.out.push_str(&run);
        self.pending.clear();
    }

    fn open_link(&mut self, url: &str) -> Result<(), Error> {
        let address = address(url).filter(|_| !self.linked && self.link.is_none());
        if let Some(address) = address {
            self.write_pending();
            self.link = Some((self.out.len(), additions::link(&address)?));
        }
        Ok(())
    }

    fn close_link(&mut self) {
        self.write_pending();
        if let Some((start, relationship)) = self.link.take() {
            let runs = self.out.split_off(start);
            if !runs.is_empty() {
                self.out.push_str(&around(&relationship, &runs));
            }
        }
    }
}

fn properties(base: &str, marks: Marks<bool>) -> String {
    let base = if marks.link {
        look(base)
    } else {
        base.to_owned()
    };
    let mut run = RunProperties::read(&base);
    let switches = [
        (marks.bold, ["w:b", "w:bCs"].as_slice()),
        (marks.italic, &["w:i", "w:iCs"]),
        (marks.strike, &["w:strike"]),
    ];
    for (on, names) in switches {
        for name in names.iter().filter(|_| on) {
            run.set(name, format!("<{name}/>"));
        }
    }
    if marks.code {
        run.set("w:rFonts", CODE_FONT);
    }
    run.write()
}

/// True for the one mark of HTML that people write into Markdown tables for want of another.
fn is_break(html: &str) -> bool {
    let inner = html
        .trim()
        .strip_prefix("<br")
        .and_then(|rest| rest.strip_suffix('>'));
    inner.is_some_and(|rest| matches!(rest.trim(), "" | "/"))
}
