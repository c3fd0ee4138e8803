//! What a table cell asks for: how many columns it covers, and its colour.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::{float, shown};
use crate::budget::refused;

/// Most columns of a table in Word.
const COLUMNS_MAX: f64 = 63.0;

/// Colours by name, for authors who do not know the numbers of their colours.
const COLOURS: &[(&str, &str)] = &[
    ("black", "000000"),
    ("blue", "0000FF"),
    ("gray", "808080"),
    ("green", "008000"),
    ("grey", "808080"),
    ("lightblue", "ADD8E6"),
    ("lightgray", "D3D3D3"),
    ("lightgreen", "90EE90"),
    ("lightgrey", "D3D3D3"),
    ("lightyellow", "FFFFE0"),
    ("orange", "FFA500"),
    ("pink", "FFC0CB"),
    ("purple", "800080"),
    ("red", "FF0000"),
    ("white", "FFFFFF"),
    ("yellow", "FFFF00"),
];

/// The columns that a cell covers, `times` as many when it stands for all rounds of a loop.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
pub(super) fn span(value: Value, times: Option<Value>) -> Result<u32, Error> {
    let count = float(&value)?.unwrap_or(1.0);
    let times = match times {
        None => 1.0,
        Some(times) => times.as_usize().map(|times| times as f64).ok_or_else(|| {
            refused(
                "the loop does not say how many columns it will have; give it a list".to_owned(),
            )
        })?,
    };
    let columns = count * times;
    if count.fract() != 0.0 || !(0.0..=COLUMNS_MAX).contains(&columns) {
        return Err(refused(format!(
            "a cell covers 1 to {COLUMNS_MAX} columns, not {columns}"
        )));
    }
    Ok(columns.max(1.0) as u32)
}

/// A colour as six hexadecimal digits; `own`, the template's, for null and empty text.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
pub(super) fn fill(value: Value, own: &str) -> Result<String, Error> {
    if value.kind() == ValueKind::Undefined {
        return Err(super::undefined(&value));
    }
    if value.is_none() {
        return Ok(own.to_owned());
    }
    // A number is a colour whose digits are all decimal: 112233.
    let text = value.to_string();
    let text = text.trim().trim_start_matches('#');
    if text.is_empty() || text.eq_ignore_ascii_case("auto") {
        return Ok(own.to_owned());
    }
    let named = COLOURS
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name));
    if let Some((_, digits)) = named {
        return Ok((*digits).to_owned());
    }
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match text.len() {
            3 => return Ok(text.chars().flat_map(|digit| [digit, digit]).collect()),
            6 => return Ok(text.to_uppercase()),
            _ => {}
        }
    }
    Err(refused(format!(
        "a colour is needed, such as \"D9E2F3\" or \"red\", not {}",
        shown(&value)
    )))
}
