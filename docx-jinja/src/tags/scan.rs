//! The scanner: raw XML text in, tags out.

use super::{Lift, Tag, TagKind, Unclosed};
use crate::xml::{decode, entity_at};

/// Finds every tag in `raw`, which is XML text with its entities unresolved.
pub(crate) fn scan(raw: &str) -> Result<Vec<Tag>, Unclosed> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(start) = raw[at..].find('{').map(|offset| at + offset) {
        let kind = match raw.as_bytes().get(start + 1) {
            Some(b'{') => TagKind::Variable,
            Some(b'%') => TagKind::Statement,
            Some(b'#') => TagKind::Comment,
            _ => {
                at = start + 1;
                continue;
            }
        };
        let Some((inner, end)) = inner(raw, start, kind) else {
            return Err(unclosed(&raw[start..], tags));
        };
        let tag = tag(start, end, kind, &inner);
        at = end;
        if tag.kind == TagKind::Statement && tag.body == "raw" {
            at = match literal(raw, tag, &mut tags) {
                Some(end) => end,
                None => return Err(unclosed(&raw[start..], tags)),
            };
        } else {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// Handles `{% raw %}`: both marks vanish, what is between them stays text. Gives where to go on; none when it never
/// ends.
fn literal(raw: &str, opening: Tag, tags: &mut Vec<Tag>) -> Option<usize> {
    let from = opening.end;
    tags.push(Tag {
        kind: TagKind::Comment,
        ..opening
    });
    let mut at = from;
    while let Some(found) = raw[at..].find("{%").map(|offset| at + offset) {
        if let Some((inner, end)) = inner(raw, found, TagKind::Statement) {
            let tag = tag(found, end, TagKind::Statement, &inner);
            if tag.body == "endraw" {
                tags.push(Tag {
                    kind: TagKind::Comment,
                    ..tag
                });
                return Some(end);
            }
        }
        at = found + 2;
    }
    None
}

/// The decoded text between the braces, and where the tag ends. Closing braces inside quotes do not
/// count, unless nothing else closes the tag.
fn inner(raw: &str, start: usize, kind: TagKind) -> Option<(String, usize)> {
    if kind == TagKind::Comment {
        return until(raw, start, "#}", false);
    }
    let close = if kind == TagKind::Variable {
        "}}"
    } else {
        "%}"
    };
    until(raw, start, close, true).or_else(|| until(raw, start, close, false))
}

fn until(raw: &str, start: usize, close: &str, quoted: bool) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut quote = None;
    let mut at = start + 2;
    while at < raw.len() {
        if quote.is_none() && raw[at..].starts_with(close) {
            return Some((inner, at + close.len()));
        }
        let (c, length) = entity_at(&raw[at..])?;
        let c = straighten(c);
        match quote {
            _ if !quoted => {}
            Some(q) if q == c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        inner.push(c);
        at += length;
    }
    None
}

/// Undoes what Word's autocorrection does to code.
fn straighten(c: char) -> char {
    match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' => '"',
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => '\'',
        '\u{a0}' | '\u{2007}' | '\u{202f}' => ' ',
        '\u{2013}' => '-',
        other => other,
    }
}

fn tag(start: usize, end: usize, kind: TagKind, inner: &str) -> Tag {
    let (inner, trim_left) = match inner.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (inner, false),
    };
    let (inner, trim_right) = match inner.strip_suffix('-') {
        Some(rest) => (rest, true),
        None => (inner, false),
    };
    let (lift, body) = lift(kind, inner);
    Tag {
        start,
        end,
        kind,
        lift,
        body: body.trim().to_owned(),
        trim: (trim_left, trim_right),
    }
}

/// Splits `tr for …` into the row and the rest. No statement of Jinja's is called like one of these,
/// so a space before them, which authors add by mistake, changes nothing.
fn lift(kind: TagKind, inner: &str) -> (Option<Lift>, &str) {
    let candidate = if kind == TagKind::Statement {
        inner.trim_start()
    } else {
        inner
    };
    let marks = [
        ("tr", Lift::Row),
        ("tc", Lift::Cell),
        ("p", Lift::Paragraph),
        ("r", Lift::Run),
    ];
    for (mark, lift) in marks {
        let Some(rest) = candidate.strip_prefix(mark) else {
            continue;
        };
        if !rest.starts_with(char::is_whitespace) {
            continue;
        }
        if kind != TagKind::Variable {
            return (Some(lift), rest);
        }
        if begins_value(rest.trim_start()) {
            // A value cannot stand for a row or a cell: there the tag fills its place.
            let fills = matches!(lift, Lift::Row | Lift::Cell);
            return ((!fills).then_some(lift), rest);
        }
    }
    (None, inner)
}

/// Tells `{{p name }}` from `{{p + 1 }}` and `{{p if x }}`, which are about a variable called `p`.
fn begins_value(rest: &str) -> bool {
    const OPERATORS: &[&str] = &["if", "and", "or", "in", "is", "not"];
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    let word = &rest[..end.unwrap_or(rest.len())];
    rest.starts_with(['"', '\'', '[', '(']) || !(word.is_empty() || OPERATORS.contains(&word))
}

fn unclosed(raw: &str, before: Vec<Tag>) -> Unclosed {
    Unclosed {
        shown: decode(raw).chars().take(60).collect(),
        before,
    }
}
