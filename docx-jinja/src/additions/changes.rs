//! The entries that a render's additions make or change, as they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::original::append;
use super::relationships::entry_of;
use super::{AddedPart, Session};
use crate::escape::{self, Style};
use crate::package::CONTENT_TYPES;
use crate::xml::{self, Kind};

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
        if !session.parts.is_empty() {
            let types = original.text(CONTENT_TYPES).unwrap_or_default();
            changes.add(CONTENT_TYPES, content_types(&types, &session.parts));
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
fn content_types(template: &str, parts: &[AddedPart]) -> String {
    let mut defaults = defaults(template);
    append(template, |prefix, out| {
        for part in parts {
            let extension = part.name.rsplit('.').next().unwrap_or_default();
            // XML parts of one ending have many types.
            let known = defaults.get(extension).map(String::as_str);
            if known == Some(part.content_type.as_str()) {
                continue;
            }
            let kind = escape::made(&part.content_type, Style::Plain);
            if known.is_none() && extension != "xml" {
                out.push_str(&format!(
                    "<{prefix}Default Extension=\"{extension}\" ContentType=\"{kind}\"/>"
                ));
                defaults.insert(extension.to_owned(), part.content_type.clone());
            } else {
                let name = escape::made(&part.name, Style::Plain);
                out.push_str(&format!(
                    "<{prefix}Override PartName=\"/{name}\" ContentType=\"{kind}\"/>"
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
    use super::{AddedPart, content_types};

    #[test]
    fn every_new_part_has_a_type() {
        let part = |name: &str, kind: &str| AddedPart {
            name: name.to_owned(),
            content_type: kind.to_owned(),
            bytes: Vec::new().into(),
        };
        let template = "<Types><Default Extension=\"PNG\" ContentType=\"image/png\"/>\
            <Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"gif\" ContentType=\"odd\"/></Types>";
        let parts = [
            part("word/media/image1.png", "image/png"),
            part("word/media/image2.jpg", "image/jpeg"),
            part("word/media/image3.jpg", "image/jpeg"),
            part("word/media/image4.gif", "image/gif"),
            part("word/numbering.xml", "n+xml"),
        ];
        let expected = "<Default Extension=\"jpg\" ContentType=\"image/jpeg\"/>\
            <Override PartName=\"/word/media/image4.gif\" ContentType=\"image/gif\"/>\
            <Override PartName=\"/word/numbering.xml\" ContentType=\"n+xml\"/></Types>";
        let got = content_types(template, &parts);
        assert_eq!(got, template.replace("</Types>", expected));
    }
}
