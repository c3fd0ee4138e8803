//! A byte-preserving XML tokenizer: every token keeps its raw slice, so what is not touched is written back as it was.

mod text;

pub(crate) use text::{attribute, attributes, decode, entity_at, values};

use crate::limits::XML_DEPTH_MAX;

/// The parent of the root element and of everything beside it.
pub(crate) const NO_PARENT: usize = usize::MAX;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    Close,
    Empty,
    Text,
    /// Declarations, comments, CDATA.
    Other,
}

/// One piece of markup or text.
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

/// Splits a whole document into tokens and checks that the elements nest.
pub(crate) fn tokenize(source: &str) -> Result<Vec<Token<'_>>, String> {
    if source
        .bytes()
        .any(|b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r'))
    {
        return Err("it holds control characters".to_owned());
    }
    let mut tokens: Vec<Token<'_>> = Vec::with_capacity(source.len() / 24);
    let mut open: Vec<usize> = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let (kind, length) = next(rest)?;
        let (raw, tail) = rest.split_at(length);
        rest = tail;
        let index = tokens.len();
        let mut token = Token {
            kind,
            raw,
            name: name_of(kind, raw),
            parent: open.last().copied().unwrap_or(NO_PARENT),
            partner: index,
        };
        if matches!(kind, Kind::Open | Kind::Close | Kind::Empty) && token.name.is_empty() {
            return Err(format!("an element has no name near `{}`", shorten(raw)));
        }
        match kind {
            Kind::Open if open.len() >= XML_DEPTH_MAX => {
                return Err(format!("elements nest deeper than {XML_DEPTH_MAX}"));
            }
            Kind::Open => open.push(index),
            Kind::Close => {
                let partner = open.pop().filter(|&at| tokens[at].name == token.name);
                let Some(partner) = partner else {
                    return Err(format!("`{}` closes nothing", shorten(raw)));
                };
                tokens[partner].partner = index;
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

/// The kind and byte length of the token at the start of `rest`, which is not empty.
fn next(rest: &str) -> Result<(Kind, usize), String> {
    let until = |end: &str| {
        rest.find(end)
            .map(|at| (Kind::Other, at + end.len()))
            .ok_or_else(|| format!("`{}` has no end", shorten(rest)))
    };
    if !rest.starts_with('<') {
        return Ok((Kind::Text, rest.find('<').unwrap_or(rest.len())));
    }
    if rest.starts_with("<?") {
        return until("?>");
    }
    if rest.starts_with("<!--") {
        return until("-->");
    }
    if rest.starts_with("<![CDATA[") {
        return until("]]>");
    }
    if rest.starts_with("<!") {
        return Err("it has a document type declaration, which Word never writes".to_owned());
    }
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match (quote, byte) {
            (Some(q), b) if q == b => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'<') => break,
            (None, b'>') => {
                let kind = match rest.as_bytes() {
                    [b'<', b'/', ..] => Kind::Close,
                    bytes if bytes[at - 1] == b'/' => Kind::Empty,
                    _ => Kind::Open,
                };
                return Ok((kind, at + 1));
            }
            (None, _) => {}
        }
    }
    Err(format!("`{}` has no end", shorten(rest)))
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

fn shorten(raw: &str) -> String {
    raw.chars().take(40).collect()
}

/// The nearest element called `name` at or above the element `from`.
pub(crate) fn ancestor(tokens: &[Token<'_>], from: usize, name: &str) -> Option<usize> {
    ancestors(tokens, from).find(|&at| tokens[at].name == name)
}

/// The element `from` and those around it, innermost first.
pub(crate) fn ancestors<'t>(
    tokens: &'t [Token<'_>],
    from: usize,
) -> impl Iterator<Item = usize> + 't {
    let valid = |at: usize| (at != NO_PARENT).then_some(at);
    std::iter::successors(valid(from), move |&at| valid(tokens[at].parent))
}

/// True when both elements have the same names above them, themselves included.
pub(crate) fn same_path(tokens: &[Token<'_>], left: usize, right: usize) -> bool {
    let names = |from| ancestors(tokens, from).map(|at| tokens[at].name);
    left == right || names(left).eq(names(right))
}

#[cfg(test)]
mod tests;
