//! XML as a list of raw pieces: what is not touched is written back as it was.

use std::borrow::Cow;

/// The parent of the root element and of everything beside it.
pub(crate) const NO_PARENT: usize = usize::MAX;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Close,
    Empty,
    Text,
    /// Declarations, comments, CDATA.
    Other,
}

/// One tag or one stretch of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) raw: &'a str,
    /// The element's qualified name; empty for text and others.
    pub(crate) name: &'a str,
    /// The open token of the element around it.
    pub(crate) parent: usize,
    /// For an open token its close token, for a close token its open one, else itself.
    pub(crate) partner: usize,
}

/// Splits a part into its pieces.
///
/// # Errors
/// Where elements do not nest, in words.
pub(crate) fn tokenize(source: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let (kind, length) = next(rest).ok_or_else(|| format!("`{}` has no end", start(rest)))?;
        let (raw, tail) = rest.split_at(length);
        rest = tail;
        let at = tokens.len();
        let mut token = Token {
            kind,
            raw,
            name: name_of(kind, raw),
            parent: open.last().copied().unwrap_or(NO_PARENT),
            partner: at,
        };
        match kind {
            Kind::Open => open.push(at),
            Kind::Close => {
                let partner = open.pop().filter(|&at| tokens[at].name == token.name);
                let partner = partner.ok_or_else(|| format!("`{}` closes nothing", start(raw)))?;
                tokens[partner].partner = at;
                token.partner = partner;
                token.parent = tokens[partner].parent;
            }
            _ => {}
        }
        tokens.push(token);
    }
    match open.last() {
        Some(&at) => Err(format!("`<{}>` is never closed", tokens[at].name)),
        None => Ok(tokens),
    }
}

fn next(rest: &str) -> Option<(Kind, usize)> {
    let until = |end: &str| Some((Kind::Other, rest.find(end)? + end.len()));
    if !rest.starts_with('<') {
        return Some((Kind::Text, rest.find('<').unwrap_or(rest.len())));
    }
    if rest.starts_with("<!--") {
        return until("-->");
    }
    if rest.starts_with("<![CDATA[") {
        return until("]]>");
    }
    if rest.starts_with("<?") {
        return until("?>");
    }
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => {
                let kind = match rest.as_bytes() {
                    [b'<', b'/', ..] => Kind::Close,
                    [b'<', b'!', ..] => Kind::Other,
                    bytes if bytes[at - 1] == b'/' => Kind::Empty,
                    _ => Kind::Open,
                };
                return Some((kind, at + 1));
            }
            (None, _) => {}
        }
    }
    None
}

fn name_of(kind: Kind, raw: &str) -> &str {
    let inner = match kind {
        Kind::Open | Kind::Empty => &raw[1..],
        Kind::Close => &raw[2..],
        Kind::Text | Kind::Other => return "",
    };
    let end = inner.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
    &inner[..end.unwrap_or(0)]
}

fn start(raw: &str) -> String {
    raw.chars().take(40).collect()
}

/// The elements around a token, innermost first, beginning with `from` itself.
pub(crate) fn ancestors<'t>(
    tokens: &'t [Token<'_>],
    from: usize,
) -> impl Iterator<Item = usize> + 't {
    let valid = |at: usize| (at != NO_PARENT).then_some(at);
    std::iter::successors(valid(from), move |&at| valid(tokens[at].parent))
}

/// The nearest element called `name` at or above `from`.
pub(crate) fn ancestor(tokens: &[Token<'_>], from: usize, name: &str) -> Option<usize> {
    ancestors(tokens, from).find(|&at| tokens[at].name == name)
}

/// One attribute of a raw tag, its entities resolved.
pub(crate) fn attribute<'a>(raw: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = &raw[raw.find(|c: char| c.is_ascii_whitespace())?..];
    while let Some((key, tail)) = rest.split_once('=') {
        let tail = tail.trim_start();
        let quote = tail.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = tail[1..].split_once(quote)?;
        if key.trim() == name {
            return Some(decode(value));
        }
        rest = after;
    }
    None
}

/// The character at the start of `raw` and its length there; `raw` is not empty.
pub(crate) fn character(raw: &str) -> Option<(char, usize)> {
    let first = raw.chars().next()?;
    if first != '&' {
        return Some((first, first.len_utf8()));
    }
    let Some(end) = raw.bytes().take(12).position(|byte| byte == b';') else {
        return Some(('&', 1));
    };
    let c = match &raw[1..end] {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        name => name.strip_prefix('#').and_then(|digits| {
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)
        }),
    };
    Some(c.map_or(('&', 1), |c| (c, end + 1)))
}

/// Text with its entities resolved.
pub(crate) fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((c, length)) = character(rest) {
        decoded.push(c);
        rest = &rest[length..];
    }
    Cow::Owned(decoded)
}

/// Text as it stands in XML, inside and outside attributes.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => encoded.push_str("&amp;"),
            '<' => encoded.push_str("&lt;"),
            '>' => encoded.push_str("&gt;"),
            '"' => encoded.push_str("&quot;"),
            c => encoded.push(c),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: Result<usize, &str>) {
        match (tokenize(source), expected) {
            (Ok(tokens), Ok(count)) => {
                assert_eq!(tokens.len(), count, "{source}");
                assert_eq!(tokens.iter().map(|t| t.raw).collect::<String>(), source);
            }
            (Err(fault), Err(part)) => assert!(fault.contains(part), "{source}: {fault}"),
            (got, _) => panic!("{source}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn parts_come_back_as_they_were_and_broken_ones_are_refused() {
        check("<a><b x='>'/>t</a>", Ok(4));
        check("<?xml v?><a><!-- <b> --><![CDATA[</a>]]></a>", Ok(5));
        check("<a>", Err("never closed"));
        check("<a></b>", Err("closes nothing"));
        check("<a x=\"", Err("no end"));
    }

    #[test]
    fn attributes_and_entities() {
        let raw = "<w:t xml:space=\"preserve\" b='a&amp;&#66;'>";
        assert_eq!(attribute(raw, "b").as_deref(), Some("a&B"));
        assert_eq!(attribute(raw, "c"), None);
        assert_eq!(decode("&lt;&nope;&"), "<&nope;&");
        assert_eq!(decode(&encode("<a & \"b\">")), "<a & \"b\">");
    }
}
