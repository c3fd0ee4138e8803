//! Writes the blocks of Markdown one behind the other.

use minijinja::Error;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Tag, TagEnd};

use super::inline::Inline;
use super::paragraphs::{Around, Paragraphs};
use super::tables::{Table, head_run};
use super::{
    lists,
    writer::Container::{Item, List, Quote},
};
use crate::budget::refused;
use crate::limits::{INSERT_BYTES_MAX, MARKDOWN_BLOCKS_MAX, MARKDOWN_DEPTH_MAX};
use crate::values::BlockPlace;

pub(super) struct Writer<'p> {
    paragraphs: Paragraphs<'p>,
    table_style: Option<&'p str>,
    out: String,
    inline: Inline,
    containers: Vec<Container>,
    heading: Option<usize>,
    table: Option<Table>,
    /// True right behind a table, which would grow together with the next one.
    behind_table: bool,
    blocks: usize,
}

/// What stands around a block.
#[derive(Debug, Clone, Copy)]
enum Container {
    Quote,
    List {
        number: u32,
    },
    /// True until its first block is written, which carries the number.
    Item {
        fresh: bool,
    },
}

impl<'p> Writer<'p> {
    pub(super) fn new(place: BlockPlace<'p>, table_style: Option<&'p str>) -> Result<Self, Error> {
        Ok(Self {
            paragraphs: Paragraphs::new(place),
            table_style,
            out: String::new(),
            inline: Inline::new(place.run),
            containers: Vec::new(),
            heading: None,
            table: None,
            behind_table: false,
            blocks: 0,
        })
    }

    /// All blocks; a table at the end has a paragraph behind it.
    pub(super) fn finish(mut self) -> Result<String, Error> {
        self.flush()?;
        self.part_from_table();
        Ok(self.out)
    }

    pub(super) fn event(&mut self, event: Event<'_>) -> Result<(), Error> {
        match event {
            Event::Start(tag) if !super::inline::is_inline(&tag) => self.open(tag),
            Event::End(end) if !is_inline_end(end) => self.close(end),
            Event::Rule => {
                self.flush()?;
                self.part_from_table();
                let rule = self.paragraphs.rule();
                self.push(&rule)
            }
            event => self.inline.event(&event),
        }
    }

    fn open(&mut self, tag: Tag<'_>) -> Result<(), Error> {
        if !matches!(tag, Tag::TableHead | Tag::TableRow | Tag::TableCell) {
            self.flush()?;
        }
        match tag {
            Tag::Heading { level, .. } => {
                let level = level_of(level);
                self.heading = Some(level);
                self.inline.set_base(&self.paragraphs.heading(level).1);
            }
            Tag::BlockQuote(_) => self.enter(Quote)?,
            Tag::List(start) => {
                let number = match start {
                    Some(start) => lists::numbers(start)?,
                    None => lists::bullets()?,
                };
                self.enter(List { number })?;
            }
            Tag::Item => self.enter(Item { fresh: true })?,
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                let around = self.around();
                self.inline.set_base(&self.paragraphs.code(around).1);
            }
            Tag::Table(alignments) => {
                self.part_from_table();
                self.take_number()?;
                self.count()?;
                self.table = Some(Table::open(alignments, self.table_style, &mut self.out)?);
            }
            Tag::TableHead | Tag::TableRow => {
                self.count()?;
                if let Some(table) = &mut self.table {
                    let head = tag == Tag::TableHead;
                    table.open_row(head, &mut self.out);
                    let base = self.paragraphs.run();
                    self.inline.set_base(&if head {
                        head_run(base)
                    } else {
                        base.to_owned()
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, end: TagEnd) -> Result<(), Error> {
        match end {
            TagEnd::TableCell => {
                self.count()?;
                let runs = self.inline.take();
                if let Some(table) = &mut self.table {
                    table.cell(&runs, &mut self.out);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                if let Some(table) = &mut self.table {
                    table.close_row(&mut self.out);
                }
            }
            TagEnd::Table => {
                self.out.push_str("</w:tbl>");
                self.table = None;
                self.behind_table = true;
                self.inline.set_base(self.paragraphs.run());
            }
            TagEnd::CodeBlock => self.code()?,
            TagEnd::Heading(_) => {
                let (paragraph, _) = self.paragraphs.heading(self.heading.take().unwrap_or(1));
                self.paragraph(&paragraph)?;
                self.inline.set_base(self.paragraphs.run());
            }
            TagEnd::Item => {
                self.flush()?;
                self.take_number()?;
                self.containers.pop();
            }
            TagEnd::List(_) | TagEnd::BlockQuote(_) => {
                self.flush()?;
                self.containers.pop();
            }
            _ => self.flush()?,
        }
        Ok(())
    }

    /// Writes the text that has come as a paragraph.
    fn flush(&mut self) -> Result<(), Error> {
        if self.inline.is_empty() || self.table.is_some() {
            return Ok(());
        }
        let paragraph = self.paragraphs.text(self.around());
        self.paragraph(&paragraph)
    }

    /// An item that begins with something else than text is an empty paragraph with its number.
    fn take_number(&mut self) -> Result<(), Error> {
        if let Some(Item { fresh: true }) = self.containers.last() {
            let paragraph = self.paragraphs.text(self.around());
            self.paragraph(&paragraph)?;
        }
        Ok(())
    }

    fn code(&mut self) -> Result<(), Error> {
        let (paragraph, _) = self.paragraphs.code(self.around());
        self.inline.end_code();
        self.paragraph(&paragraph)?;
        self.inline.set_base(self.paragraphs.run());
        Ok(())
    }

    fn paragraph(&mut self, properties: &str) -> Result<(), Error> {
        self.behind_table = false;
        let runs = self.inline.take();
        self.push(&format!("<w:p>{properties}{runs}</w:p>"))?;
        if let Some(Item { fresh }) = self.containers.last_mut() {
            *fresh = false;
        }
        Ok(())
    }

    fn part_from_table(&mut self) {
        if std::mem::take(&mut self.behind_table) {
            self.out.push_str("<w:p/>");
        }
    }

    fn push(&mut self, markup: &str) -> Result<(), Error> {
        self.count()?;
        self.out.push_str(markup);
        if self.out.len() > INSERT_BYTES_MAX {
            return Err(refused(format!(
                "the Markdown becomes more than {INSERT_BYTES_MAX} bytes"
            )));
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Error> {
        self.blocks += 1;
        if self.blocks > MARKDOWN_BLOCKS_MAX {
            return Err(refused(format!(
                "the Markdown has more than {MARKDOWN_BLOCKS_MAX} paragraphs and cells"
            )));
        }
        Ok(())
    }

    fn enter(&mut self, container: Container) -> Result<(), Error> {
        if self.containers.len() >= MARKDOWN_DEPTH_MAX {
            return Err(refused(format!(
                "lists and quotes of the Markdown nest deeper than {MARKDOWN_DEPTH_MAX}"
            )));
        }
        self.containers.push(container);
        Ok(())
    }

    fn around(&self) -> Around {
        let mut around = Around::default();
        let mut list = None;
        for container in &self.containers {
            match container {
                Quote => around.quotes += 1,
                List { number } => {
                    around.lists += 1;
                    list = Some(*number);
                }
                Item { .. } => {}
            }
        }
        if let Some(Item { fresh: true }) = self.containers.last() {
            around.item = list;
        }
        around
    }
}

fn is_inline_end(end: TagEnd) -> bool {
    matches!(
        end,
        TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image
    )
}

fn level_of(level: HeadingLevel) -> usize {
    level as usize
}
