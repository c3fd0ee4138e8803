//! Pictures, charts and what they need: parts that come along with a document that is inserted.

use std::collections::HashMap;

use crate::additions::{Original, target_of};
use crate::package::CONTENT_TYPES;
use crate::xml::{self, Kind};

/// What may come along, by the last word of the relationship's type.
const TAKEN_ALONG: &[&str] = &[
    "chart",
    "chartColorStyle",
    "chartStyle",
    "chartUserShapes",
    "diagramColors",
    "diagramData",
    "diagramDrawing",
    "diagramLayout",
    "diagramQuickStyle",
    "hdphoto",
    "hyperlink",
    "image",
    "package",
    "themeOverride",
];

/// Where a relationship leads.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// The whole type.
    pub(super) kind: String,
    /// An entry, or an address outside.
    pub(super) target: String,
    pub(super) external: bool,
}

impl Relation {
    /// The last word of its type.
    pub(super) fn word(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }
}

pub(super) fn is_taken_along(word: &str) -> bool {
    TAKEN_ALONG.contains(&word)
}

/// The relationships of an entry, by their ids.
pub(super) fn relations(original: &Original, entry: &str) -> HashMap<String, Relation> {
    let text = original.relationships(entry).unwrap_or_default();
    let tokens = xml::tokenize(&text).unwrap_or_default();
    let tags = tokens
        .iter()
        .filter(|token| matches!(token.kind, Kind::Open | Kind::Empty));
    tags.filter_map(|token| {
        let value = |name| xml::attribute(token.raw, name).map(std::borrow::Cow::into_owned);
        let external =
            value("TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("external"));
        let target = value("Target")?;
        let relation = Relation {
            kind: value("Type")?,
            target: if external {
                target
            } else {
                target_of(entry, &target)
            },
            external,
        };
        Some((value("Id")?, relation))
    })
    .collect()
}

/// The declared type of an entry.
pub(super) fn content_type(original: &Original, entry: &str) -> Option<String> {
    let text = original.text(CONTENT_TYPES)?;
    let tokens = xml::tokenize(&text).ok()?;
    let extension = entry.rsplit('.').next().unwrap_or_default();
    let mut usual = None;
    for token in &tokens {
        let value = |name| xml::attribute(token.raw, name);
        let is = |name, wanted: &str| value(name).is_some_and(|v| v.eq_ignore_ascii_case(wanted));
        if is("PartName", &format!("/{entry}")) {
            return Some(value("ContentType")?.into_owned());
        }
        if is("Extension", extension) {
            usual = value("ContentType").map(std::borrow::Cow::into_owned);
        }
    }
    usual
}

/// A name for the copy, without the number that it has here.
pub(super) fn hint(entry: &str) -> String {
    let (stem, extension) = entry.rsplit_once('.').unwrap_or((entry, "bin"));
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    format!("{stem}.{extension}")
}
