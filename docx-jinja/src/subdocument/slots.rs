//! Markup with gaps: what must be another thing in the document that it is inserted into.

mod origin;

pub(super) use origin::Origin;

use crate::prepare::ListStyles;
use crate::xml::{self, Kind, NO_PARENT, Token};

/// Elements that stay behind: sections, comments, permissions, what refers to data outside the text.
const LEFT_BEHIND: &[&str] = &[
    "w:commentRangeEnd",
    "w:commentRangeStart",
    "w:commentReference",
    "w:dataBinding",
    "w:lvlPicBulletId",
    "w:permEnd",
    "w:permStart",
    "w:placeholder",
    "w:proofErr",
    "w:sectPr",
    "w:sectPrChange",
    "w15:dataBinding",
];
/// Prefixes of attributes that name a paragraph or an editing session.
const MARKS_OF_EDITING: &[&str] = &["w14:paraId", "w14:textId", "w:rsid", "wp14:"];

/// A piece of markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    Text(String),
    /// A style, by its id.
    Style(String),
    /// A list, by its number.
    List(u32),
    /// The list that a paragraph has through its style, by the style's id.
    ListOfStyle(String),
    /// The indent that goes with it, where the paragraph has none.
    IndentOfStyle(String),
    /// A relationship, by its id.
    Related(String),
    /// A number that no other drawing has.
    Drawing,
    /// A number that no other bookmark has, by the one here.
    Bookmark(String),
}

/// Markup in pieces.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Slots(pub(super) Vec<Slot>);

impl Slots {
    fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Slot::Text(last)) => last.push_str(text),
            _ => self.0.push(Slot::Text(text.to_owned())),
        }
    }

    /// The relationships that it needs.
    pub(super) fn related(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|slot| match slot {
            Slot::Related(id) => Some(id.as_str()),
            _ => None,
        })
    }

    /// How much text it is.
    pub(super) fn bytes(&self) -> usize {
        let sizes = self.0.iter().map(|slot| match slot {
            Slot::Text(text) => text.len(),
            _ => 8,
        });
        sizes.sum()
    }

    /// True when it ends with a paragraph, as a cell must.
    pub(super) fn ends_with_paragraph(&self) -> bool {
        match self.0.last() {
            Some(Slot::Text(text)) => text.ends_with("</w:p>") || text.ends_with("<w:p/>"),
            _ => false,
        }
    }

    /// Adds an element of `tokens` with all that is in it.
    pub(super) fn element(
        &mut self,
        tokens: &[Token<'_>],
        at: usize,
        origin: &Origin<'_>,
        without: &[&str],
    ) {
        let last = tokens[at].partner;
        let mut lists: Vec<(usize, Slot)> = Vec::new();
        let mut index = at;
        while index <= last {
            let token = &tokens[index];
            let here = lists.extract_if(.., |(place, _)| *place == index);
            self.0.extend(here.map(|(_, slot)| slot));
            let is_tag = matches!(token.kind, Kind::Open | Kind::Empty);
            let in_control = token.name == "w:id"
                && token.parent != NO_PARENT
                && tokens[token.parent].name == "w:sdtPr";
            if is_tag
                && (LEFT_BEHIND.contains(&token.name)
                    || without.contains(&token.name)
                    || in_control)
            {
                index = token.partner + 1;
                continue;
            }
            if token.name == "w:pPr" && token.kind == Kind::Open {
                lists = origin.list_of_style(tokens, index);
            }
            if is_tag {
                let more = if index == at {
                    origin.declarations(&tokens[at..=last])
                } else {
                    String::new()
                };
                self.tag(token, origin, &more);
            } else if token.kind != Kind::Other {
                self.text(token.raw);
            }
            index += 1;
        }
    }

    fn tag(&mut self, token: &Token<'_>, origin: &Origin<'_>, more: &str) {
        let changes = xml::attributes(token.raw)
            .any(|(name, value)| !matches!(change(token, name, value, origin), Change::None));
        if !changes && more.is_empty() {
            return self.text(token.raw);
        }
        self.text(&format!("<{}{more}", token.name));
        for (name, value) in xml::attributes(token.raw) {
            // What the root has declared is declared again.
            let repeated = more.contains(&format!(" {name}=\""));
            let change = if repeated {
                Change::Gone
            } else {
                change(token, name, value, origin)
            };
            match change {
                Change::Gone => {}
                Change::None => {
                    self.text(&format!(" {name}=\"{}\"", value.replace('"', "&quot;")));
                }
                Change::Slot(slot) => {
                    self.text(&format!(" {name}=\""));
                    self.0.push(slot);
                    self.text("\"");
                }
            }
        }
        let end = if token.kind == Kind::Empty { "/>" } else { ">" };
        self.text(end);
    }
}

enum Change {
    None,
    Gone,
    Slot(Slot),
}

fn change(token: &Token<'_>, name: &str, value: &str, origin: &Origin<'_>) -> Change {
    let owned = || xml::decode(value).into_owned();
    if MARKS_OF_EDITING.iter().any(|mark| name.starts_with(mark)) {
        return Change::Gone;
    }
    let related = origin.related.as_deref();
    if related.is_some_and(|prefix| name.starts_with(prefix)) && !value.is_empty() {
        return Change::Slot(Slot::Related(owned()));
    }
    let slot = match (token.name, name) {
        ("w:pStyle" | "w:rStyle" | "w:tblStyle" | "w:basedOn" | "w:next" | "w:link", "w:val") => {
            Slot::Style(owned())
        }
        ("w:numId", "w:val") => match value.trim().parse() {
            Ok(number) if number > 0 => Slot::List(number),
            _ => return Change::None,
        },
        ("wp:docPr", "id") => Slot::Drawing,
        ("w:bookmarkStart" | "w:bookmarkEnd", "w:id") => Slot::Bookmark(owned()),
        _ => return Change::None,
    };
    Change::Slot(slot)
}

/// The blocks of a main part; none when it has footnotes.
pub(super) fn body(tokens: &[Token<'_>], root: usize, lists: &ListStyles) -> Option<Slots> {
    let notes = ["w:footnoteReference", "w:endnoteReference"];
    if tokens.iter().any(|token| notes.contains(&token.name)) {
        return None;
    }
    let mut origin = Origin::of(&tokens[root]);
    origin.lists = Some(lists);
    let mut slots = Slots::default();
    let body = tokens
        .iter()
        .position(|token| token.name == "w:body" && token.kind == Kind::Open);
    let Some(body) = body else { return Some(slots) };
    let mut at = body + 1;
    while at < tokens[body].partner {
        if matches!(tokens[at].kind, Kind::Open | Kind::Empty) {
            slots.element(tokens, at, &origin, &[]);
        }
        at = tokens[at].partner + 1;
    }
    if !slots.0.is_empty() && !slots.ends_with_paragraph() {
        slots.text("<w:p/>");
    }
    Some(slots)
}
