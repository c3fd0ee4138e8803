//! `{{ rows|chart("line", x="day", y=["ok", "failed"], width="16cm") }}`: a chart where the template has none, drawn as a
//! picture, or with `editable=true` one of Word's own.

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};

use super::draw::{self, Kind, Look};
use super::native::Native;
use super::{Columns, data};
use crate::additions;
use crate::budget::{self, refused};
use crate::filters::add_strict;
use crate::limits::CHART_SIDE_EMU_MAX;
use crate::suggest;
use crate::values::{Length, Picture, text_option};

/// How wide a chart is, where there is room for it, in centimetres.
const WIDTH_CM: f64 = 16.0;
/// Twentieths of a point in an inch.
const TWIPS_PER_INCH: f64 = 1440.0;
/// A chart is so many times wider than high, when its height is not given.
const RATIO: f64 = 1.8;
const EMU_PER_POINT: f64 = 12_700.0;

/// Adds the filter.
pub(crate) fn register(environment: &mut Environment<'static>) {
    add_strict(environment, "chart", Value::from_function(chart));
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn chart(rows: Value, kind: Option<&str>, options: Kwargs) -> Result<Value, Error> {
    budget::check_time()?;
    let columns = Columns::read(&options)?;
    let width = match options.get::<Option<&str>>("width")? {
        Some(text) => length(text)?,
        None => usual_width(),
    };
    let height = match options.get::<Option<&str>>("height")? {
        Some(text) => length(text)?,
        None => Length::points(points(width) / RATIO),
    };
    let look = Look {
        kind: named(kind.unwrap_or("column"))?,
        stacked: options.get::<Option<bool>>("stacked")?.unwrap_or(false),
        title: text_option(&options, "title")?,
        colours: colours(&options)?,
        size: (points(width) as f32, points(height) as f32),
    };
    let alternative = text_option(&options, "alt")?;
    let editable = options.get::<Option<bool>>("editable")?.unwrap_or(false);
    options.assert_all_used()?;
    let shown = data::read(&rows, &columns)?;
    let alternative = alternative.or_else(|| look.title.clone());
    let alternative = alternative.unwrap_or_else(|| shown.names());
    if editable {
        return Ok(Native::new(&shown, &look, (width, height), alternative)?.into());
    }
    let bytes = draw::png(&shown, &look).map_err(refused)?;
    budget::charge(bytes.len())?;
    let picture = Picture::new(bytes).map_err(|error| refused(error.to_string()))?;
    Ok(picture.width(width).height(height).alt(alternative).into())
}

/// The usual width, or all that the page has between its margins.
fn usual_width() -> Length {
    let usual = Length::cm(WIDTH_CM);
    additions::original().map_or(usual, |original| {
        usual.min(Length::inches(
            f64::from(original.text_width()) / TWIPS_PER_INCH,
        ))
    })
}

fn points(length: Length) -> f64 {
    length.emu() as f64 / EMU_PER_POINT
}

fn length(text: &str) -> Result<Length, Error> {
    let length: Length = text.parse().map_err(|error| refused(format!("{error}")))?;
    if length.emu() > CHART_SIDE_EMU_MAX {
        return Err(refused(format!(
            "\"{text}\" is longer than the 42 cm that a chart may have"
        )));
    }
    Ok(length)
}

fn named(name: &str) -> Result<Kind, Error> {
    let found = Kind::NAMED.iter().find(|(known, _)| *known == name);
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        let names = Kind::NAMED.map(|(known, _)| known);
        let hint = match suggest::closest(name, names.into_iter()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are: {}", names.join(", ")),
        };
        refused(format!(
            "there is no kind of chart called \"{name}\"\nhint: {hint}"
        ))
    })
}

/// Colours as `#0a64a0`.
fn colours(options: &Kwargs) -> Result<Vec<(u8, u8, u8)>, Error> {
    let colour = |text: &String| {
        let digits = text.trim().trim_start_matches('#');
        let number = u32::from_str_radix(digits, 16).ok();
        match number.filter(|_| digits.len() == 6) {
            Some(number) => {
                let [_, red, green, blue] = number.to_be_bytes();
                Ok((red, green, blue))
            }
            None => Err(refused(format!(
                "\"{}\" is not a colour\nhint: write it like \"#0a64a0\"",
                text.chars().take(40).collect::<String>()
            ))),
        }
    };
    data::texts(options, "colours")?
        .iter()
        .map(colour)
        .collect()
}
