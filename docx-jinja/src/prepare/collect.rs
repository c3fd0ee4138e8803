//! Joins the text of each paragraph over its runs, finds the tags, and moves each one wholly into the
//! run where it begins. Text behind a tag stays in its own run.

use super::{Draft, Piece, Placed};
use crate::check;
use crate::locate::{Faults, Place};
use crate::tags::{Tag, TagKind, Unclosed, scan};
use crate::xml::{self, Kind, NO_PARENT, Token, decode};

/// The initials of comments that tell faults; no person has them.
pub(crate) const MARK_INITIALS: &str = "{}";

/// Text that is read as one: the runs of a paragraph, or one element outside paragraphs.
struct Carrier {
    /// The paragraph's number, from 1.
    paragraph: Option<usize>,
    texts: Vec<usize>,
    in_run: bool,
}

/// Finds all tags of the part.
pub(super) fn tags(draft: &mut Draft<'_>, faults: &mut Faults) {
    for carrier in carriers(&draft.tokens) {
        let joined: String = carrier.texts.iter().map(|&t| draft.tokens[t].raw).collect();
        if !holds_tag(&joined) {
            continue;
        }
        let text = decode(&joined);
        let place = |tag: &Tag| Place::new(draft.part, carrier.paragraph, &text, tag);
        match scan(&joined) {
            Err(Unclosed { shown, before }) => {
                let mut nameless = place(&nowhere());
                nameless.tag = shown;
                let hint = check::for_end(&nameless.tag);
                faults.add(nameless.error(
                    "the tag is never closed in its paragraph",
                    hint.or_else(|| Some(LITERAL_HINT.to_owned())),
                ));
                let placed = before.into_iter().map(|tag| (place(&tag), tag)).collect();
                split(draft, &carrier, placed);
            }
            Ok(found) if is_field_code(&draft.tokens, &carrier) => {
                if let Some(tag) = found.first() {
                    faults.add(place(tag).error("a tag cannot stand inside a field code", None));
                }
            }
            Ok(found) => {
                let placed = found.into_iter().map(|tag| (place(&tag), tag)).collect();
                split(draft, &carrier, placed);
            }
        }
    }
    attributes(draft, faults);
    let written = draft.tags.iter();
    for placed in written.filter(|placed| placed.tag.kind != TagKind::Comment) {
        crate::engine::own_names(&placed.tag.body, &placed.place, faults);
    }
}

const LITERAL_HINT: &str =
    "close it with }} or %}; to print the braces themselves, write {% raw %}{{{% endraw %}";

fn holds_tag(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

fn carriers(tokens: &[Token<'_>]) -> Vec<Carrier> {
    let mut carriers: Vec<Carrier> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut paragraphs = 0;
    for (index, token) in tokens.iter().enumerate() {
        match (token.kind, token.name) {
            (Kind::Open, "w:p") => {
                paragraphs += 1;
                open.push(carriers.len());
                carriers.push(Carrier {
                    paragraph: Some(paragraphs),
                    texts: Vec::new(),
                    in_run: true,
                });
            }
            (Kind::Empty, "w:p") => paragraphs += 1,
            (Kind::Close, "w:p") => {
                open.pop();
            }
            (Kind::Text, _) if token.parent != NO_PARENT => {
                match (tokens[token.parent].name, open.last()) {
                    ("w:t", Some(_)) if is_marking(tokens, index) => {}
                    ("w:t", Some(&at)) => carriers[at].texts.push(index),
                    // Text that tracked changes have deleted.
                    ("w:delText" | "w:delInstrText", _) => {}
                    _ if holds_tag(token.raw) => carriers.push(Carrier {
                        paragraph: open.last().and_then(|&at| carriers[at].paragraph),
                        texts: vec![index],
                        in_run: false,
                    }),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    carriers
}

/// True inside a comment that tells a fault: the tags it names are not meant to be filled.
fn is_marking(tokens: &[Token<'_>], text: usize) -> bool {
    if tokens[text].raw.contains('{') {
        let comment = xml::ancestor(tokens, tokens[text].parent, "w:comment");
        let initials = comment.and_then(|at| xml::attribute(tokens[at].raw, "w:initials"));
        return initials.as_deref() == Some(MARK_INITIALS);
    }
    false
}

fn is_field_code(tokens: &[Token<'_>], carrier: &Carrier) -> bool {
    let parents = carrier.texts.iter().map(|&t| tokens[t].parent);
    parents
        .into_iter()
        .any(|parent| tokens[parent].name == "w:instrText")
}

/// Registers tags and rewrites the text tokens they touch.
fn split<'a>(draft: &mut Draft<'a>, carrier: &Carrier, found: Vec<(Place, Tag)>) {
    let first = draft.tags.len();
    let mut start = 0;
    let mut next: usize = 0;
    for &token in &carrier.texts {
        let raw: &'a str = draft.tokens[token].raw;
        let end = start + raw.len();
        let mut pieces: Vec<Piece<'a>> = Vec::new();
        // Where the text that belongs to no tag goes on; a tag may have begun in an earlier run.
        let mut cursor = match next.checked_sub(1).map(|last| found[last].1.end) {
            Some(tag_end) => tag_end.clamp(start, end) - start,
            None => 0,
        };
        let touched = cursor > 0;
        while let Some((_, tag)) = found.get(next).filter(|(_, tag)| tag.start < end) {
            pieces.push(Piece::Raw(&raw[cursor..tag.start - start]));
            pieces.push(Piece::Tag(first + next));
            cursor = tag.end.min(end) - start;
            next += 1;
        }
        if touched || !pieces.is_empty() {
            pieces.push(Piece::Raw(&raw[cursor..]));
            draft.overrides.insert(token, (token, pieces));
        }
        start = end;
    }
    let mut starts = carrier.texts.iter();
    let mut current = (0, starts.next().copied());
    for (place, mut tag) in found {
        if !carrier.in_run && tag.kind == TagKind::Variable {
            tag.lift = None;
        }
        while let Some(token) = current.1 {
            let end = current.0 + draft.tokens[token].raw.len();
            if tag.start < end {
                break;
            }
            current = (end, starts.next().copied());
        }
        let token = current.1.unwrap_or(0);
        draft.tags.push(Placed {
            tag,
            place,
            token,
            in_run: carrier.in_run,
            insert: None,
        });
    }
}

/// Tags inside attributes, such as a picture's alternative text: expressions only.
fn attributes(draft: &mut Draft<'_>, faults: &mut Faults) {
    for index in 0..draft.tokens.len() {
        let token = draft.tokens[index];
        if !matches!(token.kind, Kind::Open | Kind::Empty) || !token.raw.contains("{{") {
            continue;
        }
        let place = |tag: &Tag| Place::new(draft.part, None, token.raw, tag);
        let mut found = Vec::new();
        for value in xml::values(token.raw).filter(|value| token.raw[value.clone()].contains('{')) {
            // Each value by itself: a tag that began in one and ended in another would take the quotes between along.
            match scan(&token.raw[value.clone()]) {
                Ok(tags) if tags.iter().all(|tag| tag.kind == TagKind::Variable) => {
                    found.extend(tags.into_iter().map(|tag| Tag {
                        start: value.start + tag.start,
                        end: value.start + tag.end,
                        lift: None,
                        ..tag
                    }));
                }
                Ok(_) => {
                    faults.add(
                        place(&nowhere()).error("an attribute can hold {{ }} tags only", None),
                    );
                }
                Err(Unclosed { shown, .. }) => {
                    let mut place = place(&nowhere());
                    place.tag = shown;
                    faults.add(place.error("the tag is never closed in its attribute", None));
                }
            }
        }
        let mut pieces = Vec::new();
        let mut cursor = 0;
        for tag in found {
            pieces.push(Piece::Raw(&token.raw[cursor..tag.start]));
            pieces.push(Piece::Tag(draft.tags.len()));
            cursor = tag.end;
            let place = place(&tag);
            draft.tags.push(Placed {
                tag,
                place,
                token: index,
                in_run: false,
                insert: None,
            });
        }
        pieces.push(Piece::Raw(&token.raw[cursor..]));
        draft.overrides.insert(index, (index, pieces));
    }
}

/// Stands in for a tag that could not be read.
fn nowhere() -> Tag {
    Tag {
        start: 0,
        end: 0,
        kind: TagKind::Comment,
        lift: None,
        body: String::new(),
        trim: (false, false),
    }
}
