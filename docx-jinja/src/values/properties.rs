//! Properties of runs and paragraphs: changed one by one, written in the order that the schema asks for.

use crate::xml::{self, Kind};

/// Children of `w:rPr` in their order (ECMA-376 part 1, §17.3.2).
const RUN_ORDER: &[&str] = &[
    "w:rStyle",
    "w:rFonts",
    "w:b",
    "w:bCs",
    "w:i",
    "w:iCs",
    "w:caps",
    "w:smallCaps",
    "w:strike",
    "w:dstrike",
    "w:outline",
    "w:shadow",
    "w:emboss",
    "w:imprint",
    "w:noProof",
    "w:snapToGrid",
    "w:vanish",
    "w:webHidden",
    "w:color",
    "w:spacing",
    "w:w",
    "w:kern",
    "w:position",
    "w:sz",
    "w:szCs",
    "w:highlight",
    "w:u",
    "w:effect",
    "w:bdr",
    "w:shd",
    "w:fitText",
    "w:vertAlign",
    "w:rtl",
    "w:cs",
    "w:em",
    "w:lang",
    "w:eastAsianLayout",
    "w:specVanish",
    "w:oMath",
];
/// Children of `w:pPr` in their order (ECMA-376 part 1, §17.3.1).
const PARAGRAPH_ORDER: &[&str] = &[
    "w:pStyle",
    "w:keepNext",
    "w:keepLines",
    "w:pageBreakBefore",
    "w:framePr",
    "w:widowControl",
    "w:numPr",
    "w:suppressLineNumbers",
    "w:pBdr",
    "w:shd",
    "w:tabs",
    "w:suppressAutoHyphens",
    "w:kinsoku",
    "w:wordWrap",
    "w:overflowPunct",
    "w:topLinePunct",
    "w:autoSpaceDE",
    "w:autoSpaceDN",
    "w:bidi",
    "w:adjustRightInd",
    "w:snapToGrid",
    "w:spacing",
    "w:ind",
    "w:contextualSpacing",
    "w:mirrorIndents",
    "w:suppressOverlap",
    "w:jc",
    "w:textDirection",
    "w:textAlignment",
    "w:textboxTightWrap",
    "w:outlineLvl",
    "w:divId",
    "w:cnfStyle",
    "w:rPr",
];

/// Whether a property of a paragraph has its place before another one.
pub(crate) fn stands_before(name: &str, mark: &str) -> bool {
    let earlier = PARAGRAPH_ORDER.iter().take_while(|known| **known != mark);
    earlier.into_iter().any(|known| *known == name)
}

/// Children of one properties element, each with its whole markup.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Properties {
    element: &'static str,
    order: &'static [&'static str],
    children: Vec<(String, String)>,
}

impl Properties {
    /// Reads `<element>…</element>`; anything else has no children. What only tells of tracked changes is dropped.
    fn read(element: &'static str, order: &'static [&'static str], raw: &str) -> Self {
        let tokens = xml::tokenize(raw).unwrap_or_default();
        let mut children = Vec::new();
        let mut at = 1;
        while at < tokens.len() && tokens[0].name == element {
            let token = tokens[at];
            if matches!(token.kind, Kind::Open | Kind::Empty) && !is_change(token.name) {
                let markup = tokens[at..=token.partner].iter().map(|token| token.raw);
                children.push((token.name.to_owned(), markup.collect()));
            }
            at = token.partner.max(at) + 1;
        }
        Self {
            element,
            order,
            children,
        }
    }

    /// Puts a child in its place, instead of one of the same name.
    fn set(&mut self, name: &str, markup: String) {
        self.children.retain(|(found, _)| found != name);
        self.children.push((name.to_owned(), markup));
    }

    fn write(&self) -> String {
        if self.children.is_empty() {
            return String::new();
        }
        let rank = |name: &str| {
            let found = self.order.iter().position(|known| *known == name);
            found.unwrap_or(self.order.len())
        };
        let mut sorted: Vec<&(String, String)> = self.children.iter().collect();
        sorted.sort_by_key(|(name, _)| rank(name));
        let inner: String = sorted.iter().map(|(_, markup)| markup.as_str()).collect();
        format!("<{0}>{inner}</{0}>", self.element)
    }
}

fn is_change(name: &str) -> bool {
    name.ends_with("PrChange") || matches!(name, "w:ins" | "w:del" | "w:moveFrom" | "w:moveTo")
}

/// Properties of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunProperties(Properties);

impl RunProperties {
    /// Reads `w:rPr`, or nothing.
    pub(crate) fn read(raw: &str) -> Self {
        Self(Properties::read("w:rPr", RUN_ORDER, raw))
    }

    /// Sets one property: `w:b`, with its markup.
    pub(crate) fn set(&mut self, name: &str, markup: impl Into<String>) {
        self.0.set(name, markup.into());
    }

    pub(crate) fn write(&self) -> String {
        self.0.write()
    }
}

/// Properties of a paragraph, without the end of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParagraphProperties(Properties);

impl ParagraphProperties {
    /// Reads `w:pPr`, or nothing.
    pub(crate) fn read(raw: &str) -> Self {
        let mut properties = Properties::read("w:pPr", PARAGRAPH_ORDER, raw);
        properties.children.retain(|(name, _)| name != "w:sectPr");
        Self(properties)
    }

    /// Sets one property: `w:jc`, with its markup.
    pub(crate) fn set(&mut self, name: &str, markup: impl Into<String>) {
        self.0.set(name, markup.into());
    }

    /// Takes one property away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.children.retain(|(found, _)| found != name);
    }

    pub(crate) fn write(&self) -> String {
        self.0.write()
    }
}

#[cfg(test)]
mod tests {
    use super::{ParagraphProperties, RunProperties};

    #[test]
    fn properties_are_changed_in_schema_order() {
        let mut run = RunProperties::read(
            "<w:rPr><w:b/><w:sz w:val=\"20\"/><w14:x/><w:rPrChange w:id=\"1\"><w:rPr><w:i/></w:rPr></w:rPrChange></w:rPr>",
        );
        run.set("w:color", "<w:color w:val=\"FF0000\"/>");
        run.set("w:b", "<w:b w:val=\"0\"/>");
        run.set("w:rStyle", "<w:rStyle w:val=\"S\"/>");
        let expected = "<w:rPr><w:rStyle w:val=\"S\"/><w:b w:val=\"0\"/><w:color w:val=\"FF0000\"/>\
            <w:sz w:val=\"20\"/><w14:x/></w:rPr>";
        assert_eq!(run.write(), expected);
        assert_eq!(RunProperties::read("").write(), "");
        assert_eq!(RunProperties::read("<w:rPr/>").write(), "");
    }

    #[test]
    fn the_end_of_a_section_is_no_property_of_other_paragraphs() {
        let raw = "<w:pPr><w:jc w:val=\"center\"/><w:rPr><w:ins w:id=\"2\"/><w:b/></w:rPr><w:sectPr><w:cols/></w:sectPr></w:pPr>";
        let expected =
            "<w:pPr><w:jc w:val=\"center\"/><w:rPr><w:ins w:id=\"2\"/><w:b/></w:rPr></w:pPr>";
        assert_eq!(ParagraphProperties::read(raw).write(), expected);
    }
}
