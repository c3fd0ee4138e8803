//! Filters by which a template asks for more than text.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::replaced::missing;
use super::{
    Length, Link, Look, LookError, Markdown, Picture, RichText, Typed, charged_text, plain_text,
    text_option,
};
use crate::additions;
use crate::budget;
use crate::filters::{add_strict, undefined};
use crate::limits::RICH_PIECES_MAX;

/// Adds them.
pub(super) fn register(environment: &mut Environment<'static>) {
    add_strict(environment, "image", Value::from_function(image));
    add_strict(environment, "link", Value::from_function(link));
    add_strict(environment, "markdown", Value::from_function(markdown));
    add_strict(environment, "rich", Value::from_function(rich));
}

/// A picture in another size: `{{ logo|image(width="4cm") }}`. A text is the name of one that the render was given.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn image(value: Value, options: Kwargs) -> Result<Value, Error> {
    let mut picture = match (Typed::as_a::<Picture>(&value), value.kind()) {
        (Some(picture), _) => picture.clone(),
        (None, ValueKind::None) => return Ok(value),
        (None, ValueKind::Undefined) => return Err(undefined(&value)),
        (None, ValueKind::Bytes) => {
            let bytes = value.as_bytes().unwrap_or_default();
            budget::charge(bytes.len())?;
            Picture::new(bytes).map_err(refused)?
        }
        (None, ValueKind::String) => {
            let name = plain_text(&value)?.unwrap_or_default();
            additions::asset(&name).ok_or_else(|| missing(&name))?
        }
        (None, kind) => {
            return Err(refused(format!(
                "a picture is needed, not a value of type {kind}"
            )));
        }
    };
    if let Some(width) = length(&options, "width")? {
        picture = picture.width(width);
    }
    if let Some(height) = length(&options, "height")? {
        picture = picture.height(height);
    }
    if let Some(alt) = text_option(&options, "alt")? {
        picture = picture.alt(alt);
    }
    options.assert_all_used()?;
    Ok(picture.into())
}

fn length(options: &Kwargs, name: &str) -> Result<Option<Length>, Error> {
    let length = text_option(options, name)?;
    length
        .map(|length| length.parse().map_err(refused))
        .transpose()
}

/// A hyperlink: `{{r url|link }}`, `{{r url|link("open") }}`.
fn link(url: Value, text: Option<Value>) -> Result<Value, Error> {
    let Some(address) = charged_text(&url)? else {
        return Ok(url);
    };
    let text = text.map(|text| charged_text(&text)).transpose()?.flatten();
    let text = text.unwrap_or_else(|| address.clone());
    Ok(Link::new(&address, text).into())
}

/// Text with the marks of Markdown: `{{p notes|markdown }}`, `{{p notes|markdown(table="Report Table") }}`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn markdown(value: Value, options: Kwargs) -> Result<Value, Error> {
    let table = text_option(&options, "table")?;
    options.assert_all_used()?;
    let Some(text) = plain_text(&value)? else {
        return Ok(value);
    };
    budget::charge(text.len())?;
    let mut markdown = Markdown::new(text);
    if let Some(name) = table {
        markdown = markdown.table_style(name);
    }
    Ok(markdown.into())
}

/// Text with a look: `{{r x|rich(bold=true, colour="C00000") }}`. A list is its pieces one behind the other.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn rich(value: Value, options: Kwargs) -> Result<Value, Error> {
    let mut text = RichText::new();
    match (value.kind(), value.as_str()) {
        (ValueKind::Seq | ValueKind::Iterable, None) => {
            for item in value.try_iter()? {
                budget::step()?;
                text.extend(&piece(&item)?);
                if text.pieces() > RICH_PIECES_MAX {
                    return Err(refused(format!(
                        "the rich text has more than {RICH_PIECES_MAX} pieces"
                    )));
                }
            }
        }
        _ => text = piece(&value)?,
    }
    let link = self::text_option(&options, "link")?;
    text.under(&look(&options)?, link.as_deref());
    options.assert_all_used()?;
    budget::charge(text.bytes())?;
    Ok(text.into())
}

fn piece(value: &Value) -> Result<RichText, Error> {
    if let Some(text) = Typed::as_a::<RichText>(value) {
        return Ok(text.clone());
    }
    if let Some(link) = Typed::as_a::<Link>(value) {
        return Ok(link.rich());
    }
    Ok(RichText::new().text(plain_text(value)?.unwrap_or_default()))
}

/// Sets a switch of a look, or what it calls by name.
type Switch = fn(Look, bool) -> Look;
type Name = fn(Look, &str) -> Result<Look, LookError>;

fn look(options: &Kwargs) -> Result<Look, Error> {
    const SWITCHES: [(&str, Switch); 5] = [
        ("bold", Look::bold),
        ("italic", Look::italic),
        ("strike", Look::strike),
        ("caps", Look::caps),
        ("small_caps", Look::small_caps),
    ];
    const NAMES: [(&str, Name); 5] = [
        ("colour", Look::colour),
        ("color", Look::colour),
        ("highlight", Look::highlight),
        ("font", |look, name| Ok(look.font(name))),
        ("style", |look, name| Ok(look.style(name))),
    ];
    let mut look = Look::new();
    for (name, set) in SWITCHES {
        if let Some(on) = options.get::<Option<bool>>(name)? {
            look = set(look, on);
        }
    }
    for (name, set) in NAMES {
        if let Some(given) = text_option(options, name)? {
            look = set(look, &given).map_err(refused)?;
        }
    }
    if let Some(line) = options.get::<Option<Value>>("underline")? {
        look = match (line.as_str(), line.is_true()) {
            (Some(line), _) => look.underline(line),
            (None, true) => look.underline("single"),
            (None, false) => look.underline("none"),
        }
        .map_err(refused)?;
    }
    if let Some(points) = options.get::<Option<f64>>("size")? {
        look = look.size(points).map_err(refused)?;
    }
    if options.get::<Option<bool>>("subscript")? == Some(true) {
        look = look.subscript();
    }
    if options.get::<Option<bool>>("superscript")? == Some(true) {
        look = look.superscript();
    }
    Ok(look)
}

fn refused(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_string())
}
