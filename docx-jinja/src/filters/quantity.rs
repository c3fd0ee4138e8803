//! `number`, `bytes`, `duration`, `percent`, `currency`: quantities as people write them.

use minijinja::value::Kwargs;
use minijinja::{Error, Value};

use super::{float, shown};
use crate::budget::refused;
use crate::locale;

/// Most decimals shown.
const DECIMALS_MAX: usize = 12;
/// Longest mark between groups of digits, in bytes: a large number has a hundred of them.
const MARK_BYTES_MAX: usize = 64;
/// The largest unit of sizes is so many powers of 1,024 over the byte.
const UNIT_MAX: usize = 5;
/// What stands for a quotient that does not exist.
const NO_QUOTIENT: &str = "–";

/// `{{ 1234567.891|number(2) }}`: 1,234,567.89. Keywords `thousands` and `decimal` set other marks than the locale's.
pub(super) fn number(
    value: Value,
    decimals: Option<usize>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let decimals = decimals
        .or(kwargs.get::<Option<usize>>("decimals")?)
        .unwrap_or(0);
    let usual = Marks::usual();
    let thousands = kwargs.get::<Option<&str>>("thousands")?;
    let marks = Marks {
        // Who sets the mark wants to see it.
        grouped_from: thousands.map_or(usual.grouped_from, |_| 0),
        thousands: thousands.unwrap_or(usual.thousands),
        decimal: kwargs
            .get::<Option<&str>>("decimal")?
            .unwrap_or(usual.decimal),
    };
    kwargs.assert_all_used()?;
    if marks.thousands.len().max(marks.decimal.len()) > MARK_BYTES_MAX {
        return Err(refused(format!(
            "a mark in a number has at most {MARK_BYTES_MAX} bytes"
        )));
    }
    Ok(float(&value)?.map_or_else(String::new, |n| grouped(n, decimals, marks)))
}

/// `{{ 1536|bytes }}`: 1.5 KB, counted in 1,024 as Windows does.
pub(super) fn bytes(value: Value, decimals: Option<usize>) -> Result<String, Error> {
    let Some(mut size) = float(&value)? else {
        return Ok(String::new());
    };
    let mut unit = 0;
    while size.abs() >= 1023.5 && unit < UNIT_MAX {
        size /= 1024.0;
        unit += 1;
    }
    let usual = usize::from(unit > 0 && size.abs() < 99.95);
    Ok(format!(
        "{} {}",
        grouped(size, decimals.unwrap_or(usual), Marks::usual()),
        locale::current().byte_unit(unit)
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
        "{}{}",
        grouped(part / whole * 100.0, decimals, Marks::usual()),
        locale::current().percent()
    ))
}

/// `{{ 1234.5|currency("EUR") }}`: €1,234.50, or 1.234,50 € where people write so.
pub(super) fn currency(
    value: Value,
    code: Option<&str>,
    decimals: Option<usize>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let decimals = decimals.or(kwargs.get::<Option<usize>>("decimals")?);
    kwargs.assert_all_used()?;
    let code = code.map(str::trim).unwrap_or_default().to_ascii_uppercase();
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(refused(format!(
            "a currency has a code of three letters, such as \"EUR\", not {}",
            shown(&Value::from(code))
        )));
    }
    let Some(amount) = float(&value)? else {
        return Ok(String::new());
    };
    let decimals = decimals.unwrap_or_else(|| minor_digits(&code));
    let text = grouped(amount, decimals, Marks::usual());
    let sign = match code.as_str() {
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        "USD" => "$",
        other => other,
    };
    let pattern = locale::current().money();
    // The minus stands before a sign that leads, and before the amount that follows a space.
    let (minus, amount) = match text.strip_prefix('-') {
        Some(amount) if pattern.starts_with("¤#") => ("-", amount),
        _ => ("", text.as_str()),
    };
    let pattern = match sign {
        "€" | "£" | "¥" | "$" => pattern.to_owned(),
        _ => pattern.replace("¤#", "¤\u{a0}#"),
    };
    Ok(format!(
        "{minus}{}",
        pattern.replace('¤', sign).replace('#', amount)
    ))
}

/// Digits behind the point of a currency (ISO 4217).
fn minor_digits(code: &str) -> usize {
    match code {
        "CLP" | "ISK" | "JPY" | "KRW" | "PYG" | "UGX" | "VND" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// The marks inside a number.
#[derive(Clone, Copy)]
struct Marks<'m> {
    thousands: &'m str,
    decimal: &'m str,
    /// Numbers of fewer digits are not grouped.
    grouped_from: usize,
}

impl Marks<'static> {
    fn usual() -> Self {
        let locale = locale::current();
        Self {
            thousands: locale.thousands(),
            decimal: locale.decimal(),
            grouped_from: locale.grouped_from(),
        }
    }
}

/// A number as the locale writes it.
pub(crate) fn written(number: f64, decimals: usize) -> String {
    grouped(number, decimals, Marks::usual())
}

fn grouped(number: f64, decimals: usize, marks: Marks<'_>) -> String {
    if !number.is_finite() {
        return NO_QUOTIENT.to_owned();
    }
    let text = format!("{:.*}", decimals.min(DECIMALS_MAX), number.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::with_capacity(text.len() + text.len() / 3 + 1);
    if number < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        out.push('-');
    }
    let group = whole.len() >= marks.grouped_from;
    for (at, digit) in whole.chars().enumerate() {
        if group && at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push_str(marks.thousands);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(marks.decimal);
        out.push_str(fraction);
    }
    out
}
