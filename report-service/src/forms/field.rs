//! One field of a form and the values it takes.

use serde_json::Value;
use time::Date;
use time::macros::format_description;

use super::options::OptionsFrom;
use super::period::Period;

/// A text longer than this is entered in a box of several lines.
pub(super) const SINGLE_LINE_CHARS_MAX: usize = 200;

/// One parameter of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The property's name in the schema, and the control's name.
    pub name: String,
    /// What the label says.
    pub title: String,
    /// A sentence below the control; may be empty.
    pub help: String,
    /// What the empty control shows; may be empty.
    pub placeholder: String,
    /// Whether the form can be sent without it.
    pub required: bool,
    /// What the empty form shows.
    pub default: Option<Value>,
    /// The values it takes.
    pub kind: FieldKind,
    /// Where its choices come from, where they come from data.
    pub options: Option<OptionsFrom>,
}

/// The values a field takes.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    /// A text of so many characters.
    Text {
        /// Least characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// Entered in a box of several lines.
        multiline: bool,
    },
    /// A whole number within bounds.
    Integer {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A number within bounds.
    Number {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// Yes or no.
    Boolean,
    /// One of these (value, label).
    Choice(Vec<(String, String)>),
    /// A day, `YYYY-MM-DD`.
    Date,
    /// A span of days: a word such as `last-month`, or its first and last day.
    Period,
}

impl FieldKind {
    /// Reads a text that is not empty; the fault is a sentence for the person who typed it.
    pub(crate) fn read(&self, text: &str) -> Result<Value, String> {
        match self {
            Self::Text {
                min,
                max,
                multiline,
            } => read_text(text, *min, *max, *multiline),
            Self::Integer { min, max } => read_integer(text, *min, *max),
            Self::Number { min, max } => read_number(text, *min, *max),
            Self::Boolean => match text {
                "true" | "on" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                _ => Err("Tick the box or leave it empty.".into()),
            },
            Self::Choice(options) => match options.iter().find(|(value, _)| value == text) {
                Some((value, _)) => Ok(Value::String(value.clone())),
                None => Err("Choose one of the values in the list.".into()),
            },
            Self::Date => read_date(text),
            Self::Period => Period::read(text).map(|_| Value::String(text.into())),
        }
    }

    /// Whether a value, such as a default, is one that `read` could have given.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => return false,
        };
        self.read(&text).is_ok_and(|read| read == *value)
    }
}

fn read_text(text: &str, min: usize, max: usize, multiline: bool) -> Result<Value, String> {
    let text = text.replace("\r\n", "\n");
    let allowed = |c: char| !c.is_control() || (multiline && matches!(c, '\n' | '\t'));
    if let Some(other) = text.chars().find(|c| !allowed(*c)) {
        return Err(match other {
            '\n' | '\r' => "Write this on one line.".into(),
            _ => format!(
                "Leave out the control character U+{:04X}.",
                u32::from(other)
            ),
        });
    }
    let count = text.chars().count();
    if count < min {
        return Err(format!(
            "Write at least {min} characters; this has {count}."
        ));
    }
    if count > max {
        return Err(format!("Write at most {max} characters; this has {count}."));
    }
    Ok(Value::String(text))
}

fn read_integer(text: &str, min: i64, max: i64) -> Result<Value, String> {
    let range = || format!("Enter a whole number from {min} to {max}.");
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(range());
    }
    match text.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number.into()),
        _ => Err(range()),
    }
}

fn read_number(text: &str, min: Option<f64>, max: Option<f64>) -> Result<Value, String> {
    let fault = || match (min, max) {
        (Some(min), Some(max)) => format!("Enter a number from {min} to {max}."),
        (Some(min), None) => format!("Enter a number of at least {min}."),
        (None, Some(max)) => format!("Enter a number of at most {max}."),
        (None, None) => "Enter a number, such as 12.5.".into(),
    };
    if !text
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
    {
        return Err(fault());
    }
    let number: f64 = text.parse().map_err(|_| fault())?;
    let inside = min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max);
    match serde_json::Number::from_f64(number) {
        Some(number) if inside => Ok(Value::Number(number)),
        _ => Err(fault()),
    }
}

fn read_date(text: &str) -> Result<Value, String> {
    match Date::parse(text, format_description!("[year]-[month]-[day]")) {
        Ok(date) if (1..=9999).contains(&date.year()) => Ok(Value::String(text.into())),
        _ => Err("Enter a day as year-month-day, such as 2026-01-31.".into()),
    }
}
