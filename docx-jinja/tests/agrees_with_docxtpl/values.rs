//! Values for our side, out of the same JSON that docxtpl's side reads.

use docx_jinja::values::{Assets, Length, Look, Picture, RichText};
use docx_jinja::{SubDocument, Value};
use serde_json::Value as Json;

use crate::programs;

/// A value for the engine; what the JSON describes with `$` becomes a picture or rich text.
pub(crate) fn of(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(of).collect(),
        Json::Object(fields) => {
            if let Some(Json::String(file)) = fields.get("$picture") {
                let width = Length::cm(fields["width_cm"].as_f64().unwrap());
                return Value::from(picture(file).width(width));
            }
            if let Some(Json::String(file)) = fields.get("$document") {
                return Value::from(SubDocument::new(&programs::made(file)).unwrap());
            }
            if let Some(Json::Array(pieces)) = fields.get("$rich") {
                return Value::from(pieces.iter().fold(RichText::new(), add));
            }
            Value::from_pairs(fields.iter().map(|(key, value)| (key.clone(), of(value))))
        }
    }
}

/// Pictures that replace those of the templates.
pub(crate) fn assets() -> Assets {
    Assets::new().picture("stamp", picture("blue.png"))
}

fn picture(file: &str) -> Picture {
    Picture::new(programs::file(file)).unwrap()
}

fn add(rich: RichText, piece: &Json) -> RichText {
    let text = piece["text"].as_str().unwrap();
    let mut look = Look::new();
    for (key, value) in piece.as_object().unwrap() {
        let name = value.as_str().unwrap_or_default();
        look = match key.as_str() {
            "bold" => look.bold(true),
            "italic" => look.italic(true),
            "strike" => look.strike(true),
            "underline" => look.underline(name).unwrap(),
            "colour" => look.colour(name).unwrap(),
            "size" => look.size(value.as_f64().unwrap()).unwrap(),
            "subscript" => look.subscript(),
            "superscript" => look.superscript(),
            "style" => look.style(name),
            "font" => look.font(name),
            _ => look,
        };
    }
    match piece["url"].as_str() {
        Some(url) => rich.link(url, text, look),
        None => rich.with(text, look),
    }
}
