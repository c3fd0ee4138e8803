//! The minijinja environment: strict, without access to anything but the values, writing escaped text.

mod own_names;

use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value};

use crate::budget;
use crate::chart;
use crate::escape::{self, Style};
use crate::filters;
use crate::limits::{Limits, RECURSION_MAX};
use crate::numbering;
use crate::prepare::{COMMENT, EXPRESSION, STATEMENT, globals};
use crate::values;
pub(crate) use own_names::{OWN_NAMES, OWN_NAMES_TOLD, names_engine, own_names};

/// Filters worth suggesting for a misspelt one.
pub(crate) const FILTERS: &[&str] = &[
    "abs",
    "batch",
    "bool",
    "bytes",
    "capitalize",
    "chart",
    "count",
    "currency",
    "date",
    "datetime",
    "default",
    "dictsort",
    "duration",
    "first",
    "float",
    "format",
    "groupby",
    "image",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "link",
    "list",
    "lower",
    "map",
    "markdown",
    "max",
    "min",
    "number",
    "percent",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "rich",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "sum",
    "tally",
    "title",
    "trim",
    "unique",
    "upper",
];

/// Tests worth suggesting for a misspelt one.
pub(crate) const TESTS: &[&str] = &[
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "gt",
    "in",
    "integer",
    "iterable",
    "le",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// The delimiters of prepared sources.
pub(crate) fn syntax() -> SyntaxConfig {
    static SYNTAX: OnceLock<SyntaxConfig> = OnceLock::new();
    let build = || {
        SyntaxConfig::builder()
            .block_delimiters(STATEMENT.0, STATEMENT.1)
            .variable_delimiters(EXPRESSION.0, EXPRESSION.1)
            .comment_delimiters(COMMENT.0, COMMENT.1)
            .keep_trailing_newline(true)
            .build()
            .expect("the delimiters are constants, distinct and not empty")
    };
    SYNTAX.get_or_init(build).clone()
}

/// An environment without templates, to ask what filters and tests exist.
pub(crate) fn base() -> &'static Environment<'static> {
    static BASE: OnceLock<Environment<'static>> = OnceLock::new();
    BASE.get_or_init(|| environment(&Limits::default()))
}

/// A new environment.
pub(crate) fn environment(limits: &Limits) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_syntax(syntax());
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(format);
    // Lets errors say which value does not exist; it costs only when one is made.
    environment.set_debug(true);
    environment.set_fuel(Some(limits.fuel));
    environment.set_recursion_limit(RECURSION_MAX);
    environment.remove_global("debug");
    filters::register(&mut environment);
    values::register(&mut environment);
    numbering::register(&mut environment);
    chart::register(&mut environment);
    for (name, mark) in globals() {
        environment.add_global(name, Value::from_safe_string(mark.to_string()));
    }
    environment
}

/// From this size on, text that is written counts as made: it may go into captured text.
const COUNTED_BYTES: usize = 16 * 1024;

/// Writes a value as document text.
fn format(out: &mut Output, _state: &mut State, value: &Value) -> Result<(), Error> {
    if let Some(text) = value.as_str() {
        let style = if value.is_safe() {
            Style::Markup
        } else {
            Style::Run
        };
        if text.len() > COUNTED_BYTES {
            budget::check_time()?;
            budget::charge(text.len())?;
        }
        return Ok(escape::write(out, text, style)?);
    }
    match value.kind() {
        // Prepared sources write nothing at all where blocks begin, to have the time looked at.
        ValueKind::Undefined | ValueKind::None => budget::step(),
        ValueKind::Number | ValueKind::Bool => Ok(write!(out, "{value}")?),
        ValueKind::Plain if let Some(markup) = values::at_tag(value) => {
            Ok(escape::write(out, &markup?, Style::Markup)?)
        }
        _ => {
            let text = filters::shown_text(value)?;
            Ok(escape::write(out, &text, Style::Run)?)
        }
    }
}
