//! Filters for reports, beside minijinja's own.

mod attributes;
mod bounded;
mod cell;
mod cut;
mod date;
mod given;
mod quantity;
mod tally;

pub(crate) use bounded::{OPERAND, RESULT, SLICE, TEXT, shown_text};
pub(crate) use date::days;
pub(crate) use date::readable;
pub(crate) use given::{
    NoArgument, add as add_strict, add_helper, hint as argument_hint, one as given, undefined,
};
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value, filters};
pub(crate) use quantity::written;

use crate::escape::{self, Style};
use crate::prepare::{FILL, PLAIN, SHARE, SPAN};
use crate::shape::absent;

/// Adds all filters and the helpers of prepared sources.
pub(crate) fn register(environment: &mut Environment<'static>) {
    bounded::register(environment);
    strict(environment);
    // Values are always escaped, whatever a template asks for; these keep their names for templates
    // written for docxtpl, and change nothing.
    environment.add_filter("safe", |value: Value| value);
    environment.add_filter("escape", |value: Value| value);
    environment.add_filter("e", |value: Value| value);
    given::add_helper(environment, PLAIN, Value::from_function(plain));
    given::add_helper(environment, SPAN, Value::from_function(cell::span));
    given::add_helper(environment, FILL, Value::from_function(cell::fill));
    environment.add_test("defined", is_defined);
    environment.add_test("undefined", |value: &Value| !is_defined(value));
    environment.add_function(SHARE, share);
}

/// Adds the filters whose work is small: ours, and minijinja's own.
fn strict(environment: &mut Environment<'static>) {
    let all = [
        ("bytes", Value::from_function(quantity::bytes)),
        ("duration", Value::from_function(quantity::duration)),
        ("percent", Value::from_function(quantity::percent)),
        ("tally", Value::from_function(tally::tally)),
        ("default", Value::from_function(filters::default)),
        ("d", Value::from_function(filters::default)),
        ("round", Value::from_function(filters::round)),
        ("int", Value::from_function(filters::int)),
        ("float", Value::from_function(filters::float)),
        ("attr", Value::from_function(filters::attr)),
    ];
    for (name, filter) in all {
        given::add(environment, name, filter);
    }
}

fn is_defined(value: &Value) -> bool {
    !value.is_undefined() && !absent::is_absent(value)
}

/// Escapes where line breaks cannot be elements.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn plain(value: Value) -> Result<Value, Error> {
    let mut escaped = String::new();
    match value.kind() {
        ValueKind::Undefined => return Err(undefined(&value)),
        ValueKind::None => {}
        ValueKind::String => {
            escape::write(
                &mut escaped,
                value.as_str().unwrap_or_default(),
                Style::Plain,
            )?;
        }
        _ => escape::write(&mut escaped, &shown_text(&value)?, Style::Plain)?,
    }
    Ok(Value::from_safe_string(escaped))
}

/// A column's width when `count` columns share `total`; the whole when the count is unknown.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature minijinja asks for"
)]
fn share(total: f64, count: Value) -> u32 {
    let count = count.as_usize().unwrap_or(1).max(1);
    (total / count as f64).clamp(1.0, 31_680.0) as u32
}

/// The number in a value; numbers written as text count too.
fn float(value: &Value) -> Result<Option<f64>, Error> {
    match value.kind() {
        ValueKind::None => return Ok(None),
        ValueKind::Undefined => return Err(undefined(value)),
        _ => {}
    }
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    };
    match number {
        Some(number) if value.kind() != ValueKind::Bool => Ok(Some(number)),
        _ => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("a number is needed, not {}", shown(value)),
        )),
    }
}

/// A value for an error message, short.
pub(crate) fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("\"{}\"", text.chars().take(40).collect::<String>()),
        None => format!("a value of type {}", value.kind()),
    }
}

#[cfg(test)]
mod tests;
