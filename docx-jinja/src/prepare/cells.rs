//! `{% colspan n %}`, `{% cellbg colour %}`, `{% vm %}` and `{% hm %}`: what a table cell says about itself. They
//! are written into the cell's properties, wherever in the cell they stand.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::lift::END_OF_ROW;
use super::{Draft, Piece, lists};
use crate::locate::Faults;
use crate::tags::{Tag, TagKind};
use crate::xml::{self, Kind};

/// Filter that makes a number of columns out of a value.
pub(crate) const SPAN: &str = "__span";
/// Filter that makes a colour out of a value.
pub(crate) const FILL: &str = "__fill";

/// The elements of `w:tcPr` in the order of the schema (ECMA-376 part 1, `CT_TcPr`).
const PROPERTIES: &[&str] = &[
    "w:cnfStyle",
    "w:tcW",
    "w:gridSpan",
    "w:hMerge",
    "w:vMerge",
    "w:tcBorders",
    "w:shd",
    "w:noWrap",
    "w:tcMar",
    "w:textDirection",
    "w:tcFitText",
    "w:vAlign",
    "w:hideMark",
];

/// What a cell can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    /// Covers so many columns.
    Span,
    /// Has this background.
    Fill,
    /// One cell over all rows of the loop.
    MergeRows,
    /// One cell over all columns of the loop.
    MergeColumns,
}

impl Directive {
    pub(super) fn of(tag: &Tag) -> Option<Self> {
        if tag.kind != TagKind::Statement {
            return None;
        }
        match tag.keyword() {
            "colspan" => Some(Self::Span),
            "cellbg" => Some(Self::Fill),
            "vm" => Some(Self::MergeRows),
            "hm" => Some(Self::MergeColumns),
            _ => None,
        }
    }

    fn takes_value(self) -> bool {
        matches!(self, Self::Span | Self::Fill)
    }
}

/// The expression inside a directive, as a tag that can be checked alone; all other tags as they are.
pub(super) fn expression(tag: &Tag) -> Cow<'_, Tag> {
    let directive = match Directive::of(tag) {
        Some(directive) => directive,
        None if lists::is_directive(tag) => {
            return Cow::Owned(Tag {
                kind: TagKind::Comment,
                ..tag.clone()
            });
        }
        None => return Cow::Borrowed(tag),
    };
    let body = tag.rest().to_owned();
    let kind = if directive.takes_value() && !body.is_empty() {
        TagKind::Variable
    } else {
        TagKind::Comment
    };
    Cow::Owned(Tag {
        kind,
        body,
        lift: None,
        ..tag.clone()
    })
}

/// What one cell asks for, by the tag that says so.
#[derive(Default)]
struct Asked {
    span: Option<usize>,
    fill: Option<usize>,
    rows: Option<usize>,
    columns: Option<usize>,
}

/// Writes all directives of the part into their cells.
pub(super) fn apply(draft: &mut Draft<'_>, faults: &mut Faults) {
    let mut cells: BTreeMap<usize, Asked> = BTreeMap::new();
    for (id, placed) in draft.tags.iter().enumerate() {
        let Some(directive) = Directive::of(&placed.tag) else {
            continue;
        };
        if let Err((message, hint)) = written_well(&placed.tag, directive) {
            faults.add(placed.place.error(message, Some(hint)));
            continue;
        }
        let parent = draft.tokens[placed.token].parent;
        let Some(cell) = xml::ancestor(&draft.tokens, parent, "w:tc") else {
            let hint = "put it into the text of the cell it is about".to_owned();
            faults.add(
                placed
                    .place
                    .error("it does not stand inside a table cell", Some(hint)),
            );
            continue;
        };
        let asked = cells.entry(cell).or_default();
        let slot = match directive {
            Directive::Span => &mut asked.span,
            Directive::Fill => &mut asked.fill,
            Directive::MergeRows => &mut asked.rows,
            Directive::MergeColumns => &mut asked.columns,
        };
        if slot.replace(id).is_some() {
            faults.add(placed.place.error("the cell has it twice", None));
        }
    }
    for (cell, asked) in cells {
        let mut properties = Vec::new();
        if asked.span.is_some() || asked.columns.is_some() {
            properties.push(("w:gridSpan", span(draft, cell, &asked)));
        }
        if asked.rows.is_some() {
            properties.push(("w:vMerge", merged()));
        }
        if let Some(id) = asked.fill {
            properties.push(("w:shd", fill(draft, cell, id)));
        }
        let behind = set(draft, cell, properties);
        if let Some(id) = asked.rows {
            show_once(draft, cell, behind, id);
        }
        if let Some(id) = asked.columns {
            write_once(draft, cell, id);
        }
    }
}

/// True when the cell stands for all columns of its loop.
pub(super) fn covers_loop(draft: &Draft<'_>, cell: usize) -> bool {
    let pieces = draft.fronts.get(&cell).into_iter().flatten();
    pieces.into_iter().any(|piece| match piece {
        Piece::Wall(id) => Directive::of(&draft.tags[*id].tag) == Some(Directive::MergeColumns),
        _ => false,
    })
}

/// What is wrong with how a directive is written, and the next step.
fn written_well(tag: &Tag, directive: Directive) -> Result<(), (String, String)> {
    let keyword = tag.keyword();
    if tag.lift.is_some() {
        return Err((
            format!("{keyword} is about the cell it stands in"),
            format!(
                "write it without the letters behind {{%: {{% {} %}}",
                tag.body
            ),
        ));
    }
    match (directive, tag.rest().is_empty()) {
        (Directive::Span, true) => Err((
            "colspan needs a number of columns".to_owned(),
            "write {% colspan 2 %}, or a value: {% colspan columns|length %}".to_owned(),
        )),
        (Directive::Fill, true) => Err((
            "cellbg needs a colour".to_owned(),
            "write {% cellbg \"D9E2F3\" %}, or a value: {% cellbg row.colour %}".to_owned(),
        )),
        (Directive::MergeRows | Directive::MergeColumns, false) => Err((
            format!("{keyword} takes nothing behind it"),
            format!("write {{% {keyword} %}}"),
        )),
        _ => Ok(()),
    }
}

fn property(draft: &Draft<'_>, cell: usize, name: &str) -> Option<usize> {
    draft.child(draft.child(cell, "w:tcPr")?, name)
}

fn span<'a>(draft: &Draft<'a>, cell: usize, asked: &Asked) -> Vec<Piece<'a>> {
    let times = if asked.columns.is_some() {
        "(loop.length)"
    } else {
        ""
    };
    let count = match asked.span {
        Some(id) => Piece::Asked {
            id,
            before: "(".to_owned(),
            behind: format!(")|{SPAN}{times}"),
        },
        None => {
            let own = property(draft, cell, "w:gridSpan")
                .and_then(|at| xml::attribute(draft.tokens[at].raw, "w:val"))
                .and_then(|own| own.parse::<u32>().ok())
                .unwrap_or(1);
            Piece::Expression(format!("{own}|{SPAN}{times}"))
        }
    };
    vec![
        Piece::Raw("<w:gridSpan w:val=\""),
        count,
        Piece::Raw("\"/>"),
    ]
}

fn fill<'a>(draft: &Draft<'a>, cell: usize, id: usize) -> Vec<Piece<'a>> {
    let own = property(draft, cell, "w:shd")
        .and_then(|at| xml::attribute(draft.tokens[at].raw, "w:fill"))
        .filter(|own| own.len() == 6 && own.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .unwrap_or(Cow::Borrowed("auto"));
    vec![
        Piece::Raw("<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\""),
        Piece::Asked {
            id,
            before: "(".to_owned(),
            behind: format!(")|{FILL}(\"{own}\")"),
        },
        Piece::Raw("\"/>"),
    ]
}

fn merged<'a>() -> Vec<Piece<'a>> {
    vec![
        Piece::Raw("<w:vMerge w:val=\""),
        Piece::Statement("if loop.first"),
        Piece::Raw("restart"),
        Piece::Statement("else"),
        Piece::Raw("continue"),
        Piece::Statement("endif"),
        Piece::Raw("\"/>"),
    ]
}

/// Puts properties, which are in the schema's order, into the cell; gives the token behind which its content begins.
fn set<'a>(
    draft: &mut Draft<'a>,
    cell: usize,
    properties: Vec<(&'static str, Vec<Piece<'a>>)>,
) -> usize {
    let whole = |properties: Vec<(&str, Vec<Piece<'a>>)>| {
        let mut pieces = vec![Piece::Raw("<w:tcPr>")];
        pieces.extend(properties.into_iter().flat_map(|(_, pieces)| pieces));
        pieces.push(Piece::Raw("</w:tcPr>"));
        pieces
    };
    let Some(own) = draft.child(cell, "w:tcPr") else {
        if !properties.is_empty() {
            draft
                .backs
                .entry(cell)
                .or_default()
                .extend(whole(properties));
        }
        return cell;
    };
    if draft.tokens[own].kind == Kind::Empty {
        draft.overrides.insert(own, (own, whole(properties)));
        return own;
    }
    let close = draft.tokens[own].partner;
    let rank = |name: &str| PROPERTIES.iter().position(|known| *known == name);
    for (name, pieces) in properties {
        if let Some(at) = draft.child(own, name) {
            let last = draft.tokens[at].partner;
            draft.overrides.insert(at, (last, pieces));
            continue;
        }
        let later = draft
            .children(own)
            .find(|&at| rank(draft.tokens[at].name).is_none_or(|other| Some(other) > rank(name)));
        let before = later.unwrap_or(close);
        draft.fronts.entry(before).or_default().extend(pieces);
    }
    close
}

/// Writes the cell's content in the loop's first row; in the others its first paragraph, empty.
fn show_once(draft: &mut Draft<'_>, cell: usize, behind: usize, id: usize) {
    let close = draft.tokens[cell].partner;
    let paragraph = draft
        .child(cell, "w:p")
        .and_then(|paragraph| draft.child(paragraph, "w:pPr"))
        .map_or_else(String::new, |at| raw(draft, at));
    let begin = [Piece::Wall(id), Piece::Statement("if loop.first")];
    draft.backs.entry(behind).or_default().extend(begin);
    let end = [
        Piece::WallEnd(id),
        Piece::Statement("else"),
        Piece::Made(format!("<w:p>{paragraph}</w:p>")),
        Piece::Statement("endif"),
    ];
    draft.fronts.entry(close).or_default().extend(end);
}

/// Writes the whole cell in the loop's first round only.
fn write_once(draft: &mut Draft<'_>, cell: usize, id: usize) {
    let close = draft.tokens[cell].partner;
    let begin = [Piece::Wall(id), Piece::Statement("if loop.first")];
    let fronts = draft.fronts.entry(cell).or_default();
    fronts.splice(0..0, begin);
    if let Some(row) = xml::ancestor(&draft.tokens, cell, "w:tr") {
        draft.guards.insert(draft.tokens[row].partner, END_OF_ROW);
    }
    let end = [Piece::Statement("endif"), Piece::WallEnd(id)];
    draft.backs.entry(close).or_default().extend(end);
}

/// An element of the template as it stands there, without what tags would make of it.
fn raw(draft: &Draft<'_>, element: usize) -> String {
    let range = element..=draft.tokens[element].partner;
    if range.clone().any(|at| draft.overrides.contains_key(&at)) {
        return String::new();
    }
    range.map(|at| draft.tokens[at].raw).collect()
}
