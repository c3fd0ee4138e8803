//! Changes of a part, collected and then made in one go.

use std::collections::HashMap;
use std::ops::Range;

use crate::markup::{Kind, Token, attribute, encode};

/// What is to change.
#[derive(Debug, Default)]
pub(super) struct Edits {
    /// Of text tokens: which bytes, and what stands there instead.
    texts: HashMap<usize, Vec<(Range<usize>, String)>>,
    before: HashMap<usize, Vec<String>>,
    after: HashMap<usize, Vec<String>>,
}

impl Edits {
    /// Writes `text` where the stretch begins, and takes the rest of it away.
    pub(super) fn replace(&mut self, covers: &[(usize, Range<usize>)], text: String) {
        let mut text = Some(encode(&text).replace("&quot;", "\""));
        for (token, range) in covers {
            let edits = self.texts.entry(*token).or_default();
            edits.push((range.clone(), text.take().unwrap_or_default()));
        }
    }

    /// Keeps braces of the text from being read as a tag.
    pub(super) fn literal(&mut self, (token, start, length): (usize, usize, usize)) {
        let edits = self.texts.entry(token).or_default();
        edits.push((start..start, "{% raw %}".to_owned()));
        edits.push((start + length..start + length, "{% endraw %}".to_owned()));
    }

    /// Raw XML before an element's open token.
    pub(super) fn before(&mut self, token: usize, xml: String) {
        self.before.entry(token).or_default().push(xml);
    }

    /// Raw XML behind an element's close token.
    pub(super) fn after(&mut self, token: usize, xml: String) {
        self.after.entry(token).or_default().push(xml);
    }

    /// The part with all changes made.
    pub(super) fn apply(mut self, tokens: &[Token<'_>]) -> String {
        let mut xml = String::new();
        for (at, token) in tokens.iter().enumerate() {
            for made in self.before.remove(&at).into_iter().flatten() {
                xml.push_str(&made);
            }
            match self.texts.remove(&at) {
                Some(edits) => push_edited(&mut xml, token.raw, edits),
                None if self.texts.contains_key(&(at + 1)) && needs_space(token) => {
                    xml.push_str(token.raw.trim_end_matches('>'));
                    xml.push_str(" xml:space=\"preserve\">");
                }
                None => xml.push_str(token.raw),
            }
            for made in self.after.remove(&at).into_iter().flatten() {
                xml.push_str(&made);
            }
        }
        xml
    }
}

fn needs_space(token: &Token<'_>) -> bool {
    token.kind == Kind::Open && token.name == "w:t" && attribute(token.raw, "xml:space").is_none()
}

fn push_edited(xml: &mut String, raw: &str, mut edits: Vec<(Range<usize>, String)>) {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut at = 0;
    for (range, text) in edits {
        xml.push_str(&raw[at..range.start]);
        xml.push_str(&text);
        at = range.end;
    }
    xml.push_str(&raw[at..]);
}
