//! Markup with gaps: what must be another thing in the document that it is inserted into.

use crate::xml::{self, Kind, NO_PARENT, Token};

/// The namespace of relationships.
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
/// The namespace of markup for compatibility.
const COMPATIBILITY: &str = "http://schemas.openxmlformats.org/markup-compatibility/2006";

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

/// Prefixes of namespaces that a root declares.
pub(super) struct Namespaces<'a> {
    declared: Vec<(&'a str, &'a str)>,
    ignorable: Vec<&'a str>,
    /// The prefix of relationships, with its colon.
    related: Option<String>,
}

impl<'a> Namespaces<'a> {
    pub(super) fn of(root: &Token<'a>) -> Self {
        let declared: Vec<(&str, &str)> = xml::attributes(root.raw)
            .filter_map(|(name, uri)| Some((name.strip_prefix("xmlns:")?, uri)))
            .collect();
        let prefix = |wanted: &str| {
            let found = declared.iter().find(|(_, uri)| *uri == wanted);
            found.map(|(prefix, _)| format!("{prefix}:"))
        };
        let ignorable = prefix(COMPATIBILITY).map(|prefix| format!("{prefix}Ignorable"));
        let ignorable = xml::attributes(root.raw)
            .find(|(name, _)| ignorable.as_deref() == Some(name))
            .map_or_else(Vec::new, |(_, words)| words.split_whitespace().collect());
        Self {
            related: prefix(RELATIONSHIPS),
            ignorable,
            declared,
        }
    }

    /// A token with gaps for its relationships only.
    pub(super) fn related_only(&self, token: &Token<'_>) -> Slots {
        let mut slots = Slots::default();
        let mut rest = token.raw;
        let is_tag = matches!(token.kind, Kind::Open | Kind::Empty);
        if let Some(prefix) = self.related.as_deref().filter(|_| is_tag) {
            for (name, value) in xml::attributes(token.raw) {
                // Both are slices of the token's text.
                let at = value.as_ptr().addr() - rest.as_ptr().addr();
                if name.starts_with(prefix) && !value.is_empty() {
                    slots.text(&rest[..at]);
                    slots.0.push(Slot::Related(xml::decode(value).into_owned()));
                    rest = &rest[at + value.len()..];
                }
            }
        }
        slots.text(rest);
        slots
    }

    /// Declarations for what is used in a range of tokens, to stand in its first one.
    fn declarations(&self, tokens: &[Token<'_>]) -> String {
        let mut used: Vec<&str> = Vec::new();
        let mut add = |word: &'_ str| {
            let declared = self.declared.iter().find(|(prefix, _)| *prefix == word);
            let new = declared.filter(|(prefix, _)| *prefix != "w" && !used.contains(prefix));
            used.extend(new.map(|(prefix, _)| *prefix));
        };
        let tags = tokens
            .iter()
            .filter(|token| matches!(token.kind, Kind::Open | Kind::Empty));
        for token in tags {
            add(token.name.split(':').next().unwrap_or_default());
            for (name, value) in xml::attributes(token.raw) {
                add(name.split_once(':').map_or("", |(prefix, _)| prefix));
                // `mc:Choice` names prefixes.
                if name == "Requires" {
                    value.split_whitespace().for_each(&mut add);
                }
            }
        }
        let ignored: Vec<&str> = used
            .iter()
            .copied()
            .filter(|prefix| self.ignorable.contains(prefix))
            .collect();
        let compatibility = self.declared.iter().find(|(_, uri)| *uri == COMPATIBILITY);
        let mut out = String::new();
        if let (Some((prefix, _)), false) = (compatibility, ignored.is_empty()) {
            if !used.contains(prefix) {
                used.push(prefix);
            }
            out = format!(" {prefix}:Ignorable=\"{}\"", ignored.join(" "));
        }
        for (prefix, uri) in &self.declared {
            if used.contains(prefix) {
                out.push_str(&format!(" xmlns:{prefix}=\"{uri}\""));
            }
        }
        out
    }
}

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
        namespaces: &Namespaces<'_>,
        without: &[&str],
    ) {
        let last = tokens[at].partner;
        let mut index = at;
        while index <= last {
            let token = &tokens[index];
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
            if is_tag {
                let more = if index == at {
                    namespaces.declarations(&tokens[at..=last])
                } else {
                    String::new()
                };
                self.tag(token, namespaces, &more);
            } else if token.kind != Kind::Other {
                self.text(token.raw);
            }
            index += 1;
        }
    }

    fn tag(&mut self, token: &Token<'_>, namespaces: &Namespaces<'_>, more: &str) {
        let changes = xml::attributes(token.raw)
            .any(|(name, value)| !matches!(change(token, name, value, namespaces), Change::None));
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
                change(token, name, value, namespaces)
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

fn change(token: &Token<'_>, name: &str, value: &str, namespaces: &Namespaces<'_>) -> Change {
    let owned = || xml::decode(value).into_owned();
    if MARKS_OF_EDITING.iter().any(|mark| name.starts_with(mark)) {
        return Change::Gone;
    }
    let related = namespaces.related.as_deref();
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
pub(super) fn body(tokens: &[Token<'_>], root: usize) -> Option<Slots> {
    let notes = ["w:footnoteReference", "w:endnoteReference"];
    if tokens.iter().any(|token| notes.contains(&token.name)) {
        return None;
    }
    let namespaces = Namespaces::of(&tokens[root]);
    let mut slots = Slots::default();
    let body = tokens
        .iter()
        .position(|token| token.name == "w:body" && token.kind == Kind::Open);
    let Some(body) = body else { return Some(slots) };
    let mut at = body + 1;
    while at < tokens[body].partner {
        if matches!(tokens[at].kind, Kind::Open | Kind::Empty) {
            slots.element(tokens, at, &namespaces, &[]);
        }
        at = tokens[at].partner + 1;
    }
    if !slots.0.is_empty() && !slots.ends_with_paragraph() {
        slots.text("<w:p/>");
    }
    Some(slots)
}
