//! `date` and `datetime`: RFC 3339 text or unix seconds into dates for people.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime};

use super::shown;
use crate::budget::refused;
use crate::locale;

/// `{{ x|date }}`: 22 November 2026, as the locale has it; `{{ x|date("%Y-%m-%d") }}`. Nothing for null and empty text.
pub(super) fn date(value: Value, format: Option<&str>, kwargs: Kwargs) -> Result<String, Error> {
    write(&value, format.unwrap_or(locale::current().date()), &kwargs)
}

/// `{{ x|datetime }}`: 22 November 2026, 14:05, in the offset that the value has.
pub(super) fn datetime(
    value: Value,
    format: Option<&str>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let usual = format!("{}, %H:%M", locale::current().date());
    write(&value, format.unwrap_or(&usual), &kwargs)
}

fn write(value: &Value, format: &str, kwargs: &Kwargs) -> Result<String, Error> {
    let format = kwargs.get::<Option<&str>>("format")?.unwrap_or(format);
    kwargs.assert_all_used()?;
    readable(format)?;
    let moment = match value.kind() {
        ValueKind::None => return Ok(String::new()),
        ValueKind::Undefined => return Err(super::undefined(value)),
        ValueKind::Number => value
            .as_i64()
            .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()),
        _ => match value.as_str().map(str::trim) {
            Some("") => return Ok(String::new()),
            Some(text) => parse(text),
            None => None,
        },
    };
    let unreadable = || {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("a date is needed, not {}", shown(value)),
        )
    };
    strftime(&moment.ok_or_else(unreadable)?, format)
}

/// Refuses a pattern that would print itself, or holds codes that do not exist.
pub(crate) fn readable(format: &str) -> Result<(), Error> {
    if !format.contains('%') {
        let shown = shown(&Value::from(format));
        return Err(refused(format!(
            "the pattern {shown} names nothing of a date\nhint: write it like \"%d.%m.%Y\", or \"%H:%M\" for the time"
        )));
    }
    strftime(&OffsetDateTime::UNIX_EPOCH, format).map(drop)
}

/// A date as workbooks count it: days since 30 December 1899, in the offset that the text has.
pub(crate) fn days(text: &str) -> Option<f64> {
    const SECONDS_A_DAY: f64 = 86_400.0;
    let moment = parse(text.trim())?;
    let start = Date::from_calendar_date(1899, Month::December, 30).ok()?;
    let whole = (moment.date() - start).whole_days() as f64;
    let (hour, minute, second) = moment.time().as_hms();
    let seconds = u32::from(hour) * 3_600 + u32::from(minute) * 60 + u32::from(second);
    Some(whole + f64::from(seconds) / SECONDS_A_DAY)
}

fn parse(text: &str) -> Option<OffsetDateTime> {
    if let Ok(moment) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(moment);
    }
    if let Some(moment) = text
        .split_once(' ')
        .and_then(|(day, clock)| parse_exact(&format!("{day}T{clock}")))
    {
        return Some(moment);
    }
    parse_exact(&format!("{text}Z")).or_else(|| {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
        let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
        Some(date.midnight().assume_utc())
    })
}

fn parse_exact(text: &str) -> Option<OffsetDateTime> {
    let with_zone = OffsetDateTime::parse(text, &Rfc3339);
    with_zone
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()
}

/// The part of strftime that reports need. `-` drops a leading zero.
fn strftime(moment: &OffsetDateTime, format: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(24);
    let month = usize::from(u8::from(moment.month())) - 1;
    let weekday = usize::from(moment.weekday().number_days_from_monday());
    let locale = locale::current();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut code = chars.next();
        let short = code == Some('-');
        if short {
            code = chars.next();
        }
        let padded = |number: u32| {
            if short {
                number.to_string()
            } else {
                format!("{number:02}")
            }
        };
        let hour12 = |hour: u8| {
            if hour.is_multiple_of(12) {
                12
            } else {
                hour % 12
            }
        };
        match code {
            Some('Y') => out.push_str(&format!("{:04}", moment.year())),
            Some('y') => out.push_str(&format!("{:02}", moment.year().rem_euclid(100))),
            Some('m') => out.push_str(&padded(u8::from(moment.month()).into())),
            Some('d') => out.push_str(&padded(moment.day().into())),
            Some('e') => out.push_str(&moment.day().to_string()),
            Some('j') => out.push_str(&format!("{:03}", moment.ordinal())),
            Some('H') => out.push_str(&padded(moment.hour().into())),
            Some('I') => out.push_str(&padded(hour12(moment.hour()).into())),
            Some('p') => out.push_str(if moment.hour() < 12 { "AM" } else { "PM" }),
            Some('M') => out.push_str(&padded(moment.minute().into())),
            Some('S') => out.push_str(&padded(moment.second().into())),
            Some('B') => out.push_str(locale.month(month, false)),
            Some('b') => out.push_str(locale.month(month, true)),
            Some('A') => out.push_str(locale.weekday(weekday, false)),
            Some('a') => out.push_str(locale.weekday(weekday, true)),
            Some('%') => out.push('%'),
            other => {
                let other = other.map_or_else(String::new, String::from);
                let detail = format!(
                    "%{other} is not a date code; there are %Y %y %m %d %e %j %H %I %p %M %S %B %b %A %a %%"
                );
                return Err(Error::new(ErrorKind::InvalidOperation, detail));
            }
        }
    }
    Ok(out)
}
