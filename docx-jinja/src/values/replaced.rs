//! Pictures of the template that make room for others, chosen by their alternative text.

use minijinja::{Environment, Error, Value};

use super::{Picture, plain_text};
use crate::additions;
use crate::budget::refused;
use crate::suggest;

/// Function that gives the relationship of a picture, its own or that of the one in its place.
pub(crate) const PICTURE: &str = "__picture";
/// Function that gives markup for a picture that stays as it is.
pub(crate) const KEPT: &str = "__kept";
/// Function that gives a number which no other drawing has.
pub(crate) const DRAWING_ID: &str = "__drawing_id";
/// What an alternative text begins with that must find its picture.
pub(crate) const PREFIX: &str = "picture:";
/// Longest name looked for, in bytes.
const NAME_BYTES_MAX: usize = 1_024;

pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_function(PICTURE, |own: &str, names: Value| match find(&names)? {
        Some(picture) => picture.relationship().map(Value::from_safe_string),
        None => Ok(Value::from_safe_string(own.to_owned())),
    });
    environment.add_function(KEPT, |markup: &str, names: Value| {
        let kept = find(&names)?.is_none();
        let markup = if kept { markup } else { "" };
        Ok::<_, Error>(Value::from_safe_string(markup.to_owned()))
    });
    environment.add_function(DRAWING_ID, additions::drawing_id);
}

/// The first picture called by one of these names; each comes in pieces.
fn find(names: &Value) -> Result<Option<Picture>, Error> {
    for pieces in names.try_iter()? {
        let mut text = String::new();
        for piece in pieces.try_iter()? {
            text.push_str(&plain_text(&piece)?.unwrap_or_default());
            if text.len() > NAME_BYTES_MAX {
                break;
            }
        }
        let explicit = text.trim().strip_prefix(PREFIX).map(str::trim);
        if let Some(picture) = additions::asset(explicit.unwrap_or(text.trim())) {
            return Ok(Some(picture));
        }
        if let Some(name) = explicit {
            return Err(missing(name));
        }
    }
    Ok(None)
}

/// The error for a name that has no picture.
pub(super) fn missing(name: &str) -> Error {
    let name: String = name.chars().take(80).collect();
    let known = additions::asset_names();
    let near = suggest::closest(&name, known.iter().map(String::as_str));
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => "this document is given no pictures".to_owned(),
        None => format!("there are: {}", known.join(", ")),
    };
    refused(format!("there is no picture \"{name}\"\nhint: {hint}"))
}
