//! Values that are more than text: made in Rust by the host, or asked for by a template with a filter. Data never
//! becomes one by itself.
//!
//! ```
//! use docx_jinja::values::{Assets, Length, Link, Look, Markdown, Picture, RichText};
//! use docx_jinja::{Template, Value, minijinja::context};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let template = include_bytes!("../fuzz/corpus/package/letter.docx");
//! # let png = *b"GIF89a\xc8\0\x64\0\0\0\0";
//! let template = Template::compile(template)?;
//! let logo = Picture::new(png)?;
//! let state = RichText::new().text("Backup ").with("failed", Look::new().bold(true).colour("C00000")?);
//! let values = context! {
//!     customer => Value::from(logo.clone().width(Length::cm(4.0)).alt("Acme")),
//!     state => Value::from(state),
//!     site => Value::from(Link::new("https://acme.example", "their site")),
//!     notes => Value::from(Markdown::new("# Notes\n\n* one\n* two")),
//! };
//! let mut document = Vec::new();
//! template.render_with(values, Assets::new().picture("logo", logo), &mut document)?;
//! # Ok(())
//! # }
//! ```

mod assets;
mod filters;
mod image;
mod length;
mod link;
mod look;
mod markdown;
mod picture;
mod properties;
mod replaced;
mod rich_text;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

pub use assets::Assets;
pub use image::{Format, PictureError};
pub use length::Length;
pub use link::Link;
pub use look::{Look, LookError};
pub use markdown::Markdown;
pub use picture::Picture;
pub(crate) use properties::{ParagraphProperties, RunProperties, stands_before};
pub(crate) use replaced::{DRAWING_ID, KEPT, PICTURE, PREFIX};
pub use rich_text::RichText;

use crate::budget;
use crate::escape::{self, Style};
use crate::filters::{add_helper, shown_text};

/// Filter that writes a value as runs.
pub(crate) const RUNS: &str = "__runs";
/// Filter that tells a picture how wide its cell is.
pub(crate) const ROOM: &str = "__room";
/// Filter that writes a value as paragraphs and tables.
pub(crate) const BLOCKS: &str = "__blocks";

/// What the runs of `{{r }}` inherit from the one around the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunPlace<'a> {
    /// `w:rPr` as it stands in the template, or nothing.
    pub(crate) properties: &'a str,
    /// True inside a hyperlink, which must not hold another one.
    pub(crate) linked: bool,
}

/// What the blocks of `{{p }}` inherit from the paragraph that they take the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockPlace<'a> {
    /// `w:pPr` as it stands in the template, without a section's end, or nothing.
    pub(crate) paragraph: &'a str,
    /// The run in which the tag began.
    pub(crate) run: RunPlace<'a>,
}

impl BlockPlace<'_> {
    /// A paragraph of these runs.
    pub(crate) fn paragraph(&self, runs: &str) -> String {
        format!("<w:p>{}{runs}</w:p>", self.paragraph)
    }
}

/// A value that becomes markup. Each form is none where it needs more room than the place has.
pub(crate) trait Insert: Any + fmt::Debug + Send + Sync {
    /// What it is, for messages: `a picture`.
    fn noun(&self) -> &'static str;

    /// The plain text that stands for it.
    fn text(&self) -> Cow<'_, str>;

    /// Markup that may stand beside `w:t` inside a run.
    fn in_run(&self) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// Runs.
    fn runs(&self, place: RunPlace<'_>) -> Result<Option<String>, Error> {
        let inside = self.in_run()?;
        Ok(inside.map(|inside| format!("<w:r>{}{inside}</w:r>", place.properties)))
    }

    /// Paragraphs and tables; what ends with a table ends with a paragraph behind it.
    fn blocks(&self, place: BlockPlace<'_>) -> Result<Option<String>, Error> {
        let runs = self.runs(place.run)?;
        Ok(runs.map(|runs| place.paragraph(&runs)))
    }
}

/// An [`Insert`] as minijinja carries it.
#[derive(Debug, Clone)]
pub(crate) struct Typed(Arc<dyn Insert>);

impl Typed {
    pub(crate) fn value(insert: impl Insert) -> Value {
        Value::from_object(Self(Arc::new(insert)))
    }

    /// The insert in a value, if it is one.
    pub(crate) fn of(value: &Value) -> Option<&dyn Insert> {
        value
            .downcast_object_ref::<Self>()
            .map(|typed| typed.0.as_ref())
    }

    /// The insert in a value when it is of this type.
    pub(crate) fn as_a<T: Insert>(value: &Value) -> Option<&T> {
        let insert: &dyn Any = Self::of(value)?;
        insert.downcast_ref()
    }
}

impl Object for Typed {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text())
    }
}

/// Adds the filters that prepared sources write.
pub(crate) fn register(environment: &mut Environment<'static>) {
    add_helper(environment, RUNS, Value::from_function(runs));
    add_helper(environment, BLOCKS, Value::from_function(blocks));
    environment.add_filter(ROOM, |value: Value, room: u32| {
        match Typed::as_a::<Picture>(&value) {
            Some(picture) => picture.clone().within(room).into(),
            None => value,
        }
    });
    filters::register(environment);
    replaced::register(environment);
}

/// Markup that takes its whole place already, as the filters of prepared sources give it.
#[derive(Debug)]
struct Written(String);

impl Object for Written {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape::plain(&self.0))
    }
}

/// What a value that is more than text writes at its tag. In `{{ }}` the text around it is interrupted.
pub(crate) fn at_tag(value: &Value) -> Option<Result<Cow<'_, str>, Error>> {
    if let Some(written) = value.downcast_object_ref::<Written>() {
        return Some(Ok(Cow::Borrowed(&written.0)));
    }
    let insert = Typed::of(value)?;
    Some(in_run(insert).map(Cow::Owned))
}

fn in_run(insert: &dyn Insert) -> Result<String, Error> {
    let markup = insert.in_run()?;
    let markup = markup.ok_or_else(|| misplaced(insert, "run", "{{r … }}"))?;
    budget::charge_markup(markup.len())?;
    Ok(format!("</w:t>{markup}<w:t xml:space=\"preserve\">"))
}

fn misplaced(insert: &dyn Insert, room: &str, tag: &str) -> Error {
    let noun = insert.noun();
    let message = format!("{noun} needs a {room} of its own\nhint: write {tag}");
    Error::new(ErrorKind::InvalidOperation, message)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn runs(value: Value, properties: &str, linked: bool) -> Result<Value, Error> {
    let place = RunPlace { properties, linked };
    budget::step()?;
    let markup = match Typed::of(&value) {
        Some(insert) => match insert.runs(place)? {
            Some(markup) => markup,
            None => return Err(misplaced(insert, "paragraph", "{{p … }}")),
        },
        None => text_markup(&value)?.map_or_else(String::new, |text| text_run(place, &text)),
    };
    made(markup)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn blocks(value: Value, paragraph: &str, properties: &str) -> Result<Value, Error> {
    let linked = false;
    let run = RunPlace { properties, linked };
    let place = BlockPlace { paragraph, run };
    budget::step()?;
    let markup = match Typed::of(&value) {
        Some(insert) => match insert.blocks(place)? {
            Some(markup) => markup,
            None => return Err(misplaced(insert, "place", "it another way")),
        },
        None if value.is_safe() => {
            let text = text_markup(&value)?.unwrap_or_default();
            place.paragraph(&text_run(run, &text))
        }
        None => match plain_text(&value)? {
            None => String::new(),
            Some(text) => text
                .replace("\r\n", "\n")
                .split(['\n', '\r'])
                .map(|line| place.paragraph(&text_run(run, &escape::made(line, Style::Run))))
                .collect(),
        },
    };
    made(markup)
}

fn made(markup: String) -> Result<Value, Error> {
    budget::charge_markup(markup.len())?;
    Ok(Value::from_object(Written(markup)))
}

/// A run of text that is markup already.
pub(crate) fn text_run(place: RunPlace<'_>, text: &str) -> String {
    format!(
        "<w:r>{}<w:t xml:space=\"preserve\">{text}</w:t></w:r>",
        place.properties
    )
}

/// A value that is text as what stands inside `w:t`; none for null.
fn text_markup(value: &Value) -> Result<Option<String>, Error> {
    match value.as_str() {
        Some(text) if value.is_safe() => Ok(Some(escape::made(text, Style::Markup))),
        _ => Ok(plain_text(value)?.map(|text| escape::made(&text, Style::Run))),
    }
}

/// An option that is text; what else it is becomes text of a bounded size. It counts as made.
pub(crate) fn text_option(options: &Kwargs, name: &str) -> Result<Option<String>, Error> {
    let given: Option<Value> = options.get(name)?;
    given.map_or(Ok(None), |given| charged_text(&given))
}

/// A value as the text that it shows, which counts as made: it may be kept. None for null.
fn charged_text(value: &Value) -> Result<Option<String>, Error> {
    let text = plain_text(value)?;
    budget::charge(text.as_ref().map_or(0, String::len))?;
    Ok(text)
}

/// A value as the text that it shows; none for null.
fn plain_text(value: &Value) -> Result<Option<String>, Error> {
    match value.kind() {
        ValueKind::Undefined => Err(ErrorKind::UndefinedError.into()),
        ValueKind::None => Ok(None),
        _ => match value.as_str() {
            Some(text) if value.is_safe() => Ok(Some(escape::plain(text))),
            Some(text) => Ok(Some(text.to_owned())),
            None => shown_text(value).map(Some),
        },
    }
}
