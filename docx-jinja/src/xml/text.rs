//! Characters, entities and attributes inside raw XML.

use std::borrow::Cow;
use std::ops::Range;

/// True for a character that XML 1.0 allows (production 2, `Char`).
pub(crate) fn is_xml_char(c: char) -> bool {
    !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// The character that the start of `raw` stands for and its byte length there; `raw` is not empty.
pub(crate) fn entity_at(raw: &str) -> Option<(char, usize)> {
    let first = raw.chars().next()?;
    if first != '&' {
        return Some((first, first.len_utf8()));
    }
    let literal = Some(('&', 1));
    let Some(end) = raw.bytes().take(12).position(|b| b == b';') else {
        return literal;
    };
    let name = &raw[1..end];
    let c = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name
            .strip_prefix('#')
            .and_then(numeric)
            .filter(|&c| is_xml_char(c)),
    };
    c.map_or(literal, |c| Some((c, end + 1)))
}

fn numeric(digits: &str) -> Option<char> {
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    char::from_u32(code.ok()?)
}

/// Text with its entities resolved.
pub(crate) fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((c, length)) = entity_at(rest) {
        decoded.push(c);
        rest = &rest[length..];
    }
    Cow::Owned(decoded)
}

/// The attributes of a raw tag: name and raw value.
pub(crate) fn attributes(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    let start = raw
        .find(|c: char| c.is_ascii_whitespace())
        .unwrap_or(raw.len());
    let mut rest = &raw[start..];
    std::iter::from_fn(move || {
        let (name, tail) = rest.split_once('=')?;
        let tail = tail.trim_start();
        let quote = tail.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = tail[1..].split_once(quote)?;
        rest = after;
        Some((name.trim(), value))
    })
}

/// One attribute of a raw tag, decoded.
pub(crate) fn attribute<'a>(raw: &'a str, name: &str) -> Option<Cow<'a, str>> {
    attributes(raw)
        .find(|(found, _)| *found == name)
        .map(|(_, value)| decode(value))
}

/// Where the quoted values of a raw tag stand, quotes excluded; read as the tokenizer reads the tag's end.
pub(crate) fn values(raw: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let open = at + raw[at..].find(['"', '\''])?;
        let quote = &raw[open..=open];
        let start = open + 1;
        let end = start + raw[start..].find(quote)?;
        at = end + 1;
        Some(start..end)
    })
}
