//! A chart part with new values: as many series and points as there are, what is drawn at once and what the workbook
//! says, in the look that the template's chart has.

use std::collections::BTreeSet;

use super::edits::{Edits, local, prefix};
use super::series::{self, Copy, Range, Shown};
use super::{Cell, ChartData, Series, colour, title};
use crate::filters::days;
use crate::workbook::{Column, Sheet};

/// A chart with its new values.
pub(crate) struct Rewritten {
    pub(crate) xml: String,
    /// The table for its workbook.
    pub(crate) sheet: Sheet,
}

/// A series of the template.
struct Place {
    at: usize,
    /// The local name of the plot around it: `barChart`.
    plot: String,
    index: u64,
    order: u64,
}

/// Looks whether a chart can be filled, when the template is compiled.
///
/// # Errors
/// Why it cannot.
pub(crate) fn check(xml: &str) -> Result<(), String> {
    let edits = Edits::new(xml)?;
    places(&edits).map(|_| ())
}

/// Writes a chart with new values.
///
/// # Errors
/// Values that this kind of chart cannot show.
pub(crate) fn rewrite(
    xml: &str,
    data: &ChartData,
    heading: Option<&str>,
) -> Result<Rewritten, String> {
    let mut edits = Edits::new(xml)?;
    let places = places(&edits)?;
    let root = edits.root().unwrap_or_default();
    let p = prefix(edits.tokens[root].name).to_owned();
    let none = vec![Series::default(); places.len()];
    let wanted = if data.series.is_empty() {
        &none
    } else {
        &data.series
    };
    let mut table = Table::new(&edits, &places, data)?;
    let used = used(&edits, &places);
    let next = Copy {
        index: places.iter().map(|place| place.index).max().unwrap_or(0) + 1,
        order: places.iter().map(|place| place.order).max().unwrap_or(0) + 1,
    };
    let mut copies = String::new();
    let mut used = used;
    for (position, series) in wanted.iter().enumerate() {
        let extra = position.checked_sub(places.len());
        let place = &places[position.min(places.len() - 1)];
        let mut shown = table.add(&edits, place, series, extra.is_some())?;
        shown.prefix = &p;
        let fragment = edits.raw(place.at);
        match extra {
            None => {
                let written = series::write(&fragment, &shown)?;
                edits.replace(place.at, written);
            }
            Some(extra) => {
                shown.copy = Some(Copy {
                    index: next.index + extra as u64,
                    order: next.order + extra as u64,
                });
                let coloured = colour::change(&fragment, position, &used);
                used.extend(colour::used(&Edits::new(&coloured)?));
                copies.push_str(&series::write(&coloured, &shown)?);
            }
        }
    }
    for place in places.iter().skip(wanted.len()) {
        edits.replace(place.at, "");
    }
    let last = places[places.len() - 1].at;
    edits.behind(last, &copies);
    frame(&mut edits, root, &p, heading);
    Ok(Rewritten {
        xml: edits.write(),
        sheet: table.sheet,
    })
}

/// What belongs to the whole chart.
fn frame(edits: &mut Edits<'_>, root: usize, p: &str, heading: Option<&str>) {
    // The workbook counts its days from 1900, and no pivot table of it is left.
    if let Some(at) = edits.child(root, "date1904") {
        edits.replace(at, format!("<{p}date1904 val=\"0\"/>"));
    }
    if let Some(at) = edits.child(root, "pivotSource") {
        edits.replace(at, "");
    }
    if let (Some(heading), Some(chart)) = (heading, edits.child(root, "chart")) {
        title::set(edits, chart, heading);
    }
}

/// The series of a chart in the order in which they are drawn.
fn places(edits: &Edits<'_>) -> Result<Vec<Place>, String> {
    let root = edits.root().ok_or("the chart is empty")?;
    let mut places = Vec::new();
    for at in edits.below(root, "ser") {
        let token = edits.tokens[at];
        let plot = local(edits.tokens[token.parent].name);
        // Series that the author has hidden stand in extensions, under another prefix.
        if !plot.ends_with("Chart") || prefix(token.name) != prefix(edits.tokens[root].name) {
            continue;
        }
        if plot == "stockChart" {
            return Err("a stock chart cannot be filled; choose a line chart".to_owned());
        }
        let number = |name| {
            let value = edits.child(at, name).and_then(|child| edits.val(child));
            value.and_then(|value| value.parse().ok()).unwrap_or(0)
        };
        places.push(Place {
            at,
            plot: plot.to_owned(),
            index: number("idx"),
            order: number("order"),
        });
    }
    places.sort_by_key(|place| place.order);
    if places.is_empty() {
        return Err("the chart has no series; leave one in it, for its look".to_owned());
    }
    Ok(places)
}

fn used(edits: &Edits<'_>, places: &[Place]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for place in places {
        if let Ok(series) = Edits::new(&edits.raw(place.at)) {
            all.extend(colour::used(&series));
        }
    }
    all
}

/// The workbook's table while series are added to it.
struct Table {
    sheet: Sheet,
    categories: Vec<Cell>,
    /// The categories are days.
    days: bool,
}

impl Table {
    fn new(edits: &Edits<'_>, places: &[Place], data: &ChartData) -> Result<Self, String> {
        let root = edits.root().unwrap_or_default();
        let axis = !edits.below(root, "dateAx").is_empty();
        let xy = places.iter().any(is_xy);
        let looks = places.iter().any(|place| {
            let format = series::format(edits, place.at, if is_xy(place) { "xVal" } else { "cat" });
            format.is_some_and(|format| format.contains(['y', 'd']))
        });
        let found = (axis || xy || looks)
            .then(|| in_days(&data.categories))
            .flatten();
        let days = found.is_some();
        let categories = found.unwrap_or_else(|| data.categories.clone());
        let text = categories.iter().find(|cell| matches!(cell, Cell::Text(_)));
        if let (true, Some(Cell::Text(text))) = (axis, text) {
            return Err(format!(
                "the chart has an axis of dates, and \"{}\" is none; write dates as 2026-01-31, or make it a text axis in Word",
                text.chars().take(40).collect::<String>()
            ));
        }
        let mut table = Self {
            sheet: Sheet::default(),
            categories: categories.clone(),
            days,
        };
        let shared = data.series.iter().any(|series| series.x.is_none());
        if shared || data.series.is_empty() {
            table.column(String::new(), categories, days);
        }
        Ok(table)
    }

    fn column(&mut self, header: String, cells: Vec<Cell>, dates: bool) -> usize {
        self.sheet.columns.push(Column {
            header,
            cells,
            dates,
        });
        self.sheet.columns.len() - 1
    }

    /// Adds a series' columns; gives what is to be written for it.
    fn add<'s>(
        &mut self,
        edits: &Edits<'_>,
        place: &Place,
        series: &Series,
        is_copy: bool,
    ) -> Result<Shown<'s>, String> {
        let xy = is_xy(place);
        let (x, days) = match &series.x {
            None => {
                let shared = Range {
                    name: self.sheet.range(0),
                    cells: self.categories.clone(),
                };
                (shared, self.days)
            }
            Some(own) => {
                let found = in_days(own);
                let days = found.is_some();
                let cells = found.unwrap_or_else(|| own.clone());
                (self.range("x", cells, days), days)
            }
        };
        if xy && x.cells.iter().any(|cell| matches!(cell, Cell::Text(_))) {
            return Err(format!(
                "the x values of a {} chart must be numbers or dates",
                place.plot.trim_end_matches("Chart")
            ));
        }
        let kept = series::name(edits, place.at).filter(|_| !is_copy);
        let name = series.name.clone().or(kept);
        let values = self.range(
            name.as_deref().unwrap_or_default(),
            cells(&series.values),
            false,
        );
        let header = self.sheet.header(self.sheet.columns.len() - 1);
        let sizes = match (&series.sizes, place.plot.as_str()) {
            (Some(sizes), "bubbleChart") => Some(self.range("size", cells(sizes), false)),
            (None, "bubbleChart") if !series.values.is_empty() => {
                return Err("a bubble chart needs the column of sizes: size=\"…\"".to_owned());
            }
            (None, "bubbleChart") => Some(self.range("size", Vec::new(), false)),
            _ => None,
        };
        Ok(Shown {
            prefix: "",
            xy,
            title: name.map(|name| (name, header)),
            x,
            days,
            values,
            sizes,
            copy: None,
        })
    }

    fn range(&mut self, header: &str, cells: Vec<Cell>, dates: bool) -> Range {
        let column = self.column(header.to_owned(), cells.clone(), dates);
        Range {
            name: self.sheet.range(column),
            cells,
        }
    }
}

fn is_xy(place: &Place) -> bool {
    matches!(place.plot.as_str(), "scatterChart" | "bubbleChart")
}

fn cells(values: &[Option<f64>]) -> Vec<Cell> {
    let cell = |value: &Option<f64>| value.map_or(Cell::Empty, Cell::Number);
    values.iter().map(cell).collect()
}

/// Dates as the days that workbooks count; none when one is no date, or there is none at all.
fn in_days(cells: &[Cell]) -> Option<Vec<Cell>> {
    let mut found = false;
    let cells = cells.iter().map(|cell| match cell {
        Cell::Empty => Some(Cell::Empty),
        Cell::Number(_) => None,
        Cell::Text(text) => {
            found = true;
            days(text).map(Cell::Number)
        }
    });
    let cells: Option<Vec<Cell>> = cells.collect();
    cells.filter(|_| found)
}

#[cfg(test)]
mod tests;
