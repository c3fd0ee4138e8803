//! `number`, `bytes`, `duration`, `percent`: quantities as people write them.

use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use super::float;

/// Most decimals shown.
const DECIMALS_MAX: usize = 12;
/// What stands for a quotient that does not exist.
const NO_QUOTIENT: &str = "–";

/// `{{ 1234567.891|number(2) }}`: 1,234,567.89. Keywords `thousands` and `decimal` set the marks.
pub(super) fn number(
    value: Value,
    decimals: Option<usize>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let decimals = decimals
        .or(kwargs.get::<Option<usize>>("decimals")?)
        .unwrap_or(0);
    let thousands = kwargs.get::<Option<&str>>("thousands")?.unwrap_or(",");
    let decimal = kwargs.get::<Option<&str>>("decimal")?.unwrap_or(".");
    kwargs.assert_all_used()?;
    Ok(float(&value)?.map_or_else(String::new, |n| grouped(n, decimals, thousands, decimal)))
}

/// `{{ 1536|bytes }}`: 1.5 KB, counted in 1,024 as Windows does.
pub(super) fn bytes(value: Value, decimals: Option<usize>) -> Result<String, Error> {
    const UNITS: [&str; 6] = ["B", "KB", "MB", "GB", "TB", "PB"];
    let Some(mut size) = float(&value)? else {
        return Ok(String::new());
    };
    let mut unit = 0;
    while size.abs() >= 1023.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let usual = usize::from(unit > 0 && size.abs() < 99.95);
    Ok(format!(
        "{} {}",
        grouped(size, decimals.unwrap_or(usual), ",", "."),
        UNITS[unit]
    ))
}

/// `{{ 3900|duration }}`: 1 h 05 min, from seconds.
pub(super) fn duration(value: Value) -> Result<String, Error> {
    let Some(seconds) = float(&value)? else {
        return Ok(String::new());
    };
    let sign = if seconds < 0.0 { "-" } else { "" };
    let total = seconds.abs().round() as u64;
    let (days, hours, minutes, rest) = (
        total / 86_400,
        total / 3_600 % 24,
        total / 60 % 60,
        total % 60,
    );
    Ok(match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{rest} s"),
        (0, 0, _) => format!("{sign}{minutes} min {rest:02} s"),
        (0, _, _) => format!("{sign}{hours} h {minutes:02} min"),
        _ => format!("{sign}{days} d {hours} h"),
    })
}

/// `{{ 0.953|percent(1) }}`: 95.3 %; `{{ part|percent(of=whole) }}` divides first, and shows a dash when the
/// whole is nothing.
pub(super) fn percent(
    value: Value,
    decimals: Option<usize>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let of = kwargs.get::<Option<Value>>("of")?;
    let decimals = decimals
        .or(kwargs.get::<Option<usize>>("decimals")?)
        .unwrap_or(0);
    kwargs.assert_all_used()?;
    let Some(part) = float(&value)? else {
        return Ok(String::new());
    };
    let whole = of.as_ref().map_or(Ok(Some(1.0)), float)?.unwrap_or(0.0);
    if whole == 0.0 {
        return Ok(NO_QUOTIENT.to_owned());
    }
    Ok(format!(
        "{} %",
        grouped(part / whole * 100.0, decimals, ",", ".")
    ))
}

fn grouped(number: f64, decimals: usize, thousands: &str, decimal: &str) -> String {
    if !number.is_finite() {
        return NO_QUOTIENT.to_owned();
    }
    let text = format!("{:.*}", decimals.min(DECIMALS_MAX), number.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::with_capacity(text.len() + text.len() / 3 + 1);
    if number < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('-');
    }
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push_str(thousands);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(decimal);
        out.push_str(fraction);
    }
    out
}
