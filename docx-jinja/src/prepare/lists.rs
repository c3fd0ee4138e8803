//! Numbered lists in loops: a list that lies wholly inside a loop's body begins anew in each of its rounds.
//!
//! An item that is alone in the body of a loop is what the loop makes a list of: that list begins anew with the
//! rounds of the next loop around. `{% numbering continue %}` and `{% numbering restart %}`, in the text of an item,
//! say otherwise. Numbered headings are no lists.

mod styles;

use std::collections::BTreeMap;

pub(crate) use styles::ListStyles;

use super::{Draft, Piece};
use crate::locate::Faults;
use crate::numbering::CURRENT;
use crate::tags::{Tag, TagKind};
use crate::values::stands_before;
use crate::xml::{self, Kind};

/// True for `{% numbering … %}`, which is never printed.
pub(super) fn is_directive(tag: &Tag) -> bool {
    tag.kind == TagKind::Statement && tag.keyword() == "numbering"
}

/// A paragraph of a list.
struct Item {
    paragraph: usize,
    level: u32,
    blocks: Vec<Block>,
}

/// A block around an item.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Block {
    tag: usize,
    /// Of `if`, `elif` and `else`: which one.
    branch: usize,
    is_loop: bool,
}

/// What an author asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Continue,
    Restart,
}

/// Finds the lists of the part and where each begins anew. Without `styles` only the directives are looked at.
pub(super) fn apply(draft: &mut Draft<'_>, styles: Option<&ListStyles>, faults: &mut Faults) {
    let asked = directives(draft, styles, faults);
    let Some(styles) = styles else { return };
    if !draft
        .tags
        .iter()
        .any(|placed| placed.tag.keyword() == "for")
    {
        return;
    }
    let mut lists: BTreeMap<u32, Vec<Item>> = BTreeMap::new();
    for (paragraph, blocks) in paragraphs(draft) {
        if let Some((number, level)) = numbering(draft, styles, paragraph) {
            lists.entry(number).or_default().push(Item {
                paragraph,
                level,
                blocks,
            });
        }
    }
    for (list, (number, items)) in lists.into_iter().enumerate() {
        let asked = asked.iter().find(|(of, _)| *of == number);
        let Some(around) = restarting_loop(&items, asked.map(|(_, asked)| *asked)) else {
            continue;
        };
        draft.restarts.entry(around).or_default().push(list);
        for item in &items {
            write(draft, styles, item, list, number);
        }
    }
}

/// The lists that directives are about.
fn directives(
    draft: &Draft<'_>,
    styles: Option<&ListStyles>,
    faults: &mut Faults,
) -> Vec<(u32, Asked)> {
    let mut found = Vec::new();
    for placed in draft.tags.iter().filter(|placed| is_directive(&placed.tag)) {
        let asked = match placed.tag.rest() {
            "continue" => Asked::Continue,
            "restart" => Asked::Restart,
            _ => {
                faults.add(placed.place.error(
                    "numbering can continue or restart",
                    Some("write {% numbering continue %} or {% numbering restart %}".to_owned()),
                ));
                continue;
            }
        };
        let Some(styles) = styles else { continue };
        let parent = draft.tokens[placed.token].parent;
        let paragraph = xml::ancestor(&draft.tokens, parent, "w:p");
        match paragraph.and_then(|paragraph| numbering(draft, styles, paragraph)) {
            Some((number, _)) if placed.tag.lift.is_none() => found.push((number, asked)),
            _ => faults.add(placed.place.error(
                "it does not stand in a numbered paragraph",
                Some("put it into the text of an item of the list".to_owned()),
            )),
        }
    }
    found
}

/// The paragraphs in the order in which they are written, each with the blocks around it.
fn paragraphs(draft: &Draft<'_>) -> Vec<(usize, Vec<Block>)> {
    let mut found = Vec::new();
    let mut open: Vec<Block> = Vec::new();
    let mut index = 0;
    while index < draft.tokens.len() {
        let token = draft.tokens[index];
        for &id in draft.before.get(&index).into_iter().flatten() {
            follow(draft, id, &mut open);
        }
        let next = match draft.overrides.get(&index) {
            Some((last, pieces)) => {
                for piece in pieces {
                    if let Piece::Tag(id) = piece {
                        follow(draft, *id, &mut open);
                    }
                }
                last + 1
            }
            None => {
                if token.name == "w:p" && token.kind == Kind::Open {
                    found.push((index, open.clone()));
                }
                index + 1
            }
        };
        for &id in draft.after.get(&index).into_iter().flatten() {
            follow(draft, id, &mut open);
        }
        index = next;
    }
    found
}

/// Takes the next statement. What does not nest is reported elsewhere.
fn follow(draft: &Draft<'_>, id: usize, open: &mut Vec<Block>) {
    let tag = &draft.tags[id].tag;
    if tag.kind != TagKind::Statement {
        return;
    }
    let captures = matches!(tag.keyword(), "macro" | "call" | "filter")
        || (tag.keyword() == "set" && !tag.rest().contains('='));
    match tag.keyword() {
        keyword @ ("for" | "if" | "with") => open.push(Block {
            tag: id,
            branch: 0,
            is_loop: keyword == "for",
        }),
        _ if captures => open.push(Block {
            tag: id,
            branch: 0,
            is_loop: false,
        }),
        "elif" | "else" => {
            if let Some(block) = open.last_mut() {
                block.branch += 1;
                block.is_loop = false;
            }
        }
        keyword if keyword.starts_with("end") => {
            open.pop();
        }
        _ => {}
    }
}

/// The list and the level that a paragraph belongs to.
fn numbering(draft: &Draft<'_>, styles: &ListStyles, paragraph: usize) -> Option<(u32, u32)> {
    let properties = draft.child(paragraph, "w:pPr")?;
    let value = |element: usize, name: &str| {
        let at = draft.child(element, name)?;
        xml::attribute(draft.tokens[at].raw, "w:val")
    };
    let style = value(properties, "w:pStyle");
    let style = style.as_deref().unwrap_or_default();
    if styles.is_heading(style) || draft.child(properties, "w:outlineLvl").is_some() {
        return None;
    }
    let own = draft.child(properties, "w:numPr");
    let own = |name: &str| value(own?, name)?.trim().parse().ok();
    let inherited = styles.numbering(style);
    let number = own("w:numId").or(inherited.map(|(number, _)| number))?;
    let level = own("w:ilvl").or(inherited.map(|(_, level)| level));
    (number > 0).then_some((number, level.unwrap_or(0)))
}

/// The loop, by its tag, in each of whose rounds the list begins anew.
fn restarting_loop(items: &[Item], asked: Option<Asked>) -> Option<usize> {
    let loops = |item: &Item| -> Vec<usize> {
        let blocks = item.blocks.iter().filter(|block| block.is_loop);
        blocks.map(|block| block.tag).collect()
    };
    let mut common = loops(items.first()?);
    for item in items {
        let others = loops(item);
        let shared = common.iter().zip(&others).take_while(|(a, b)| a == b);
        common.truncate(shared.count());
    }
    if asked == Some(Asked::Continue) {
        return None;
    }
    let top = items.iter().map(|item| item.level).min()?;
    let at_top: Vec<&Item> = items.iter().filter(|item| item.level == top).collect();
    let several = at_top.iter().enumerate().any(|(at, item)| {
        loops(item).len() > common.len()
            || at_top[at + 1..]
                .iter()
                .any(|other| !exclude(&item.blocks, &other.blocks))
    });
    if !several && asked.is_none() {
        common.pop();
    }
    common.last().copied()
}

/// True when only one of two places is ever written in a round: they stand in two branches of one block.
fn exclude(left: &[Block], right: &[Block]) -> bool {
    left.iter().any(|block| {
        let mut others = right.iter();
        others.any(|other| other.tag == block.tag && other.branch != block.branch)
    })
}

/// Has an item take the number that its list has at the time.
fn write(draft: &mut Draft<'_>, styles: &ListStyles, item: &Item, list: usize, number: u32) {
    let Some(properties) = draft.child(item.paragraph, "w:pPr") else {
        return;
    };
    let pieces = |before: &'static str, after: &'static str| {
        vec![
            Piece::Raw(before),
            Piece::Expression(format!("{CURRENT}({list}, {number})")),
            Piece::Raw(after),
        ]
    };
    let (open, close) = ("<w:numId w:val=\"", "\"/>");
    let own = draft.child(properties, "w:numPr");
    if let Some(at) = own.and_then(|own| draft.child(own, "w:numId")) {
        let last = draft.tokens[at].partner;
        draft.overrides.insert(at, (last, pieces(open, close)));
        return;
    }
    if let Some(own) = own.filter(|&own| draft.tokens[own].kind == Kind::Open) {
        // The level stands before the list.
        let place = behind(draft, own, |name| name == "w:ilvl");
        let fronts = draft.fronts.entry(place).or_default();
        fronts.extend(pieces(open, close));
    } else if draft.tokens[properties].kind == Kind::Open {
        let place = behind(draft, properties, |name| stands_before(name, "w:numPr"));
        let level = item.level;
        let fronts = draft.fronts.entry(place).or_default();
        fronts.push(Piece::Made(format!("<w:numPr><w:ilvl w:val=\"{level}\"/>")));
        fronts.extend(pieces(open, "\"/></w:numPr>"));
    }
    keep_indent(draft, styles, properties);
}

/// The indent of a style goes before that of its list, but not before that of a paragraph's own.
fn keep_indent(draft: &mut Draft<'_>, styles: &ListStyles, properties: usize) {
    let style = draft.child(properties, "w:pStyle");
    let style = style.and_then(|style| xml::attribute(draft.tokens[style].raw, "w:val"));
    let indent = styles.indent(style.as_deref().unwrap_or_default());
    let (Some(indent), None) = (indent, draft.child(properties, "w:ind")) else {
        return;
    };
    let place = behind(draft, properties, |name| stands_before(name, "w:ind"));
    let fronts = draft.fronts.entry(place).or_default();
    fronts.push(Piece::Made(indent.to_owned()));
}

/// The token in front of which something goes that stands behind the children with these names.
fn behind(draft: &Draft<'_>, element: usize, earlier: impl Fn(&str) -> bool) -> usize {
    let mut children = draft.children(element);
    let later = children.find(|&at| !earlier(draft.tokens[at].name));
    later.unwrap_or(draft.tokens[element].partner)
}
