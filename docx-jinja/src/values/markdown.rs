//! Markdown: headings, paragraphs, lists, tables, quotes, code and links in the template's own styles.

mod inline;
mod lists;
mod paragraphs;
mod tables;
mod writer;

use std::borrow::Cow;

use minijinja::{Error, Value};
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::{BlockPlace, Insert, RunPlace, Typed};
use crate::budget::{self, refused};
use crate::limits::MARKDOWN_BYTES_MAX;
use inline::Inline;
use writer::Writer;

/// Text with the marks of Markdown (CommonMark, with tables, strike-through and task lists). Marks of HTML are text, of
/// a picture only its description is shown, and links lead to the web or to mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markdown {
    text: String,
    table_style: Option<String>,
}

impl Markdown {
    /// Markdown of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            table_style: None,
        }
    }

    /// Gives its tables one of the template's table styles, by the name that Word shows; else they have Table Grid.
    #[must_use]
    pub fn table_style(mut self, name: impl Into<String>) -> Self {
        self.table_style = Some(name.into());
        self
    }

    fn events(&self) -> Result<Parser<'_>, Error> {
        if self.text.len() > MARKDOWN_BYTES_MAX {
            return Err(refused(format!(
                "the Markdown is larger than {MARKDOWN_BYTES_MAX} bytes"
            )));
        }
        let options =
            Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
        Ok(Parser::new_ext(&self.text, options))
    }
}

impl From<Markdown> for Value {
    fn from(markdown: Markdown) -> Self {
        Typed::value(markdown)
    }
}

impl Insert for Markdown {
    fn noun(&self) -> &'static str {
        "Markdown"
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.text)
    }

    /// The runs of a text that is one paragraph.
    fn runs(&self, place: RunPlace<'_>) -> Result<Option<String>, Error> {
        let mut inline = Inline::new(place);
        let mut paragraphs = 0;
        for event in self.events()? {
            budget::step()?;
            match &event {
                Event::Start(Tag::Paragraph) if paragraphs == 0 => paragraphs = 1,
                Event::Start(tag) if !inline::is_inline(tag) => return Ok(None),
                Event::Rule => return Ok(None),
                _ => {}
            }
            inline.event(&event)?;
        }
        Ok(Some(inline.take()))
    }

    fn blocks(&self, place: BlockPlace<'_>) -> Result<Option<String>, Error> {
        let mut writer = Writer::new(place, self.table_style.as_deref())?;
        for event in self.events()? {
            budget::step()?;
            writer.event(event)?;
        }
        writer.finish().map(Some)
    }
}
