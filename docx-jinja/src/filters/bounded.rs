//! minijinja's own filters under limits: time, sizes of arguments and of results. Escaped text becomes plain text
//! first, so that no filter cuts or changes an entity; what comes out is escaped when it is written.

use std::fmt::{self, Write as _};

use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value, filters};

use super::{attributes, cut, date, given, quantity, shown};
use crate::budget;
use crate::engine;
use crate::escape;
use crate::limits::{ITEMS_MAX, TEXT_BYTES_MAX, WIDTH_MAX};
use crate::shape::absent::{self, is_left_out};

/// Bounds an operand of `+` and `*`.
pub(crate) const OPERAND: &str = "__operand";
/// Bounds an operand of `~`.
pub(crate) const TEXT: &str = "__text";
/// A slice.
pub(crate) const SLICE: &str = "__slice";
/// Bounds what an operator gave.
pub(crate) const RESULT: &str = "__result";

/// What a filter does with its first argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Makes text of whatever it is.
    Text,
    /// Walks it.
    Items,
    /// Takes one value as it is.
    One,
}

/// Adds the filters whose work or result can be large: minijinja's own, and ours that take a pattern.
pub(crate) fn register(environment: &mut Environment<'static>) {
    macro_rules! wrap {
        ($input:expr, $($name:ident),*) => {
            $(add(environment, stringify!($name), $input, Value::from_function(filters::$name));)*
        };
    }
    wrap!(
        Input::Text,
        upper,
        lower,
        title,
        capitalize,
        replace,
        trim,
        split,
        lines,
        string,
        indent,
        format
    );
    wrap!(
        Input::Items,
        dictsort,
        items,
        reverse,
        join,
        first,
        last,
        min,
        max,
        sort,
        list,
        batch,
        slice,
        sum,
        select,
        reject,
        selectattr,
        rejectattr,
        map,
        groupby,
        unique,
        chain,
        zip,
        pprint,
        length
    );
    let length = Value::from_function(filters::length);
    add(environment, "count", Input::Items, length);
    let own = [
        ("date", Value::from_function(date::date)),
        ("datetime", Value::from_function(date::datetime)),
        ("number", Value::from_function(quantity::number)),
        ("currency", Value::from_function(quantity::currency)),
    ];
    for (name, filter) in own {
        add(environment, name, Input::One, filter);
    }
    environment.add_filter(OPERAND, |value: Value| plain(value));
    environment.add_filter(TEXT, text);
    let slice = |value, start, stop, step: Option<Value>| {
        cut::cut(&bounded(plain(value))?, start, stop, step)
    };
    given::add_helper(environment, SLICE, Value::from_function(slice));
    environment.add_filter(RESULT, result);
}

fn add(environment: &mut Environment<'static>, name: &'static str, input: Input, filter: Value) {
    let wrapped = move |state: &mut State, args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        match input {
            Input::Text | Input::One => budget::step()?,
            Input::Items => budget::check_time()?,
        }
        let mut args: Vec<Value> = args.0.into_iter().map(Value::from).collect();
        if let Some(value) = args.first_mut().filter(|value| is_left_out(state, value)) {
            match input {
                Input::One => return Ok(absent::nothing()),
                Input::Items => *value = Value::from(Vec::<Value>::new()),
                Input::Text => *value = Value::from(""),
            }
        }
        for (index, arg) in args.iter_mut().enumerate() {
            let taken = std::mem::take(arg);
            *arg = match input {
                Input::Text if index == 0 => text(taken)?,
                Input::Text => argument(taken)?,
                _ => bounded(plain(taken))?,
            };
        }
        given::all(state, &args)?;
        attributes::known(name, &args)?;
        arguments(name, &args)?;
        result(filter.call(state, &args)?)
    };
    environment.add_filter(name, wrapped);
}

/// An argument of a filter that makes text of it: what is no text becomes text here, where its size is bounded.
fn argument(value: Value) -> Result<Value, Error> {
    if !value.is_kwargs() {
        return text(value);
    }
    let mut options = Vec::new();
    for name in value.try_iter()? {
        let option = text(value.get_item(&name)?)?;
        options.push((name.to_string(), option));
    }
    Ok(Kwargs::from_iter(options).into())
}

/// All texts among arguments, those with names too.
fn texts(args: &[Value]) -> impl Iterator<Item = usize> {
    let named = args.iter().filter(|arg| arg.is_kwargs());
    let named = named.flat_map(|options| {
        let names = options.try_iter().into_iter().flatten();
        names.filter_map(|name| options.get_item(&name).ok())
    });
    let all = args.iter().cloned().chain(named);
    all.filter_map(|value| value.as_str().map(str::len))
}

/// Refuses arguments that ask for too much.
fn arguments(name: &str, args: &[Value]) -> Result<(), Error> {
    let text = |at: usize| args.get(at).and_then(Value::as_str).unwrap_or_default();
    match name {
        "indent" | "batch" | "slice" => {
            let count = args.iter().skip(1).map(largest).max().unwrap_or(0);
            let lines = text(0).lines().count().max(1);
            if count > WIDTH_MAX || count.saturating_mul(lines) > ITEMS_MAX.max(TEXT_BYTES_MAX) {
                return Err(budget::refused(format!(
                    "{name} by {count} is over the limit of {WIDTH_MAX}"
                )));
            }
        }
        // A filter's name can be a value.
        "map" if text(1).starts_with(engine::OWN_NAMES) => {
            return Err(budget::refused(engine::OWN_NAMES_TOLD.to_owned()));
        }
        "format" => {
            placeholders(args)?;
            return widths(args);
        }
        "replace" => {
            let (from, to) = (text(1), text(2));
            let count = if from.is_empty() {
                text(0).chars().count() + 1
            } else {
                text(0).matches(from).count()
            };
            return fits(text(0).len().saturating_add(count.saturating_mul(to.len())));
        }
        "join" => {
            if let Some(Ok(list)) = args.first().map(Value::try_iter) {
                let mut measure = Measure::default();
                for item in list {
                    if write!(measure, "{item}{}", text(1)).is_err() {
                        return fits(usize::MAX);
                    }
                }
            }
        }
        "pprint" => {
            let value = args.first().cloned().unwrap_or_default();
            return measured(&value, &mut Measure::default());
        }
        _ => {}
    }
    Ok(())
}

/// The number in an argument, or the largest of its keyword arguments.
fn largest(argument: &Value) -> usize {
    match argument.kind() {
        ValueKind::Number => f64::try_from(argument.clone()).map_or(usize::MAX, |n| n as usize),
        ValueKind::Map => argument.try_iter().map_or(0, |keys| {
            let values = keys.filter_map(|key| argument.get_item(&key).ok());
            values.map(|value| largest(&value)).max().unwrap_or(0)
        }),
        _ => 0,
    }
}

/// Refuses a pattern that has no place for the values it is given.
fn placeholders(args: &[Value]) -> Result<(), Error> {
    let pattern = args.first().and_then(Value::as_str);
    match pattern.filter(|pattern| args.len() > 1 && !pattern.contains('%')) {
        Some(pattern) => Err(budget::refused(format!(
            "the pattern {} has no place for a value\nhint: write it like \"%.2f\"|format(price)",
            shown(&Value::from(pattern))
        ))),
        None => Ok(()),
    }
}

/// Refuses wide fields: `%099999d`, and `%*d`, whose width is a value.
fn widths(args: &[Value]) -> Result<(), Error> {
    let pattern = args.first().and_then(Value::as_str).unwrap_or_default();
    let written = pattern
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .any(|digits| {
            digits
                .parse()
                .map_or(true, |width: usize| width > WIDTH_MAX)
        });
    let given = pattern.contains('*')
        && args.iter().any(|arg| {
            arg.as_i64()
                .is_some_and(|n| n.unsigned_abs() > WIDTH_MAX as u64)
        });
    if written || given {
        return Err(budget::refused(format!(
            "the format asks for a width over {WIDTH_MAX}"
        )));
    }
    let repeated = pattern.matches('%').count();
    let longest = texts(args).max();
    fits(repeated.saturating_mul(longest.unwrap_or(0).max(WIDTH_MAX)))
}

fn fits(bytes: usize) -> Result<(), Error> {
    if bytes > TEXT_BYTES_MAX {
        return Err(budget::refused(format!(
            "the text would be larger than {TEXT_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// Escaped text as the text that it shows; all else as it is.
fn plain(value: Value) -> Value {
    match value.as_str() {
        Some(text) if value.is_safe() => Value::from(escape::plain(text)),
        _ => value,
    }
}

/// A value as plain text; undefined stays, so that its error names it.
fn text(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => bounded(plain(value)),
        ValueKind::Undefined | ValueKind::None | ValueKind::Bool | ValueKind::Number => Ok(value),
        _ => {
            bounded(value.clone())?;
            shown_text(&value).map(Value::from)
        }
    }
}

/// A list or map as text.
pub(crate) fn shown_text(value: &Value) -> Result<String, Error> {
    let mut measure = Measure::default();
    measured(value, &mut measure)?;
    Ok(measure.text)
}

/// Refuses sequences that are too long; those of unknown length end in an error where they pass a limit.
fn bounded(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => fits(value.as_str().map_or(0, str::len))?,
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => match value.len() {
            Some(count) if count > ITEMS_MAX => return Err(many()),
            Some(_) => {}
            None if value.kind() == ValueKind::Iterable => return Ok(walked(value)),
            None => {}
        },
        _ => {}
    }
    Ok(value)
}

fn walked(value: Value) -> Value {
    Value::make_object_iterable(value, |value| match value.try_iter() {
        Ok(items) => Box::new(items.enumerate().map(|(index, item)| {
            if index > ITEMS_MAX {
                return Value::from(many());
            }
            match (index % 64 == 0).then(budget::check_time) {
                Some(Err(error)) => Value::from(error),
                _ => item,
            }
        })),
        Err(error) => Box::new(std::iter::once(Value::from(error))),
    })
}

fn many() -> Error {
    budget::refused(format!("the list has more than {ITEMS_MAX} items"))
}

/// Counts what an operator or filter gave.
fn result(value: Value) -> Result<Value, Error> {
    match value.as_str() {
        Some(text) => budget::charge(text.len())?,
        None => {
            if let Some(count) = value.as_object().and_then(|_| value.len()) {
                if count > ITEMS_MAX {
                    return Err(many());
                }
                // What is really stored; lazy sequences are charged too much, which no report comes near.
                budget::charge(count)?;
            }
        }
    }
    Ok(value)
}

/// Writes a value into text of a bounded size.
fn measured(value: &Value, measure: &mut Measure) -> Result<(), Error> {
    match write!(measure, "{value}") {
        Ok(()) => Ok(()),
        Err(_) => fits(usize::MAX),
    }
}

/// Text that ends with an error where it passes a limit.
#[derive(Default)]
struct Measure {
    text: String,
}

impl fmt::Write for Measure {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > TEXT_BYTES_MAX || budget::is_late() {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}
