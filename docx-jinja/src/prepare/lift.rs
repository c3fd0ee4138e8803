//! `{%tr %}`, `{%tc %}`, `{%p %}` and `{%r %}`: statements that stand for the row, cell, paragraph or
//! run around them.
//!
//! An element that holds such statements and nothing else gives way to them (as in docxtpl). An element
//! that both opens and closes a block, with content, is what the block repeats.

use std::collections::BTreeMap;

use super::{Draft, Piece};
use crate::locate::Faults;
use crate::tags::{Lift, TagKind};
use crate::xml::{self, Kind};

/// Global that is written where a cell, text box, content control or part ends which must hold a paragraph.
pub(crate) const END_OF_BLOCKS: &str = "__end_of_blocks";
/// Global that is written where a row ends which must hold a cell.
pub(crate) const END_OF_ROW: &str = "__end_of_row";
/// Global that is written where a table ends which must hold a row.
pub(crate) const END_OF_TABLE: &str = "__end_of_table";

/// Elements that must hold a paragraph.
const BLOCK_CONTAINERS: &[&str] = &[
    "w:tc",
    "w:txbxContent",
    "w:sdtContent",
    "w:hdr",
    "w:ftr",
    "w:footnote",
    "w:endnote",
    "w:comment",
];

/// Applies all lifts of the part.
pub(super) fn apply(draft: &mut Draft<'_>, faults: &mut Faults) {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (id, placed) in draft.tags.iter().enumerate() {
        let Some(lift) = placed.tag.lift else {
            continue;
        };
        // `{{r }}` splits its run instead of standing for it.
        if placed.tag.kind == TagKind::Variable && lift == Lift::Run {
            continue;
        }
        let parent = draft.tokens[placed.token].parent;
        match xml::ancestor(&draft.tokens, parent, lift.element()) {
            Some(element) => groups.entry(element).or_default().push(id),
            None => faults.add(placed.place.error(
                format!("it does not stand inside a {}", lift.noun()),
                Some(elsewhere(placed.tag.kind, lift)),
            )),
        }
    }
    for (element, ids) in groups {
        group(draft, element, &ids, faults);
    }
}

/// The next step for a tag that stands in none of the elements it is about.
fn elsewhere(kind: TagKind, lift: Lift) -> String {
    match lift {
        _ if kind == TagKind::Variable => "write {{ without the letters behind it".to_owned(),
        Lift::Row => "put it into a row of its own in the table, or write {%p to repeat paragraphs"
            .to_owned(),
        Lift::Cell => {
            "put it into a cell of its own in the table, or write {%p to repeat paragraphs"
                .to_owned()
        }
        Lift::Paragraph | Lift::Run => "write the tag without the letters behind {%".to_owned(),
    }
}

fn group(draft: &mut Draft<'_>, element: usize, ids: &[usize], faults: &mut Faults) {
    let close = draft.tokens[element].partner;
    let kept = keeps_content(draft, element, ids);
    match halves(draft, ids) {
        Some((before, after)) if kept => {
            for id in ids {
                if let Some((_, pieces)) = draft.overrides.get_mut(&draft.tags[*id].token) {
                    pieces.retain(|piece| !matches!(piece, Piece::Tag(other) if other == id));
                }
            }
            draft.before.insert(element, before);
            draft.after.insert(close, after);
        }
        _ if kept => {
            let placed = &draft.tags[ids[0]];
            let noun = placed.tag.lift.map_or("element", Lift::noun);
            faults.add(placed.place.error(
                format!("its {noun} holds other content, which would be lost"),
                Some(format!("put the tag into a {noun} of its own")),
            ));
        }
        _ => {
            let pieces = ids.iter().map(|&id| Piece::Tag(id)).collect();
            draft.overrides.insert(element, (close, pieces));
        }
    }
    guard(draft, element);
}

/// True when the element holds text, pictures or tags besides `ids`.
fn keeps_content(draft: &Draft<'_>, element: usize, ids: &[usize]) -> bool {
    let range = element..draft.tokens[element].partner;
    let other_tag = |(id, placed): (usize, &super::Placed)| {
        range.contains(&placed.token) && !ids.contains(&id) && placed.tag.kind != TagKind::Comment
    };
    if draft.tags.iter().enumerate().any(other_tag) {
        return true;
    }
    range.clone().any(|at| {
        let token = draft.tokens[at];
        match token.kind {
            Kind::Text
                if token.parent != xml::NO_PARENT && draft.tokens[token.parent].name == "w:t" =>
            {
                match draft.overrides.get(&at) {
                    Some((_, pieces)) => pieces
                        .iter()
                        .any(|p| matches!(p, Piece::Raw(raw) if !raw.trim().is_empty())),
                    None => !token.raw.trim().is_empty(),
                }
            }
            Kind::Open => matches!(token.name, "w:drawing" | "w:pict" | "w:object"),
            _ => false,
        }
    })
}

/// Splits tags that open and close blocks in pairs into those for the front and those for the back.
fn halves(draft: &Draft<'_>, ids: &[usize]) -> Option<(Vec<usize>, Vec<usize>)> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut open: Vec<&str> = Vec::new();
    for &id in ids {
        let tag = &draft.tags[id].tag;
        match tag.keyword() {
            _ if tag.kind == TagKind::Comment => {}
            _ if tag.kind == TagKind::Variable => return None,
            keyword @ ("for" | "if" | "with") if after.is_empty() => {
                open.push(keyword);
                before.push(id);
            }
            "set" if after.is_empty() => before.push(id),
            keyword if keyword.strip_prefix("end") == open.last().copied() => {
                open.pop();
                after.push(id);
            }
            _ => return None,
        }
    }
    (open.is_empty() && !after.is_empty()).then_some((before, after))
}

/// Notes that the element around a lifted one may end up empty.
fn guard(draft: &mut Draft<'_>, element: usize) {
    let tokens = &draft.tokens;
    let parent = tokens[element].parent;
    let (container, global) = match tokens[element].name {
        "w:tr" => (xml::ancestor(tokens, parent, "w:tbl"), END_OF_TABLE),
        "w:tc" => (xml::ancestor(tokens, parent, "w:tr"), END_OF_ROW),
        "w:p" => {
            let mut around = xml::ancestors(tokens, parent);
            (
                around.find(|&at| BLOCK_CONTAINERS.contains(&tokens[at].name)),
                END_OF_BLOCKS,
            )
        }
        _ => (None, END_OF_BLOCKS),
    };
    if let Some(at) = container {
        draft.guards.insert(tokens[at].partner, global);
    }
}
