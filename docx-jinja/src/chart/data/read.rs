//! The forms in which a template's values can hold a chart's table.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::{Cell, ChartData, Columns, Series, name, point, refused, series};
use crate::filters::shown;
use crate::limits::CHART_SERIES_MAX;
use crate::shape::absent;

/// The key that makes a map a table of series.
const SERIES: &str = "series";

/// Most columns of a row that are looked at: more are refused as series.
const KEYS_MAX: usize = CHART_SERIES_MAX + 3;

/// True for `{categories: […], series: […]}`. A map of numbers may count something that is called `series`.
pub(super) fn is_table(value: &Value) -> bool {
    value
        .get_attr(SERIES)
        .is_ok_and(|series| matches!(series.kind(), ValueKind::Seq | ValueKind::Iterable))
}

/// `{categories: ["Jan", "Feb"], series: [{name: "ok", values: [3, 4]}]}`; a series may have `x` and `size` of its own.
pub(super) fn table(value: &Value, columns: &Columns) -> Result<ChartData, Error> {
    let categories = value.get_attr("categories")?;
    let mut data = ChartData {
        categories: match categories.kind() {
            ValueKind::Undefined | ValueKind::None => Vec::new(),
            _ => cells(&categories, "categories")?,
        },
        series: Vec::new(),
    };
    let shared = !data.categories.is_empty();
    for (index, item) in value.get_attr(SERIES)?.try_iter()?.enumerate() {
        point(index + 1)?;
        let place = format!("series {}", index + 1);
        let list = |key: &str| -> Result<Option<Value>, Error> {
            let found = item.get_attr(key)?;
            Ok((!found.is_undefined() && !found.is_none()).then_some(found))
        };
        let values = list("values")?.map_or_else(|| list("y"), |found| Ok(Some(found)))?;
        let Some(values) = values else {
            return Err(refused(format!("{place} has no values")));
        };
        let values = numbers(&values, &place)?;
        let called = item.get_attr("name")?.as_str().map(name);
        let x = list("x")?.map(|x| cells(&x, &place)).transpose()?;
        let sizes = list("size")?.map(|s| numbers(&s, &place)).transpose()?;
        if shared && x.is_none() && values.len() != data.categories.len() {
            return Err(refused(format!(
                "{place} has {} values for {} categories",
                values.len(),
                data.categories.len()
            )));
        }
        data.series.push(Series {
            name: columns.names.get(index).map(|given| name(given)).or(called),
            x,
            values,
            sizes,
        });
    }
    if !shared {
        let longest = data.series.iter().map(|s| s.values.len()).max();
        data.categories = (1..=longest.unwrap_or(0))
            .map(|number| Cell::Number(number as f64))
            .collect();
    }
    Ok(data)
}

/// `{ok: 3, failed: 4}`: one series, whose categories are the keys.
pub(super) fn map(value: &Value, columns: &Columns) -> Result<ChartData, Error> {
    let mut data = ChartData::default();
    let mut series = Series {
        name: columns.names.first().map(|given| name(given)),
        ..Series::default()
    };
    for key in value.try_iter()? {
        point(data.categories.len() + 1)?;
        let number = number(&value.get_item(&key)?, &format!("\"{key}\""))?;
        data.categories.push(cell(&key, "the map")?);
        series.values.push(number);
    }
    data.series.push(series);
    Ok(data)
}

/// Rows that are maps, or lists whose first item is the category.
pub(super) fn rows(value: &Value, columns: &Columns) -> Result<ChartData, Error> {
    let mut table = Rows {
        columns,
        x: columns.x.clone(),
        y: columns.y.clone(),
        data: ChartData::default(),
    };
    if !table.y.is_empty() {
        series(table.y.len())?;
        table.named();
    }
    for (index, row) in value.try_iter()?.enumerate() {
        point(index + 1)?;
        match row.kind() {
            ValueKind::Map => table.map(&row, index)?,
            ValueKind::Seq | ValueKind::Iterable => table.list(&row, index)?,
            ValueKind::Undefined => return Err(ErrorKind::UndefinedError.into()),
            _ => {
                let shown = shown(&row);
                return Err(refused(format!(
                    "row {} of the chart is {shown}; rows are maps, or lists of a category and its values",
                    index + 1
                )));
            }
        }
    }
    Ok(table.data)
}

/// Rows on their way into columns.
struct Rows<'c> {
    columns: &'c Columns,
    x: Option<String>,
    y: Vec<String>,
    data: ChartData,
}

impl Rows<'_> {
    /// Starts the series of named columns.
    fn named(&mut self) {
        for (index, column) in self.y.iter().enumerate() {
            let given = self.columns.names.get(index).unwrap_or(column);
            self.data.series.push(Series {
                name: Some(name(given)),
                sizes: self.columns.size.as_ref().map(|_| Vec::new()),
                ..Series::default()
            });
        }
    }

    fn map(&mut self, row: &Value, index: usize) -> Result<(), Error> {
        if self.x.is_none() || self.y.is_empty() {
            self.first(row)?;
        }
        let at = |column: &str| format!("row {}, column \"{column}\"", index + 1);
        let category = self.x.clone().unwrap_or_default();
        self.data
            .categories
            .push(cell(&field(row, &category, index)?, &at(&category))?);
        for (series, column) in self.data.series.iter_mut().zip(&self.y) {
            let value = number(&field(row, column, index)?, &at(column))?;
            series.values.push(value);
            if let (Some(sizes), Some(size)) = (&mut series.sizes, &self.columns.size) {
                sizes.push(number(&field(row, size, index)?, &at(size))?);
            }
        }
        Ok(())
    }

    /// Takes the columns that are not named from the first row.
    fn first(&mut self, row: &Value) -> Result<(), Error> {
        let keys = row.try_iter()?;
        let keys = keys.filter_map(|key| key.as_str().map(str::to_owned));
        let keys: Vec<String> = keys.take(KEYS_MAX).collect();
        if self.x.is_none() {
            let free =
                |key: &&String| !self.y.contains(key) && self.columns.size.as_ref() != Some(key);
            self.x = keys.iter().find(free).cloned();
        }
        if self.y.is_empty() {
            let used = [&self.x, &self.columns.size];
            let free = |key: &String| used.iter().all(|u| u.as_ref() != Some(key));
            self.y = keys.into_iter().filter(free).collect();
            series(self.y.len())?;
            self.named();
        }
        if self.x.is_none() || self.y.is_empty() {
            return Err(refused(
                "the rows of a chart need a column of categories and one of values".to_owned(),
            ));
        }
        Ok(())
    }

    fn list(&mut self, row: &Value, index: usize) -> Result<(), Error> {
        let mut items = row.try_iter()?;
        let at = |column: usize| format!("row {}, item {column}", index + 1);
        let category = items.next().unwrap_or_default();
        self.data.categories.push(cell(&category, &at(1))?);
        let mut count = 0;
        for (column, item) in items.enumerate() {
            point(column + 1)?;
            let value = number(&item, &at(column + 2))?;
            if index == 0 {
                self.data.series.push(Series {
                    name: self.columns.names.get(column).map(|given| name(given)),
                    ..Series::default()
                });
            }
            if let Some(series) = self.data.series.get_mut(column) {
                series.values.push(value);
            }
            count += 1;
        }
        if count != self.data.series.len() {
            return Err(refused(format!(
                "row {} of the chart has {count} values, the first row has {}",
                index + 1,
                self.data.series.len()
            )));
        }
        Ok(())
    }
}

/// A row's field, dotted where fields nest.
fn field(row: &Value, column: &str, index: usize) -> Result<Value, Error> {
    let direct = row.get_attr(column)?;
    if !direct.is_undefined() {
        return Ok(direct);
    }
    if absent::may_have(row, column) {
        return Ok(Value::from(()));
    }
    let mut found = row.clone();
    for part in column.split('.') {
        found = match found.kind() {
            ValueKind::Map => match found.get_attr(part)? {
                lost if lost.is_undefined() && absent::may_have(&found, part) => Value::from(()),
                next => next,
            },
            _ => Value::UNDEFINED,
        };
    }
    if found.is_undefined() {
        let keys = row.try_iter().into_iter().flatten().take(100);
        let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
        let near = crate::suggest::closest(column, keys.iter().map(String::as_str));
        let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
        return Err(refused(format!(
            "row {} of the chart has no column \"{column}\"{hint}",
            index + 1
        )));
    }
    Ok(found)
}

fn numbers(list: &Value, place: &str) -> Result<Vec<Option<f64>>, Error> {
    let mut numbers = Vec::new();
    for (index, item) in list.try_iter()?.enumerate() {
        point(index + 1)?;
        numbers.push(number(&item, &format!("{place}, value {}", index + 1))?);
    }
    Ok(numbers)
}

fn cells(list: &Value, place: &str) -> Result<Vec<Cell>, Error> {
    let mut cells = Vec::new();
    for (index, item) in list.try_iter()?.enumerate() {
        point(index + 1)?;
        cells.push(cell(&item, place)?);
    }
    Ok(cells)
}

/// A number; none for null. Text is never taken for a number.
fn number(value: &Value, place: &str) -> Result<Option<f64>, Error> {
    match value.kind() {
        ValueKind::None => return Ok(None),
        ValueKind::Number => {
            if let Some(number) = f64::try_from(value.clone()).ok().filter(|n| n.is_finite()) {
                return Ok(Some(number));
            }
        }
        _ => {}
    }
    Err(refused(format!(
        "{place} of the chart: a number is needed, not {}; name the columns of numbers with y=",
        shown(value)
    )))
}

fn cell(value: &Value, place: &str) -> Result<Cell, Error> {
    Ok(match value.kind() {
        ValueKind::None => Cell::Empty,
        ValueKind::Number => number(value, place)?.map_or(Cell::Empty, Cell::Number),
        ValueKind::Bool => Cell::Text(value.to_string()),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            let plain = if value.is_safe() {
                crate::escape::plain(text)
            } else {
                text.to_owned()
            };
            Cell::Text(name(&plain))
        }
        _ => {
            return Err(refused(format!(
                "{place} of the chart: a text or a number is needed as category, not {}",
                shown(value)
            )));
        }
    })
}
