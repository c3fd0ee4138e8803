//! The entries that a render's additions make or change, as they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Session;
use super::original::append;
use super::relationships::entry_of;
use crate::escape::{self, Style};
use crate::package::CONTENT_TYPES;
use crate::xml::{self, Kind};

/// The type of every relationships part (ECMA-376 part 2, §8.5.2).
const RELATIONSHIPS: &str = "application/vnd.openxmlformats-package.relationships+xml";

/// New content of entries, in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    entries: Vec<(String, Arc<[u8]>)>,
    names: BTreeSet<String>,
}

impl Changes {
    pub(super) fn of(session: Session) -> Self {
        let original = &session.original;
        let mut changes = Self::default();
        let relations = session.relationships.keys().map(|part| entry_of(part));
        let relations: Vec<String> = relations.collect();
        let relations = relations.iter().map(|name| (name.as_str(), RELATIONSHIPS));
        let parts = session.parts.iter();
        let parts = parts.map(|part| (part.name.as_str(), part.content_type.as_str()));
        let types = original.text(CONTENT_TYPES).unwrap_or_default();
        let changed = content_types(&types, relations.chain(parts));
        if changed != types {
            changes.add(CONTENT_TYPES, changed);
        }
        for (part, relationships) in &session.relationships {
            let template = original.relationships(part);
            changes.add(
                &entry_of(part),
                relationships.text(part, template.as_deref()),
            );
        }
        for (entry, bytes) in session.replaced {
            changes.add(&entry, bytes);
        }
        for part in session.parts {
            changes.add(&part.name, part.bytes);
        }
        changes
    }

    fn add(&mut self, entry: &str, bytes: impl IntoBytes) {
        self.names.insert(entry.to_ascii_lowercase());
        self.entries.push((entry.to_owned(), bytes.into_bytes()));
    }

    /// The entries and their bytes.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries
            .iter()
            .map(|(entry, bytes)| (entry.as_str(), bytes.as_ref()))
    }

    /// The new content of an entry.
    pub(crate) fn get(&self, entry: &str) -> Option<Vec<u8>> {
        let found = self.entries.iter().find(|(name, _)| name == entry);
        found.map(|(_, bytes)| bytes.to_vec())
    }

    /// True when there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True for an entry of the template that is not to be copied.
    pub(crate) fn holds(&self, entry: &str) -> bool {
        !self.names.is_empty() && self.names.contains(&entry.to_ascii_lowercase())
    }
}

trait IntoBytes {
    fn into_bytes(self) -> Arc<[u8]>;
}

impl IntoBytes for String {
    fn into_bytes(self) -> Arc<[u8]> {
        String::into_bytes(self).into()
    }
}

impl IntoBytes for Arc<[u8]> {
    fn into_bytes(self) -> Arc<[u8]> {
        self
    }
}

/// The index of content types with those of new parts (ECMA-376 part 2, §7.2.3).
fn content_types<'p>(template: &str, parts: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let mut defaults = defaults(template);
    append(template, |prefix, out| {
        for (name, kind) in parts {
            let extension = name.rsplit('.').next().unwrap_or_default();
            // XML parts of one ending have many types.
            let known = defaults.get(extension).map(String::as_str);
            if known == Some(kind) {
                continue;
            }
            let shown = escape::made(kind, Style::Plain);
            if known.is_none() && extension != "xml" {
                out.push_str(&format!(
                    "<{prefix}Default Extension=\"{extension}\" ContentType=\"{shown}\"/>"
                ));
                defaults.insert(extension.to_owned(), kind.to_owned());
            } else {
                let name = escape::made(name, Style::Plain);
                out.push_str(&format!(
                    "<{prefix}Override PartName=\"/{name}\" ContentType=\"{shown}\"/>"
                ));
            }
        }
    })
}

/// The type of each ending, in lower case.
fn defaults(text: &str) -> BTreeMap<String, String> {
    let tokens = xml::tokenize(text).unwrap_or_default();
    let tags = tokens
        .iter()
        .filter(|token| matches!(token.kind, Kind::Open | Kind::Empty));
    tags.filter_map(|token| {
        let extension = xml::attribute(token.raw, "Extension")?.to_ascii_lowercase();
        let kind = xml::attribute(token.raw, "ContentType")?.into_owned();
        Some((extension, kind))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{RELATIONSHIPS, content_types};

    #[test]
    fn every_new_part_has_a_type() {
        let template = "<Types><Default Extension=\"PNG\" ContentType=\"image/png\"/>\
            <Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"gif\" ContentType=\"odd\"/></Types>";
        let parts = [
            ("word/_rels/document.xml.rels", RELATIONSHIPS),
            ("word/media/image1.png", "image/png"),
            ("word/media/image2.jpg", "image/jpeg"),
            ("word/media/image3.jpg", "image/jpeg"),
            ("word/media/image4.gif", "image/gif"),
            ("word/numbering.xml", "n+xml"),
        ];
        let expected = "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
            <Default Extension=\"jpg\" ContentType=\"image/jpeg\"/>\
            <Override PartName=\"/word/media/image4.gif\" ContentType=\"image/gif\"/>\
            <Override PartName=\"/word/numbering.xml\" ContentType=\"n+xml\"/></Types>";
        let got = content_types(template, parts.into_iter());
        assert_eq!(got, template.replace("</Types>", expected));
    }
}
