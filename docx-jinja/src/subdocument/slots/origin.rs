//! What a part declares that its markup needs elsewhere too.

use super::{Slot, Slots};
use crate::prepare::ListStyles;
use crate::values::stands_before;
use crate::xml::{self, Kind, Token};

/// The namespace of relationships.
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
/// The namespace of markup for compatibility.
const COMPATIBILITY: &str = "http://schemas.openxmlformats.org/markup-compatibility/2006";

/// What is known of the part that markup comes from.
pub(crate) struct Origin<'a> {
    declared: Vec<(&'a str, &'a str)>,
    ignorable: Vec<&'a str>,
    /// The prefix of relationships, with its colon.
    pub(super) related: Option<String>,
    /// What styles say about lists, where paragraphs are to have them anew.
    pub(super) lists: Option<&'a ListStyles>,
}

impl<'a> Origin<'a> {
    pub(crate) fn of(root: &Token<'a>) -> Self {
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
            lists: None,
        }
    }

    /// What a paragraph with these properties gets when its style gives it a list, and in front of which tokens.
    pub(super) fn list_of_style(
        &self,
        tokens: &[Token<'_>],
        properties: usize,
    ) -> Vec<(usize, Slot)> {
        let Some(lists) = self.lists else {
            return Vec::new();
        };
        let close = tokens[properties].partner;
        let inside = properties + 1..close;
        let children = inside.filter(|&at| {
            tokens[at].parent == properties && matches!(tokens[at].kind, Kind::Open | Kind::Empty)
        });
        let children: Vec<usize> = children.collect();
        let named = |name: &str| children.iter().find(|&&at| tokens[at].name == name);
        let style = named("w:pStyle").and_then(|&at| xml::attribute(tokens[at].raw, "w:val"));
        let style = style.filter(|id| lists.numbering(id).is_some() && !lists.is_heading(id));
        let (Some(style), None) = (style, named("w:numPr")) else {
            return Vec::new();
        };
        let in_front_of = |mark: &str| {
            let later = |at: &&usize| !stands_before(tokens[**at].name, mark);
            children.iter().find(later).copied().unwrap_or(close)
        };
        let list = in_front_of("w:numPr");
        let mut found = vec![(list, Slot::ListOfStyle(style.clone().into_owned()))];
        if named("w:ind").is_none() {
            let indent = in_front_of("w:ind");
            found.push((indent, Slot::IndentOfStyle(style.into_owned())));
        }
        found
    }

    /// A token with gaps for its relationships only.
    pub(crate) fn related_only(&self, token: &Token<'_>) -> Slots {
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
    pub(super) fn declarations(&self, tokens: &[Token<'_>]) -> String {
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
