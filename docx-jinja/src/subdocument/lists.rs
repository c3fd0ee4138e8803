//! The lists of a document that is inserted.

use std::collections::HashMap;

use super::slots::{Origin, Slot, Slots};
use crate::xml::{self, Kind, Token};

/// What a new list is made of.
#[derive(Debug, Default, Clone)]
pub(super) struct List {
    /// `w:multiLevelType` and `w:lvl` elements.
    pub(super) levels: String,
    /// `w:lvlOverride` elements.
    pub(super) overrides: String,
}

impl List {
    /// True when one of its levels counts.
    pub(super) fn is_counted(&self) -> bool {
        let formats = self.levels.matches("<w:numFmt ").count();
        formats > self.levels.matches("<w:numFmt w:val=\"bullet\"").count()
    }
}

/// All lists by their numbers.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<u32, List>);

impl Lists {
    pub(super) fn read(text: &str) -> Self {
        let tokens = xml::tokenize(text).unwrap_or_default();
        let Some(root) = tokens.iter().position(|token| token.kind == Kind::Open) else {
            return Self::default();
        };
        let origin = Origin::of(&tokens[root]);
        let mut kinds: HashMap<u32, String> = HashMap::new();
        // A kind of list may be said by a style, and by a list that has that style.
        let mut by_style: HashMap<String, u32> = HashMap::new();
        let mut links: HashMap<u32, String> = HashMap::new();
        let mut lists = HashMap::new();
        for at in children(&tokens, root) {
            let id = |name| {
                xml::attribute(tokens[at].raw, name)?
                    .trim()
                    .parse::<u32>()
                    .ok()
            };
            match tokens[at].name {
                "w:abstractNum" => {
                    let Some(id) = id("w:abstractNumId") else {
                        continue;
                    };
                    kinds.insert(
                        id,
                        inside(&tokens, at, &["w:multiLevelType", "w:lvl"], &origin),
                    );
                    if let Some(style) = value(&tokens, at, "w:styleLink") {
                        by_style.insert(style, id);
                    }
                    if let Some(style) = value(&tokens, at, "w:numStyleLink") {
                        links.insert(id, style);
                    }
                }
                "w:num" => {
                    let kind = value(&tokens, at, "w:abstractNumId");
                    let kind = kind.and_then(|kind| kind.trim().parse::<u32>().ok());
                    if let (Some(id), Some(kind)) = (id("w:numId"), kind) {
                        lists.insert(id, (kind, inside(&tokens, at, &["w:lvlOverride"], &origin)));
                    }
                }
                _ => {}
            }
        }
        let list = |(id, (kind, overrides)): (u32, (u32, String))| {
            let linked = links.get(&kind).and_then(|style| by_style.get(style));
            let levels = kinds.get(linked.unwrap_or(&kind)).cloned();
            let levels = levels.unwrap_or_default();
            (id, List { levels, overrides })
        };
        Self(lists.into_iter().map(list).collect())
    }

    pub(super) fn get(&self, number: u32) -> Option<&List> {
        self.0.get(&number)
    }
}

fn children(tokens: &[Token<'_>], element: usize) -> Vec<usize> {
    let all = element + 1..tokens[element].partner;
    all.filter(|&at| {
        tokens[at].parent == element && matches!(tokens[at].kind, Kind::Open | Kind::Empty)
    })
    .collect()
}

fn value(tokens: &[Token<'_>], element: usize, name: &str) -> Option<String> {
    let found = children(tokens, element)
        .into_iter()
        .find(|&at| tokens[at].name == name)?;
    Some(xml::attribute(tokens[found].raw, "w:val")?.into_owned())
}

/// The children with these names, without the styles that a level is tied to.
fn inside(tokens: &[Token<'_>], element: usize, names: &[&str], origin: &Origin<'_>) -> String {
    let mut slots = Slots::default();
    for at in children(tokens, element) {
        if names.contains(&tokens[at].name) {
            slots.element(tokens, at, origin, &["w:pStyle", "w:rStyle"]);
        }
    }
    let texts = slots.0.into_iter().map(|slot| match slot {
        Slot::Text(text) => text,
        _ => String::new(),
    });
    texts.collect()
}
