//! The text of `numbering.xml`: what it defines, and where new definitions go.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::xml::{self, Kind, Token};

/// Levels of a list (`w:ilvl`, 0 to 8).
const LEVELS: usize = 9;
/// A part without definitions.
const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
    <w:numbering xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"></w:numbering>";

/// Definitions of the template and new ones.
pub(super) struct Definitions {
    template: String,
    /// Where new abstract definitions go, and where new numbers go.
    abstracts_at: usize,
    numbers_at: usize,
    lists: HashMap<u32, List>,
    /// What each level of an abstract definition begins with.
    starts: HashMap<u32, [String; LEVELS]>,
    /// Abstract definitions without numbers: there is nothing to begin anew.
    bullets: HashSet<u32>,
    last_abstract: u32,
    last_number: u32,
    abstracts: String,
    numbers: String,
}

/// One `w:num`.
#[derive(Default, Clone)]
struct List {
    of: u32,
    /// What each level begins with, where it differs.
    starts: [Option<String>; LEVELS],
    /// `w:lvl` elements that take the place of the abstract definition's.
    levels: [String; LEVELS],
}

impl Definitions {
    /// Reads a part; a part that is missing is empty.
    pub(super) fn read(text: String) -> Self {
        let text = if xml::tokenize(&text).is_ok_and(|tokens| root(&tokens).is_some()) {
            text
        } else {
            EMPTY.to_owned()
        };
        let tokens = xml::tokenize(&text).unwrap_or_default();
        let mut definitions = Self {
            template: String::new(),
            abstracts_at: 0,
            numbers_at: 0,
            lists: HashMap::new(),
            starts: HashMap::new(),
            bullets: HashSet::new(),
            last_abstract: 0,
            last_number: 0,
            abstracts: String::new(),
            numbers: String::new(),
        };
        definitions.collect(&tokens);
        definitions.template = text;
        definitions
    }

    fn collect(&mut self, tokens: &[Token<'_>]) {
        let Some(root) = root(tokens) else { return };
        let (mut first_number, mut end) = (None, None);
        let mut offset = 0;
        for (at, token) in tokens.iter().enumerate() {
            let is_child = token.parent == root && matches!(token.kind, Kind::Open | Kind::Empty);
            match token.name {
                "w:abstractNum" if is_child => self.abstract_number(tokens, at),
                "w:num" if is_child => {
                    first_number = first_number.or(Some(offset));
                    self.number(tokens, at);
                }
                "w:numIdMacAtCleanup" if is_child => end = end.or(Some(offset)),
                _ if at == tokens[root].partner => end = end.or(Some(offset)),
                _ => {}
            }
            offset += token.raw.len();
        }
        self.numbers_at = end.unwrap_or(offset);
        self.abstracts_at = first_number.unwrap_or(self.numbers_at);
    }

    fn abstract_number(&mut self, tokens: &[Token<'_>], at: usize) {
        let Some(id) = number(&tokens[at], "w:abstractNumId") else {
            return;
        };
        self.last_abstract = self.last_abstract.max(id);
        let formats = (at..tokens[at].partner).filter(|&at| tokens[at].name == "w:numFmt");
        let mut formats = formats.map(|at| xml::attribute(tokens[at].raw, "w:val"));
        let first = formats.next();
        let is_bullet = |format: Option<Cow<'_, str>>| format.as_deref() == Some("bullet");
        if first.is_some_and(is_bullet) && formats.all(is_bullet) {
            self.bullets.insert(id);
        }
        let mut starts: [String; LEVELS] = std::array::from_fn(|_| "1".to_owned());
        for level in at..tokens[at].partner {
            if tokens[level].name != "w:lvl" || tokens[level].kind != Kind::Open {
                continue;
            }
            let start = inside(tokens, level, "w:start");
            let start = start.and_then(|start| xml::attribute(tokens[start].raw, "w:val"));
            let level = number(&tokens[level], "w:ilvl").map(|level| level as usize);
            if let (Some(start), Some(slot)) =
                (start, level.and_then(|level| starts.get_mut(level)))
            {
                *slot = start.into_owned();
            }
        }
        self.starts.insert(id, starts);
    }

    fn number(&mut self, tokens: &[Token<'_>], at: usize) {
        let Some(id) = number(&tokens[at], "w:numId") else {
            return;
        };
        self.last_number = self.last_number.max(id);
        let of = inside(tokens, at, "w:abstractNumId");
        let Some(of) = of.and_then(|of| number(&tokens[of], "w:val")) else {
            return;
        };
        let mut list = List {
            of,
            ..List::default()
        };
        for own in at..tokens[at].partner {
            if tokens[own].name != "w:lvlOverride" || tokens[own].kind != Kind::Open {
                continue;
            }
            let level = number(&tokens[own], "w:ilvl").map_or(LEVELS, |level| level as usize);
            let (Some(start), Some(text)) =
                (list.starts.get_mut(level), list.levels.get_mut(level))
            else {
                continue;
            };
            *start = inside(tokens, own, "w:startOverride")
                .and_then(|at| xml::attribute(tokens[at].raw, "w:val"))
                .map(Cow::into_owned);
            if let Some(at) = inside(tokens, own, "w:lvl") {
                let range = at..=tokens[at].partner;
                *text = range.map(|at| tokens[at].raw).collect();
            }
        }
        self.lists.insert(id, list);
    }

    /// A new list of the same kind, whose levels begin anew; none when there is no such list, or none with numbers.
    pub(super) fn again(&mut self, id: u32) -> Option<u32> {
        let list = self.lists.get(&id)?;
        if self.bullets.contains(&list.of) {
            return None;
        }
        let list = list.clone();
        let starts = self.starts.get(&list.of);
        self.last_number += 1;
        let mut text = format!(
            "<w:num w:numId=\"{}\"><w:abstractNumId w:val=\"{}\"/>",
            self.last_number, list.of
        );
        for level in 0..LEVELS {
            let own = list.starts[level].as_deref();
            let start = own.or(starts.map(|starts| starts[level].as_str()));
            text.push_str(&format!(
                "<w:lvlOverride w:ilvl=\"{level}\"><w:startOverride w:val=\"{}\"/>{}</w:lvlOverride>",
                start.unwrap_or("1"),
                list.levels[level]
            ));
        }
        text.push_str("</w:num>");
        self.numbers.push_str(&text);
        Some(self.last_number)
    }

    /// A new kind of list, and a list of it.
    pub(super) fn define(&mut self, levels: &str, overrides: &str) -> u32 {
        self.last_abstract += 1;
        self.last_number += 1;
        let (kind, id) = (self.last_abstract, self.last_number);
        let new = [
            format!("<w:abstractNum w:abstractNumId=\"{kind}\">{levels}</w:abstractNum>"),
            format!(
                "<w:num w:numId=\"{id}\"><w:abstractNumId w:val=\"{kind}\"/>{overrides}</w:num>"
            ),
        ];
        // A list like it may be asked for.
        for (at, text) in new.iter().enumerate() {
            let tokens = xml::tokenize(text).unwrap_or_default();
            match (at, tokens.is_empty()) {
                (0, false) => self.abstract_number(&tokens, 0),
                (_, false) => self.number(&tokens, 0),
                _ => {}
            }
        }
        self.abstracts.push_str(&new[0]);
        self.numbers.push_str(&new[1]);
        id
    }

    /// The part with everything new in its place; none when there is nothing new.
    pub(super) fn changed(&self) -> Option<String> {
        (!self.numbers.is_empty()).then(|| self.text())
    }

    fn text(&self) -> String {
        let (before, rest) = self.template.split_at(self.abstracts_at);
        let (between, after) = rest.split_at(self.numbers_at - self.abstracts_at);
        [before, &self.abstracts, between, &self.numbers, after].concat()
    }
}

/// The root, when it can hold definitions.
fn root(tokens: &[Token<'_>]) -> Option<usize> {
    tokens
        .iter()
        .position(|token| token.name == "w:numbering" && token.kind == Kind::Open)
}

/// The first element of this name inside another.
fn inside(tokens: &[Token<'_>], element: usize, name: &str) -> Option<usize> {
    (element + 1..tokens[element].partner)
        .find(|&at| tokens[at].name == name && matches!(tokens[at].kind, Kind::Open | Kind::Empty))
}

fn number(token: &Token<'_>, name: &str) -> Option<u32> {
    xml::attribute(token.raw, name)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Definitions;

    const HEAD: &str = "<w:numbering><w:abstractNum w:abstractNumId=\"4\"><w:lvl w:ilvl=\"0\"><w:start w:val=\"3\"/></w:lvl></w:abstractNum>";
    const NUMBERS: &str = "<w:num w:numId=\"7\"><w:abstractNumId w:val=\"4\"/><w:lvlOverride w:ilvl=\"1\"><w:startOverride w:val=\"5\"/><w:lvl w:ilvl=\"1\"><w:start w:val=\"9\"/></w:lvl></w:lvlOverride></w:num>";
    const TAIL: &str = "<w:numIdMacAtCleanup w:val=\"9\"/></w:numbering>";

    #[test]
    fn a_list_begins_anew_where_it_began() {
        let text = [HEAD, NUMBERS, TAIL].concat();
        let mut definitions = Definitions::read(text.clone());
        assert_eq!(definitions.text(), text);
        assert_eq!(definitions.again(7), Some(8));
        assert_eq!(definitions.again(1), None);
        let bullets = text.replace("<w:start ", "<w:numFmt w:val=\"bullet\"/><w:start ");
        assert_eq!(Definitions::read(bullets).again(7), None);
        let rest: String = (2..9)
            .map(|level| {
                format!("<w:lvlOverride w:ilvl=\"{level}\"><w:startOverride w:val=\"1\"/></w:lvlOverride>")
            })
            .collect();
        let expected = format!(
            "<w:num w:numId=\"8\"><w:abstractNumId w:val=\"4\"/>\
             <w:lvlOverride w:ilvl=\"0\"><w:startOverride w:val=\"3\"/></w:lvlOverride>\
             <w:lvlOverride w:ilvl=\"1\"><w:startOverride w:val=\"5\"/><w:lvl w:ilvl=\"1\"><w:start w:val=\"9\"/></w:lvl></w:lvlOverride>{rest}</w:num>"
        );
        assert_eq!(
            definitions.text(),
            [HEAD, NUMBERS, &expected, TAIL].concat()
        );
    }

    #[test]
    fn new_kinds_of_lists_stand_before_all_numbers() {
        let kind = "<w:abstractNum w:abstractNumId=\"5\"><w:lvl/></w:abstractNum>";
        let number = "<w:num w:numId=\"8\"><w:abstractNumId w:val=\"5\"/></w:num>";
        let mut definitions = Definitions::read([HEAD, NUMBERS, TAIL].concat());
        assert_eq!(definitions.define("<w:lvl/>", ""), 8);
        assert_eq!(
            definitions.text(),
            [HEAD, kind, NUMBERS, number, TAIL].concat()
        );
        for missing in ["", "<w:numbering/>", "<broken"] {
            let mut definitions = Definitions::read(missing.to_owned());
            assert_eq!(definitions.define("<w:lvl/>", ""), 1);
            let text = definitions.text();
            assert!(
                text.contains("main\"><w:abstractNum w:abstractNumId=\"1\">"),
                "{text}"
            );
            assert!(text.ends_with("</w:num></w:numbering>"), "{text}");
        }
    }
}
