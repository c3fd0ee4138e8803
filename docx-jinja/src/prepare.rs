//! Turns one XML part with tags into minijinja source.
//!
//! Literal XML is passed on as it is. Tags are written between control characters, which XML cannot
//! hold, so that no text of the document can ever be taken for a tag, nor end one.

mod cells;
mod charts;
mod collect;
mod controls;
mod drawings;
mod emit;
mod grid;
mod guard;
mod inserts;
mod join;
mod lift;
mod lists;
mod structure;

use std::collections::HashMap;

pub(crate) use cells::{FILL, SPAN};
pub(crate) use collect::MARK_INITIALS;
pub(crate) use emit::PLAIN;
pub(crate) use grid::SHARE;
pub(crate) use guard::operators;
pub(crate) use lists::ListStyles;

use crate::chart::Charts;
use crate::limits::TAGS_MAX;
use crate::locate::{Faults, Place, SourceMap};
use crate::sink;
use crate::tags::Tag;
use crate::xml::{self, Kind, Token};
use drawings::Pictures;

/// Opens and closes a statement in the source.
pub(crate) const STATEMENT: (&str, &str) = ("\u{1}", "\u{2}");
/// Opens and closes an expression in the source.
pub(crate) const EXPRESSION: (&str, &str) = ("\u{3}", "\u{4}");
/// Opens and closes a comment in the source; never written, only reserved.
pub(crate) const COMMENT: (&str, &str) = ("\u{5}", "\u{6}");

/// Globals that prepared sources write where an element ends that must not be empty, and the mark that
/// [`crate::sink`] takes for each.
pub(crate) fn globals() -> [(&'static str, char); 3] {
    [
        (lift::END_OF_BLOCKS, sink::END_OF_BLOCKS),
        (lift::END_OF_ROW, sink::END_OF_ROW),
        (lift::END_OF_TABLE, sink::END_OF_TABLE),
    ]
}

/// What minijinja compiles, and the way back.
pub(crate) struct Prepared {
    pub(crate) source: String,
    pub(crate) map: SourceMap,
    /// True without tags: it gives the part as it was unless a picture is replaced.
    pub(crate) idle: bool,
}

/// A piece of what replaces a token or a range of tokens.
#[derive(Debug, Clone)]
enum Piece<'a> {
    /// Raw XML of the template.
    Raw(&'a str),
    /// Raw XML made here.
    Made(String),
    /// A tag, by its index.
    Tag(usize),
    /// An expression made here.
    Expression(String),
    /// An expression made here, and where its author finds it.
    Told {
        place: Place,
        expression: String,
    },
    /// The expression inside a tag, with what is put around it.
    Asked {
        id: usize,
        before: String,
        behind: String,
    },
    /// A statement made here.
    Statement(&'static str),
    /// Between these two, which a directive asked for, blocks neither begin nor end that do not do both.
    Wall(usize),
    WallEnd(usize),
}

/// A tag and where it stands.
#[derive(Debug)]
struct Placed {
    tag: Tag,
    place: Place,
    /// The text token it begins in.
    token: usize,
    /// True inside `w:t`, where a line break of a value can become `w:br`.
    in_run: bool,
    /// What `{{r }}` and `{{p }}` write around their value.
    insert: Option<inserts::Insert>,
}

/// All that is known about a part before it is written.
struct Draft<'a> {
    part: &'a str,
    tokens: Vec<Token<'a>>,
    tags: Vec<Placed>,
    /// What stands instead of the tokens from the key to the given last one.
    overrides: HashMap<usize, (usize, Vec<Piece<'a>>)>,
    /// Tags in front of an open token and behind a close token.
    before: HashMap<usize, Vec<usize>>,
    after: HashMap<usize, Vec<usize>>,
    /// What is made in front of a token and behind one, inside `before` and `after`.
    fronts: HashMap<usize, Vec<Piece<'a>>>,
    backs: HashMap<usize, Vec<Piece<'a>>>,
    /// Lists that begin anew in each round of a loop, by the loop's tag.
    restarts: HashMap<usize, Vec<usize>>,
    /// The width of the table cell around a tag that may give a picture, in twentieths of a point.
    rooms: HashMap<usize, u32>,
    /// Elements, by close token, that must not end up empty: the global to write there.
    guards: HashMap<usize, &'static str>,
}

impl Draft<'_> {
    /// The elements directly inside another, by open token.
    fn children(&self, element: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.tokens[element].partner;
        let mut at = element + 1;
        std::iter::from_fn(move || {
            while at < end {
                let found = at;
                at = self.tokens[found].partner + 1;
                if matches!(self.tokens[found].kind, Kind::Open | Kind::Empty) {
                    return Some(found);
                }
            }
            None
        })
    }

    /// The first of them with this name.
    fn child(&self, element: usize, name: &str) -> Option<usize> {
        self.children(element)
            .find(|&at| self.tokens[at].name == name)
    }
}

/// Prepares a part; none when it holds neither tags nor pictures. Charts that it fills are opened. Lists in it begin anew
/// as `styles` has them; without these, none does.
///
/// # Errors
/// What is wrong with the XML itself. Faults of tags go to `faults`.
pub(crate) fn prepare(
    part: &str,
    text: &str,
    styles: Option<&ListStyles>,
    found: &mut Charts,
    faults: &mut Faults,
) -> Result<Option<Prepared>, String> {
    let tokens = xml::tokenize(text)?;
    let drawn = text.contains("r:embed=") || charts::are_in(text);
    if !text.contains('{') && !drawn {
        return Ok(None);
    }
    let mut draft = Draft {
        part,
        tokens,
        tags: Vec::new(),
        overrides: HashMap::new(),
        before: HashMap::new(),
        after: HashMap::new(),
        fronts: HashMap::new(),
        backs: HashMap::new(),
        restarts: HashMap::new(),
        rooms: HashMap::new(),
        guards: HashMap::new(),
    };
    collect::tags(&mut draft, faults);
    charts::apply(&mut draft, found, faults);
    if draft.tags.len() > TAGS_MAX {
        return Err(format!("it holds more than {TAGS_MAX} tags"));
    }
    let pictures = drawings::apply(&mut draft)?;
    if draft.tags.is_empty() && pictures == Pictures::None {
        return Ok(None);
    }
    for placed in &draft.tags {
        crate::check::tag(&cells::expression(&placed.tag), &placed.place, faults);
    }
    cells::apply(&mut draft, faults);
    controls::apply(&mut draft);
    join::apply(&mut draft);
    lift::apply(&mut draft, faults);
    inserts::apply(&mut draft, faults);
    grid::apply(&mut draft);
    lists::apply(&mut draft, styles, faults);
    let mut prepared = emit::write(&draft, faults);
    prepared.idle = draft.tags.is_empty() && pictures == Pictures::Some;
    Ok(Some(prepared))
}
