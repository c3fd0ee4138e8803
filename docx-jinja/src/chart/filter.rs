//! `{{ rows|chart("line", x="day", y=["ok", "failed"], width="16cm") }}`: a chart drawn as a picture.

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, Value};

use super::draw::{self, Kind, Look};
use super::{Columns, data};
use crate::budget::{self, refused};
use crate::limits::CHART_SIDE_EMU_MAX;
use crate::suggest;
use crate::values::{Length, Picture};

const WIDTH: &str = "16cm";
/// A chart is so many times wider than high, when its height is not given.
const RATIO: f64 = 1.8;
const EMU_PER_POINT: f64 = 12_700.0;

/// Adds the filter.
pub(crate) fn register(environment: &mut Environment<'static>) {
    environment.add_filter("chart", chart);
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn chart(rows: Value, kind: Option<&str>, options: Kwargs) -> Result<Value, Error> {
    budget::check_time()?;
    let columns = Columns::read(&options)?;
    let width = length(options.get::<Option<&str>>("width")?.unwrap_or(WIDTH))?;
    let height = match options.get::<Option<&str>>("height")? {
        Some(text) => length(text)?,
        None => Length::points(points(width) / RATIO),
    };
    let look = Look {
        kind: named(kind.unwrap_or("column"))?,
        stacked: options.get::<Option<bool>>("stacked")?.unwrap_or(false),
        title: options.get::<Option<String>>("title")?,
        colours: colours(&options)?,
        size: (points(width) as f32, points(height) as f32),
    };
    let alternative = options.get::<Option<String>>("alt")?;
    options.assert_all_used()?;
    let shown = data::read(&rows, &columns)?;
    let bytes = draw::png(&shown, &look).map_err(refused)?;
    budget::charge(bytes.len())?;
    let picture = Picture::new(bytes).map_err(|error| refused(error.to_string()))?;
    let alternative = alternative.or(look.title).unwrap_or_else(|| shown.names());
    Ok(picture.width(width).height(height).alt(alternative).into())
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
