//! The part that holds a document's comments.

use std::collections::BTreeSet;

use super::with_inserted;
use crate::error::{TagError, TemplateError};
use crate::escape::{self, Style};
use crate::package::damaged;
use crate::prepare::MARK_INITIALS;
use crate::xml::{self, Kind, Token};

/// A part without comments.
pub(super) const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
     <w:comments xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"></w:comments>";

/// Comments that are there, and new ones.
pub(super) struct Comments {
    kept: String,
    added: String,
    next: u64,
    /// The ids of comments that an earlier marking left.
    pub(super) removed: BTreeSet<String>,
}

impl Comments {
    /// Reads the part, and leaves out what an earlier marking left.
    pub(super) fn read(entry: &str, text: &str) -> Result<Self, TemplateError> {
        let tokens = xml::tokenize(text).map_err(|what| damaged(entry, what))?;
        let mut comments = Self {
            kept: String::with_capacity(text.len()),
            added: String::new(),
            next: 0,
            removed: BTreeSet::new(),
        };
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            let is_comment = token.name == "w:comment" && token.kind != Kind::Close;
            let id = xml::attribute(token.raw, "w:id").filter(|_| is_comment);
            if let Some(id) = id {
                comments.next = comments.next.max(id.parse::<u64>().map_or(0, |id| id + 1));
                if is_marking(token) {
                    comments.removed.insert(id.into_owned());
                    index = token.partner + 1;
                    continue;
                }
            }
            comments.kept.push_str(token.raw);
            index += 1;
        }
        if with_inserted(&comments.kept, "comments", "").is_none() {
            return Err(damaged(entry, "it has no <w:comments>".to_owned()));
        }
        Ok(comments)
    }

    /// Adds a fault, which stands in the commented paragraph or elsewhere; gives the comment's id.
    pub(super) fn add(&mut self, fault: &TagError, is_here: bool, author: &str) -> u64 {
        let id = self.next;
        self.next += 1;
        let mut said = format!("{}: {}", fault.tag, fault.message);
        if !is_here {
            let at = fault
                .paragraph
                .map_or(String::new(), |n| format!(", paragraph {n}"));
            said = format!("{}{at}: {said}", fault.part);
        }
        self.added.push_str(&format!(
            "<w:comment w:id=\"{id}\" w:author=\"{}\" w:initials=\"{MARK_INITIALS}\">",
            escaped(author, Style::Plain)
        ));
        for line in std::iter::once(&said).chain(&fault.hint) {
            self.added.push_str(&format!(
                "<w:p><w:r><w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>",
                escaped(line, Style::Run)
            ));
        }
        self.added.push_str("</w:comment>");
        id
    }

    /// The part's text.
    pub(super) fn finish(self) -> String {
        with_inserted(&self.kept, "comments", &self.added).unwrap_or(self.kept)
    }
}

/// True for a comment of a marking.
pub(crate) fn is_marking(comment: &Token<'_>) -> bool {
    xml::attribute(comment.raw, "w:initials").as_deref() == Some(MARK_INITIALS)
}

/// True for an element that belongs to one of these comments.
pub(super) fn is_ours(token: &Token<'_>, ids: &BTreeSet<String>) -> bool {
    xml::attribute(token.raw, "w:id").is_some_and(|id| ids.contains(id.as_ref()))
}

fn escaped(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    // Writing into a string does not fail.
    let _ = escape::write(&mut out, text, style);
    out
}
