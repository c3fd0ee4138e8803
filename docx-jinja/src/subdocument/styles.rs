//! The styles of a document that is inserted.

use std::collections::HashMap;

use super::slots::{Origin, Slots};
use crate::xml::{self, Kind};

/// A style that may come along.
#[derive(Debug)]
pub(super) struct Definition {
    /// `paragraph`, `character`, `table` or `numbering`.
    pub(super) kind: String,
    /// In lower case, as styles are compared.
    pub(super) name: String,
    /// True for a style that Word does not bring along itself.
    pub(super) custom: bool,
    /// All that is inside `w:style`.
    pub(super) inside: Slots,
}

/// The styles by their ids.
pub(super) fn read(text: &str) -> HashMap<String, Definition> {
    let tokens = xml::tokenize(text).unwrap_or_default();
    let mut styles = HashMap::new();
    let Some(root) = tokens.iter().find(|token| token.kind == Kind::Open) else {
        return styles;
    };
    let origin = Origin::of(root);
    for (at, token) in tokens.iter().enumerate() {
        if token.name != "w:style" || token.kind != Kind::Open {
            continue;
        }
        let value = |raw, name| xml::attribute(raw, name).map(std::borrow::Cow::into_owned);
        let mut name = None;
        let mut inside = Slots::default();
        let mut child = at + 1;
        while child < token.partner {
            if matches!(tokens[child].kind, Kind::Open | Kind::Empty) {
                if tokens[child].name == "w:name" {
                    name = value(tokens[child].raw, "w:val");
                }
                inside.element(&tokens, child, &origin, &["w:rsid"]);
            }
            child = tokens[child].partner + 1;
        }
        let (Some(id), Some(name)) = (value(token.raw, "w:styleId"), name) else {
            continue;
        };
        let kind = value(token.raw, "w:type").unwrap_or_else(|| "paragraph".to_owned());
        let name = name.to_lowercase();
        let custom = value(token.raw, "w:customStyle").is_some_and(|custom| custom != "0");
        let definition = Definition {
            kind,
            name,
            custom,
            inside,
        };
        styles.insert(id, definition);
    }
    styles
}
