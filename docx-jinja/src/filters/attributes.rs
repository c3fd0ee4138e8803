//! Fields that filters look up by name in every row: one that no row has is misspelt.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::shown;
use crate::budget::{self, refused};
use crate::shape::absent;
use crate::suggest;

/// Of so many rows one looks at the clock.
const ROWS_PER_LOOK: usize = 64;

/// Refuses the name of a field that is missing in every row of a list.
pub(super) fn known(filter: &str, args: &[Value]) -> Result<(), Error> {
    let Some(rows) = args.first().filter(|rows| rows.kind() == ValueKind::Seq) else {
        return Ok(());
    };
    let Some(names) = named(filter, args) else {
        return Ok(());
    };
    for name in names.split(',').map(str::trim) {
        if !name.is_empty() {
            in_some(rows, name)?;
        }
    }
    Ok(())
}

/// The name that a filter was given; none where rows without it are expected.
fn named(filter: &str, args: &[Value]) -> Option<String> {
    let options = args.last().filter(|options| options.is_kwargs());
    let option = |name: &str| {
        options?
            .get_attr(name)
            .ok()
            .filter(|value| !value.is_undefined())
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let positional = |at: usize| args.get(at).and_then(text);
    match filter {
        "selectattr" | "rejectattr" => {
            let test = positional(2);
            let asks = matches!(test.as_deref(), Some("defined" | "undefined"));
            positional(1).filter(|_| !asks)
        }
        "map" | "sum" | "groupby" | "sort" | "min" | "max" | "unique" => {
            if option("default").is_some() {
                return None;
            }
            let first = positional(1).filter(|_| matches!(filter, "sum" | "groupby"));
            first.or_else(|| option("attribute").as_ref().and_then(text))
        }
        _ => None,
    }
}

/// Refuses a path that leads nowhere in every row.
fn in_some(rows: &Value, path: &str) -> Result<(), Error> {
    let mut first = None;
    for (index, row) in rows.try_iter()?.enumerate() {
        if index % ROWS_PER_LOOK == 0 {
            budget::check_time()?;
        }
        match missing(&row, path) {
            None => return Ok(()),
            Some(lost) => first = first.or(Some(lost)),
        }
    }
    first.map_or(Ok(()), |(around, name)| Err(nowhere(&around, name)))
}

/// The error for a name that no row has, by what a row has.
pub(super) fn nowhere(row: &Value, name: &str) -> Error {
    let names = suggest::names(row);
    let near = suggest::closest(name, names.iter().map(String::as_str));
    let hint = match near {
        Some(near) => Some(format!("did you mean \"{near}\"?")),
        None => suggest::listed(names.iter().map(String::as_str)),
    };
    let hint = hint.map_or_else(String::new, |hint| format!("\nhint: {hint}"));
    refused(format!("no row has {}{hint}", shown(&Value::from(name))))
}

/// Where a path leads nowhere, and the name that is missing there. Null may stand for anything.
fn missing<'p>(row: &Value, path: &'p str) -> Option<(Value, &'p str)> {
    let mut value = row.clone();
    for name in path.split('.') {
        if matches!(value.kind(), ValueKind::None | ValueKind::Invalid) {
            return None;
        }
        let next = match name.parse::<usize>() {
            Ok(place) => value.get_item_by_index(place),
            Err(_) => value.get_attr(name),
        };
        let next = next.unwrap_or_default();
        if next.is_undefined() {
            return (!absent::may_have(&value, name)).then_some((value, name));
        }
        value = next;
    }
    None
}
