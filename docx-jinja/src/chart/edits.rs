//! Changes to a piece of XML by its tokens; all else stays byte for byte.

use std::collections::BTreeMap;

use crate::xml::{self, Kind, Token};

/// XML and what is to be changed in it.
pub(super) struct Edits<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    replaced: BTreeMap<usize, String>,
    before: BTreeMap<usize, String>,
}

impl<'a> Edits<'a> {
    /// # Errors
    /// What is wrong with the XML.
    pub(super) fn new(source: &'a str) -> Result<Self, String> {
        Ok(Self {
            tokens: xml::tokenize(source)?,
            replaced: BTreeMap::new(),
            before: BTreeMap::new(),
        })
    }

    /// The first element; none in XML without elements.
    pub(super) fn root(&self) -> Option<usize> {
        self.tokens
            .iter()
            .position(|token| matches!(token.kind, Kind::Open | Kind::Empty))
    }

    /// The elements directly inside an element.
    pub(super) fn children(&self, element: usize) -> impl Iterator<Item = usize> + '_ {
        (element + 1..self.tokens[element].partner.max(element + 1)).filter(move |&at| {
            let token = self.tokens[at];
            token.parent == element && matches!(token.kind, Kind::Open | Kind::Empty)
        })
    }

    /// The elements below an element with this local name, in reading order.
    pub(super) fn below(&self, element: usize, name: &str) -> Vec<usize> {
        (element + 1..self.tokens[element].partner.max(element + 1))
            .filter(|&at| {
                let token = self.tokens[at];
                matches!(token.kind, Kind::Open | Kind::Empty) && local(token.name) == name
            })
            .collect()
    }

    /// The child with this local name.
    pub(super) fn child(&self, element: usize, name: &str) -> Option<usize> {
        self.children(element)
            .find(|&at| local(self.tokens[at].name) == name)
    }

    /// The `val` attribute of an element.
    pub(super) fn val(&self, element: usize) -> Option<String> {
        xml::attribute(self.tokens[element].raw, "val").map(std::borrow::Cow::into_owned)
    }

    /// The text inside an element, decoded.
    pub(super) fn text(&self, element: usize) -> String {
        let inside = element + 1..self.tokens[element].partner.max(element + 1);
        let texts = self.tokens[inside].iter().filter(|t| t.kind == Kind::Text);
        texts.map(|token| xml::decode(token.raw)).collect()
    }

    /// A whole element as it stands.
    pub(super) fn raw(&self, element: usize) -> String {
        let tokens = &self.tokens[element..=self.tokens[element].partner];
        tokens.iter().map(|token| token.raw).collect()
    }

    /// Puts text in the place of a whole element.
    pub(super) fn replace(&mut self, element: usize, text: impl Into<String>) {
        self.replaced.insert(element, text.into());
    }

    /// Puts text in front of a token.
    pub(super) fn before(&mut self, token: usize, text: &str) {
        self.before.entry(token).or_default().push_str(text);
    }

    /// Puts text behind a whole element.
    pub(super) fn behind(&mut self, element: usize, text: &str) {
        self.before(self.tokens[element].partner + 1, text);
    }

    /// Puts text in front of an element's first child.
    pub(super) fn prepend(&mut self, element: usize, text: &str) {
        let first = self.children(element).next();
        match first {
            Some(first) => self.before(first, text),
            None => self.append(element, text),
        }
    }

    /// Puts text at the end of an element; one without content is opened for it.
    pub(super) fn append(&mut self, element: usize, text: &str) {
        let token = self.tokens[element];
        if token.kind == Kind::Empty {
            let open = token.raw.trim_end_matches('>').trim_end_matches('/');
            self.replace(element, format!("{open}>{text}</{}>", token.name));
        } else {
            self.before(token.partner, text);
        }
    }

    /// The XML with all changes.
    pub(super) fn write(&self) -> String {
        let mut out = String::with_capacity(self.tokens.iter().map(|t| t.raw.len()).sum());
        let mut at = 0;
        while at <= self.tokens.len() {
            if let Some(text) = self.before.get(&at) {
                out.push_str(text);
            }
            let Some(token) = self.tokens.get(at) else {
                break;
            };
            match self.replaced.get(&at) {
                Some(text) => {
                    out.push_str(text);
                    at = token.partner;
                }
                None => out.push_str(token.raw),
            }
            at += 1;
        }
        out
    }
}

/// A qualified name without its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The prefix of a qualified name, with its colon.
pub(super) fn prefix(name: &str) -> &str {
    name.find(':').map_or("", |colon| &name[..=colon])
}

#[cfg(test)]
mod tests {
    use super::Edits;

    const SOURCE: &str = "<?xml version=\"1.0\"?><a><b val=\"1\"/> <c>x<d/>&amp;</c></a>";

    #[test]
    fn what_is_not_touched_stays() {
        let mut edits = Edits::new(SOURCE).unwrap();
        assert_eq!(edits.write(), SOURCE);
        let root = edits.root().unwrap();
        let (b, c) = (
            edits.child(root, "b").unwrap(),
            edits.child(root, "c").unwrap(),
        );
        assert_eq!(edits.val(b).as_deref(), Some("1"));
        assert_eq!(edits.text(c), "x&");
        assert_eq!(edits.raw(c), "<c>x<d/>&amp;</c>");
        edits.append(b, "<n/>");
        edits.append(c, "<n/>");
        edits.behind(c, "<z/>");
        edits.replace(edits.below(root, "d")[0], "!");
        assert_eq!(
            edits.write(),
            "<?xml version=\"1.0\"?><a><b val=\"1\"><n/></b> <c>x!&amp;<n/></c><z/></a>"
        );
    }

    #[test]
    fn torn_xml_is_refused() {
        Edits::new("<a><b></a>").map(|_| ()).unwrap_err();
    }
}
