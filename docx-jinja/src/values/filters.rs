//! Filters by which a template asks for more than text.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::{Length, Link, Picture, Typed, plain_text};
use crate::budget;

/// Adds them.
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter("image", image);
    environment.add_filter("link", link);
}

/// A picture in another size: `{{ logo|image(width="4cm") }}`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn image(value: Value, options: Kwargs) -> Result<Value, Error> {
    let mut picture = match (Typed::as_a::<Picture>(&value), value.kind()) {
        (Some(picture), _) => picture.clone(),
        (None, ValueKind::None) => return Ok(value),
        (None, ValueKind::Undefined) => return Err(ErrorKind::UndefinedError.into()),
        (None, ValueKind::Bytes) => {
            let bytes = value.as_bytes().unwrap_or_default();
            budget::charge(bytes.len())?;
            Picture::new(bytes).map_err(refused)?
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
    if let Some(alt) = options.get::<Option<String>>("alt")? {
        picture = picture.alt(alt);
    }
    options.assert_all_used()?;
    Ok(picture.into())
}

fn length(options: &Kwargs, name: &str) -> Result<Option<Length>, Error> {
    let text: Option<String> = options.get(name)?;
    text.map(|text| text.parse().map_err(refused)).transpose()
}

/// A hyperlink: `{{r url|link }}`, `{{r url|link("open") }}`.
fn link(url: Value, text: Option<Value>) -> Result<Value, Error> {
    let Some(address) = plain_text(&url)? else {
        return Ok(url);
    };
    let text = text.map(|text| plain_text(&text)).transpose()?.flatten();
    let text = text.unwrap_or_else(|| address.clone());
    Ok(Link::new(&address, text).into())
}

fn refused(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.to_string())
}
