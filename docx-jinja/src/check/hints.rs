//! What to write instead of what other languages have, for tags that cannot be read.

use crate::tags::{Tag, TagKind};

/// A sign that Jinja does not know, and what takes its place; the first that a tag holds is told.
const SIGNS: &[(&str, &str)] = &[
    ("&&", "write and instead of &&"),
    ("||", "write or instead of ||"),
    ("===", "write == instead of ==="),
    ("<>", "write != instead of <>"),
    ("(%", "put quotes around the pattern: \"%d.%m.%Y\""),
    (" ? ", "write {{ a if condition else b }}"),
];

/// The next step for a tag that the engine cannot read, by its message.
pub(super) fn for_syntax(tag: &Tag, message: &str) -> Option<String> {
    if message.contains("unexpected end of string") {
        return Some("the text in quotes is never closed".to_owned());
    }
    let code = unquoted(&tag.body);
    let end = match tag.kind {
        TagKind::Variable => "}}",
        _ => "%}",
    };
    if code.contains("{%") || code.contains("{{") {
        return Some(format!("the tag ends with {end}"));
    }
    if let Some((_, hint)) = SIGNS.iter().find(|(sign, _)| code.contains(sign)) {
        return Some((*hint).to_owned());
    }
    match tag.keyword() {
        "for" if code.contains(" of ") => {
            return Some("write in instead of of: {% for row in rows %}".to_owned());
        }
        "else" if code.split_whitespace().nth(1) == Some("if") => {
            return Some("write elif instead of else if".to_owned());
        }
        _ => {}
    }
    if message.contains("`=`") {
        return Some("to compare, write == instead of =".to_owned());
    }
    code.contains('!')
        .then(|| "write not instead of !".to_owned())
        .filter(|_| !code.contains("!="))
}

/// The next step for a tag whose end is not found.
pub(crate) fn for_end(shown: &str) -> Option<String> {
    let inner = unquoted(shown.get(2..)?);
    let end = match shown.get(..2)? {
        "{%" => "%}",
        "{{" => "}}",
        "{#" => "#}",
        _ => return None,
    };
    let first = inner
        .find(['}', '{'])
        .and_then(|at| inner[at..].chars().next());
    (first == Some('}')).then(|| format!("the tag ends with {end}"))
}

/// Code without the texts in it.
fn unquoted(code: &str) -> String {
    let mut quote = None;
    let mut out = String::with_capacity(code.len());
    for c in code.chars() {
        match quote {
            Some(open) if open == c => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => out.push(c),
        }
    }
    out
}
