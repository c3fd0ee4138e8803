//! `{{r }}` and `{{p }}`: values that become runs, for which the run around them is split, and values that become
//! paragraphs and tables, to which their paragraph gives way.

use super::{Draft, Piece};
use crate::locate::Faults;
use crate::tags::{Lift, TagKind};
use crate::values::{BLOCKS, ParagraphProperties, RUNS, RunProperties};
use crate::xml::{self, Kind, Token};

/// What Word leaves free at both sides of a cell, in twentieths of a point.
const CELL_MARGINS: u32 = 216;

/// What stands around a value that is more than text.
#[derive(Debug)]
pub(super) enum Insert {
    /// The run's properties, and whether it stands inside a hyperlink.
    Runs { run: String, linked: bool },
    /// The paragraph's properties and those of the run that the tag began in.
    Blocks { paragraph: String, run: String },
}

impl Insert {
    /// What is written in front of the value.
    pub(super) fn before(&self) -> &'static str {
        match self {
            Self::Runs { .. } => "</w:t></w:r>",
            Self::Blocks { .. } => "",
        }
    }

    /// The filter that writes the value.
    pub(super) fn filter(&self) -> String {
        match self {
            Self::Runs { run, linked } => format!("{RUNS}({}, {linked})", quoted(run)),
            Self::Blocks { paragraph, run } => {
                format!("{BLOCKS}({}, {})", quoted(paragraph), quoted(run))
            }
        }
    }

    /// What is written behind the value.
    pub(super) fn after(&self) -> String {
        match self {
            Self::Runs { run, .. } => format!("<w:r>{run}<w:t xml:space=\"preserve\">"),
            Self::Blocks { .. } => String::new(),
        }
    }
}

/// Gives every such tag what its value inherits.
pub(super) fn apply(draft: &mut Draft<'_>, faults: &mut Faults) {
    for id in 0..draft.tags.len() {
        let placed = &draft.tags[id];
        let asks = placed.tag.lift.is_some() || placed.tag.body.contains("image");
        if placed.tag.kind == TagKind::Variable && placed.in_run && asks {
            let room = room(&draft.tokens, placed.token);
            draft.rooms.extend(room.map(|room| (id, room)));
        }
        let (TagKind::Variable, Some(lift)) = (placed.tag.kind, placed.tag.lift) else {
            continue;
        };
        let parent = draft.tokens[placed.token].parent;
        let Some(run) = around(&draft.tokens, parent) else {
            let hint = "write it as {{ }}".to_owned();
            faults.add(
                placed
                    .place
                    .error("it does not stand inside a run", Some(hint)),
            );
            continue;
        };
        let properties = RunProperties::read(&child(&draft.tokens, run, "w:rPr")).write();
        if properties.contains("{{") {
            let message = "the look of its run holds a tag, which cannot be taken over";
            faults.add(placed.place.error(message, None));
            continue;
        }
        let insert = if lift == Lift::Run {
            let linked = xml::ancestor(&draft.tokens, run, "w:hyperlink").is_some();
            Insert::Runs {
                run: properties,
                linked,
            }
        } else {
            let Some(paragraph) = xml::ancestor(&draft.tokens, run, "w:p") else {
                continue;
            };
            let raw = child(&draft.tokens, paragraph, "w:pPr");
            keep_section(draft, paragraph, &raw);
            let paragraph = ParagraphProperties::read(&raw).write();
            Insert::Blocks {
                paragraph,
                run: properties,
            }
        };
        draft.tags[id].insert = Some(insert);
    }
}

/// The width that the table cell around a token leaves to what stands in it.
fn room(tokens: &[Token<'_>], token: usize) -> Option<u32> {
    let cell = xml::ancestor(tokens, tokens[token].parent, "w:tc")?;
    let mut inside = (cell..token).filter(|&at| tokens[at].name == "w:tcW");
    let width = tokens[inside.next()?].raw;
    if xml::attribute(width, "w:type").as_deref() != Some("dxa") {
        return None;
    }
    let width: u32 = xml::attribute(width, "w:w")?.parse().ok()?;
    Some(width.saturating_sub(CELL_MARGINS)).filter(|&room| room > 0)
}

/// A paragraph that ends a section leaves one behind that does.
fn keep_section(draft: &mut Draft<'_>, paragraph: usize, properties: &str) {
    let Some(start) = properties.find("<w:sectPr") else {
        return;
    };
    let end = properties
        .find("</w:sectPr>")
        .map(|at| at + "</w:sectPr>".len());
    let (Some(end), Some((_, pieces))) = (end, draft.overrides.get_mut(&paragraph)) else {
        return;
    };
    let section = format!("<w:p><w:pPr>{}</w:pPr></w:p>", &properties[start..end]);
    if !pieces.iter().any(|piece| matches!(piece, Piece::Made(_))) {
        pieces.push(Piece::Made(section));
    }
}

/// The run whose `w:t` is `element`.
fn around(tokens: &[Token<'_>], element: usize) -> Option<usize> {
    let text = tokens.get(element).filter(|token| token.name == "w:t")?;
    tokens
        .get(text.parent)
        .filter(|token| token.name == "w:r")?;
    Some(text.parent)
}

/// The markup of the first child when it is called `name`, as properties are.
fn child(tokens: &[Token<'_>], element: usize, name: &str) -> String {
    let inside = &tokens[element + 1..tokens[element].partner];
    let first = inside
        .iter()
        .position(|token| matches!(token.kind, Kind::Open | Kind::Empty));
    let Some(at) = first
        .map(|at| element + 1 + at)
        .filter(|&at| tokens[at].name == name)
    else {
        return String::new();
    };
    tokens[at..=tokens[at].partner]
        .iter()
        .map(|token| token.raw)
        .collect()
}

/// A text as minijinja writes one.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
