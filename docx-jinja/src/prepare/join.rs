//! `{%-` at the start of a paragraph joins it to the one before, `-%}` at the end of a paragraph joins the one behind:
//! a long sentence may stand on several lines of the template. The first paragraph's properties are kept.

use std::collections::BTreeSet;

use super::Draft;
use crate::tags::TagKind;
use crate::xml::{self, Kind, Token};

/// Applies all joints of the part.
pub(super) fn apply(draft: &mut Draft<'_>) {
    let mut joints = BTreeSet::new();
    for placed in &draft.tags {
        let trim = placed.tag.trim;
        if placed.tag.kind != TagKind::Statement || trim == (false, false) || !placed.in_run {
            continue;
        }
        let tokens = &draft.tokens;
        let Some(paragraph) = xml::ancestor(tokens, tokens[placed.token].parent, "w:p") else {
            continue;
        };
        let text = text_of(tokens, paragraph);
        let is_first = text[..placed.tag.start].trim().is_empty();
        let is_last = text[placed.tag.end..].trim().is_empty();
        let front = (trim.0 && is_first).then(|| before(tokens, paragraph));
        let back = (trim.1 && is_last).then(|| behind(tokens, tokens[paragraph].partner));
        joints.extend(front.flatten().map(|first| (first, paragraph)));
        joints.extend(back.flatten().map(|next| (tokens[paragraph].partner, next)));
    }
    for (close, open) in joints {
        let both = [draft.tokens[close].partner, open];
        let last = end_of_properties(&draft.tokens, open);
        if let (Some(last), false) = (last, both.iter().any(|&at| is_lifted(draft, at))) {
            draft.overrides.insert(close, (last, Vec::new()));
        }
    }
}

/// The text of a paragraph, without that of paragraphs inside it.
fn text_of(tokens: &[Token<'_>], paragraph: usize) -> String {
    let range = paragraph..tokens[paragraph].partner;
    let own = range.filter(|&at| {
        let token = &tokens[at];
        token.kind == Kind::Text
            && tokens[token.parent].name == "w:t"
            && xml::ancestor(tokens, token.parent, "w:p") == Some(paragraph)
    });
    own.map(|at| tokens[at].raw).collect()
}

/// The close token of the paragraph that stands right before this one.
fn before(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let found = (0..open).rev().find(|&at| !is_blank(&tokens[at]))?;
    (tokens[found].kind == Kind::Close && tokens[found].name == "w:p").then_some(found)
}

/// The open token of the paragraph that stands right behind this one.
fn behind(tokens: &[Token<'_>], close: usize) -> Option<usize> {
    let found = (close + 1..tokens.len()).find(|&at| !is_blank(&tokens[at]))?;
    (tokens[found].kind == Kind::Open && tokens[found].name == "w:p").then_some(found)
}

fn is_blank(token: &Token<'_>) -> bool {
    token.kind == Kind::Text && token.raw.trim().is_empty()
}

/// The last token of a paragraph's head; none when a section ends there.
fn end_of_properties(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let first = open + 1;
    match (tokens[first].kind, tokens[first].name) {
        (Kind::Empty, "w:pPr") => Some(first),
        (Kind::Open, "w:pPr") => {
            let last = tokens[first].partner;
            let ends_section = (first..last).any(|at| tokens[at].name == "w:sectPr");
            (!ends_section).then_some(last)
        }
        _ => Some(open),
    }
}

/// True when a tag of the paragraph stands for the paragraph or more.
fn is_lifted(draft: &Draft<'_>, paragraph: usize) -> bool {
    let range = paragraph..draft.tokens[paragraph].partner;
    let mut tags = draft.tags.iter();
    tags.any(|placed| placed.tag.lift.is_some() && range.contains(&placed.token))
}
