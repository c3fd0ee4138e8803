//! What a chart shows: categories and series, read strictly from a template's values.

mod read;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use crate::budget;
use crate::limits::{CHART_NAME_CHARS_MAX, CHART_POINTS_MAX, CHART_SERIES_MAX};
use crate::values::text_option;

/// One cell of the table behind a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Empty,
    Text(String),
    Number(f64),
}

/// One line, or one colour of bars.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Series {
    /// The legend's text; none keeps the template's.
    pub(crate) name: Option<String>,
    /// Its own x values, where series do not share the categories.
    pub(crate) x: Option<Vec<Cell>>,
    /// One value a category; none is a gap.
    pub(crate) values: Vec<Option<f64>>,
    /// How large each bubble is.
    pub(crate) sizes: Option<Vec<Option<f64>>>,
}

/// A chart's whole table.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ChartData {
    pub(crate) categories: Vec<Cell>,
    pub(crate) series: Vec<Series>,
}

impl ChartData {
    /// The names of all series, for readers who cannot see the chart.
    pub(crate) fn names(&self) -> String {
        let names = self
            .series
            .iter()
            .filter_map(|series| series.name.as_deref());
        names.collect::<Vec<_>>().join(", ")
    }
}

/// Which columns of the rows are shown, and how they are called.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Columns {
    /// The column of categories; the first one when none is named.
    pub(crate) x: Option<String>,
    /// The columns of values; all others when none is named.
    pub(crate) y: Vec<String>,
    /// The series' names, in order; the columns' names when none are given.
    pub(crate) names: Vec<String>,
    /// The column of bubble sizes.
    pub(crate) size: Option<String>,
}

impl Columns {
    /// Reads `x=`, `y=`, `names=` and `size=`.
    ///
    /// # Errors
    /// An option of another type.
    pub(crate) fn read(kwargs: &Kwargs) -> Result<Self, Error> {
        Ok(Self {
            x: text_option(kwargs, "x")?,
            y: texts(kwargs, "y")?,
            names: texts(kwargs, "names")?,
            size: text_option(kwargs, "size")?,
        })
    }
}

/// Reads rows, pairs, a map of numbers, or `{categories, series}`.
///
/// # Errors
/// What is not a number, with its row and column; too many points or series.
pub(crate) fn read(value: &Value, columns: &Columns) -> Result<ChartData, Error> {
    let data = match value.kind() {
        ValueKind::Undefined => return Err(crate::filters::undefined(value)),
        ValueKind::Map if read::is_table(value) => read::table(value, columns)?,
        ValueKind::Map => read::map(value, columns)?,
        ValueKind::Seq | ValueKind::Iterable => read::rows(value, columns)?,
        _ => {
            return Err(refused(format!(
                "a chart needs rows, not {}",
                crate::filters::shown(value)
            )));
        }
    };
    series(data.series.len())?;
    Ok(data)
}

/// Refuses more series than a chart can show.
fn series(count: usize) -> Result<(), Error> {
    if count > CHART_SERIES_MAX {
        return Err(budget::refused(format!(
            "a chart can show {CHART_SERIES_MAX} series, not {count}; name the columns to show with y="
        )));
    }
    Ok(())
}

/// A name as a chart can show it.
fn name(text: &str) -> String {
    match text.char_indices().nth(CHART_NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Counts one more point.
fn point(count: usize) -> Result<(), Error> {
    budget::step()?;
    if count > CHART_POINTS_MAX {
        return Err(budget::refused(format!(
            "a chart can show {CHART_POINTS_MAX} points, and there are more; show fewer rows, or sum them up first"
        )));
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// One text or a list of texts.
pub(super) fn texts(kwargs: &Kwargs, name: &str) -> Result<Vec<String>, Error> {
    let Some(value) = kwargs.get::<Option<Value>>(name)? else {
        return Ok(Vec::new());
    };
    if let Some(text) = value.as_str() {
        return Ok(vec![text.to_owned()]);
    }
    let wrong = || refused(format!("{name}= needs a text or a list of texts"));
    let items = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?,
        _ => return Err(wrong()),
    };
    let mut texts = Vec::new();
    for item in items {
        point(texts.len())?;
        let text = item.as_str().ok_or_else(wrong)?;
        budget::charge(text.len())?;
        texts.push(text.to_owned());
    }
    Ok(texts)
}

#[cfg(test)]
mod tests;
