//! Paragraph styles that number their paragraphs, and those that make headings.

use std::collections::HashMap;

use crate::xml::{self, Kind};

/// Longest chain of styles that build on each other.
const CHAIN_MAX: usize = 16;

/// What styles say about lists.
#[derive(Debug, Default)]
pub(crate) struct ListStyles(HashMap<String, Style>);

#[derive(Debug, Default)]
struct Style {
    based_on: Option<String>,
    number: Option<u32>,
    level: Option<u32>,
    /// `w:ind` as it stands there.
    indent: Option<String>,
    heading: bool,
}

impl ListStyles {
    /// Reads `styles.xml`.
    pub(crate) fn read(text: &str) -> Self {
        let tokens = xml::tokenize(text).unwrap_or_default();
        let mut styles = HashMap::new();
        for (at, token) in tokens.iter().enumerate() {
            if token.name != "w:style" || token.kind != Kind::Open {
                continue;
            }
            let Some(id) = xml::attribute(token.raw, "w:styleId") else {
                continue;
            };
            let mut style = Style::default();
            for inner in &tokens[at..token.partner] {
                let value = xml::attribute(inner.raw, "w:val");
                let parsed = || value.as_deref()?.trim().parse().ok();
                match inner.name {
                    "w:basedOn" => style.based_on = value.map(std::borrow::Cow::into_owned),
                    "w:numId" => style.number = parsed(),
                    "w:ilvl" => style.level = parsed(),
                    "w:ind" if inner.kind == Kind::Empty => {
                        style.indent = Some(inner.raw.to_owned());
                    }
                    // Level 9 is body text.
                    "w:outlineLvl" => style.heading = parsed().is_some_and(|level| level < 9),
                    _ => {}
                }
            }
            styles.insert(id.into_owned(), style);
        }
        Self(styles)
    }

    /// The style and those that it builds on.
    fn chain<'s>(&'s self, id: &str) -> impl Iterator<Item = &'s Style> {
        let next = |style: &&'s Style| self.0.get(style.based_on.as_deref()?);
        std::iter::successors(self.0.get(id), next).take(CHAIN_MAX)
    }

    /// The list and level that a style gives.
    pub(crate) fn numbering(&self, id: &str) -> Option<(u32, u32)> {
        let number = self.chain(id).find_map(|style| style.number)?;
        let level = self.chain(id).find_map(|style| style.level);
        (number > 0).then_some((number, level.unwrap_or(0)))
    }

    /// The indent that a style sets beside its list. A paragraph that is given another list would lose it.
    pub(crate) fn indent(&self, id: &str) -> Option<&str> {
        for style in self.chain(id) {
            if style.indent.is_some() || style.number.is_some() {
                return style.indent.as_deref();
            }
        }
        None
    }

    /// True for a style of headings.
    pub(crate) fn is_heading(&self, id: &str) -> bool {
        self.chain(id).any(|style| style.heading)
    }
}

#[cfg(test)]
mod tests {
    use super::ListStyles;

    #[test]
    fn styles_pass_their_numbering_on() {
        let styles = ListStyles::read(
            "<w:styles><w:style w:styleId=\"A\"><w:pPr><w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"4\"/></w:numPr></w:pPr></w:style>\
             <w:style w:styleId=\"B\"><w:basedOn w:val=\"A\"/></w:style><w:style w:styleId=\"C\"><w:basedOn w:val=\"C\"/></w:style>\
             <w:style w:styleId=\"D\"><w:basedOn w:val=\"A\"/><w:pPr><w:numPr><w:numId w:val=\"0\"/></w:numPr></w:pPr></w:style>\
             <w:style w:styleId=\"E\"><w:basedOn w:val=\"A\"/><w:pPr><w:outlineLvl w:val=\"0\"/></w:pPr></w:style></w:styles>",
        );
        assert_eq!(styles.numbering("A"), Some((4, 1)));
        assert_eq!(styles.numbering("B"), Some((4, 1)));
        assert_eq!(styles.numbering("C"), None);
        assert_eq!(styles.numbering("D"), None);
        assert_eq!(styles.numbering("none"), None);
        let indented = ListStyles::read(
            "<w:styles><w:style w:styleId=\"A\"><w:pPr><w:numPr><w:numId w:val=\"4\"/></w:numPr><w:ind w:left=\"9\"/></w:pPr></w:style>\
             <w:style w:styleId=\"B\"><w:basedOn w:val=\"A\"/></w:style>\
             <w:style w:styleId=\"C\"><w:basedOn w:val=\"A\"/><w:pPr><w:numPr><w:numId w:val=\"5\"/></w:numPr></w:pPr></w:style></w:styles>",
        );
        assert_eq!(indented.indent("A"), Some("<w:ind w:left=\"9\"/>"));
        assert_eq!(indented.indent("B"), Some("<w:ind w:left=\"9\"/>"));
        assert_eq!(indented.indent("C"), None);
        assert!(styles.is_heading("E") && !styles.is_heading("B"));
    }
}
