//! Arguments of filters that do not exist are errors that name them; only the value before the bar is for each filter
//! to judge.

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters};

use crate::shape::absent::{self, is_left_out};
use crate::suggest;

/// Marks the error for an argument that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("an argument that does not exist")]
pub(crate) struct NoArgument;

/// Adds a filter whose arguments must exist. What may be left out, and is, comes out as it went in where the filter has
/// nothing to say of it.
pub(crate) fn add(environment: &mut Environment<'static>, name: &'static str, filter: Value) {
    let strict = move |state: &mut State, args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let mut args: Vec<Value> = args.0.into_iter().map(Value::from).collect();
        all(state, &args)?;
        if let Some(value) = args.first_mut().filter(|value| is_left_out(state, value)) {
            *value = match name {
                "default" | "d" | "int" | "float" => absent::nothing(),
                "tally" => Value::from(Vec::<Value>::new()),
                _ => return Ok(absent::nothing()),
            };
        }
        filter.call(state, &args)
    };
    environment.add_filter(name, strict);
}

/// Adds a helper of prepared sources; what may be left out, and is, is null to it.
pub(crate) fn add_helper(
    environment: &mut Environment<'static>,
    name: &'static str,
    filter: Value,
) {
    let soft = move |state: &mut State, args: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let mut args: Vec<Value> = args.0.into_iter().map(Value::from).collect();
        if let Some(value) = args.first_mut().filter(|value| is_left_out(state, value)) {
            *value = Value::from(());
        }
        filter.call(state, &args)
    };
    environment.add_filter(name, soft);
}

/// Refuses arguments behind the first that do not exist.
pub(super) fn all(state: &mut State, args: &[Value]) -> Result<(), Error> {
    for argument in args.iter().skip(1) {
        if argument.is_undefined() {
            one(state, argument)?;
        } else if argument.is_kwargs() {
            for name in argument.try_iter()? {
                one(state, &argument.get_item(&name)?)?;
            }
        }
    }
    Ok(())
}

/// Refuses an argument that does not exist. What an `if` without `else` leaves out may be left out.
pub(crate) fn one(state: &mut State, argument: &Value) -> Result<(), Error> {
    if !argument.is_undefined() {
        return Ok(());
    }
    // Making text of it tells the two apart.
    match Value::from_function(filters::lower).call(state, std::slice::from_ref(argument)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.with_source(NoArgument)),
    }
}

/// The error for a value that does not exist; where it came from, the engine says.
pub(crate) fn undefined(value: &Value) -> Error {
    match value.get_attr("") {
        Err(error) => error,
        Ok(_) => ErrorKind::UndefinedError.into(),
    }
}

/// What may be meant by an argument that does not exist: a word misspelt, or text without its quotes.
pub(crate) fn hint(path: &str, known: Option<String>) -> Option<String> {
    const WORDS: [&str; 3] = ["true", "false", "none"];
    if path.contains(['.', '[', '(']) {
        return known;
    }
    if let Some(word) = suggest::closest(path, WORDS.into_iter()) {
        return Some(format!("did you mean {word}?"));
    }
    let near = known.filter(|hint| hint.starts_with("did you mean"));
    near.or_else(|| {
        Some(format!(
            "if the text is meant, put it in quotes: \"{path}\""
        ))
    })
}
