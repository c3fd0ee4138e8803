//! Relationships that a part gets beside those it has in the template.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use minijinja::Error;

use super::original::append;
use crate::budget::refused;
use crate::escape::{self, Style};
use crate::limits::RELATIONSHIPS_MAX;
use crate::xml::{self, Kind};

/// Where the types of relationships begin (ECMA-376 part 1, §7 and on).
const TYPES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
/// The content type of relationships parts.
pub(crate) const RELATIONSHIPS_TYPE: &str =
    "application/vnd.openxmlformats-package.relationships+xml";
/// A relationships part without content.
const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
    <Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"></Relationships>";
/// What every id here begins with, as Word has it.
const PREFIX: &str = "rId";
/// Highest number of an id that new ones count on from; no document of Word's comes near.
const NUMBER_MAX: u32 = 1_000_000_000;

/// New relationships of one part.
#[derive(Debug)]
pub(super) struct Relationships {
    /// The highest number of an id in use.
    last: u32,
    /// All ids of the template, in small letters.
    taken: HashSet<String>,
    known: HashMap<(String, String), String>,
    added: Vec<Added>,
}

#[derive(Debug)]
struct Added {
    id: String,
    kind: String,
    target: String,
    external: bool,
}

impl Relationships {
    /// Of a part that has these in the template.
    pub(super) fn beside(template: Option<&str>) -> Self {
        let tokens = template.and_then(|text| xml::tokenize(text).ok());
        let ids = tokens.iter().flatten().filter_map(|token| {
            let is_element = matches!(token.kind, Kind::Open | Kind::Empty);
            is_element.then(|| xml::attribute(token.raw, "Id"))?
        });
        let ids: Vec<String> = ids.map(Cow::into_owned).collect();
        let numbers = ids.iter().filter_map(|id| id.strip_prefix(PREFIX));
        let numbers = numbers.filter_map(|number| number.parse().ok());
        Self {
            last: numbers
                .filter(|&number| number <= NUMBER_MAX)
                .max()
                .unwrap_or(0),
            taken: ids.iter().map(|id| id.to_ascii_lowercase()).collect(),
            known: HashMap::new(),
            added: Vec::new(),
        }
    }

    /// The id of a relationship, and the bytes that a new one costs.
    pub(super) fn add(
        &mut self,
        kind: &str,
        target: &str,
        external: bool,
    ) -> Result<(String, usize), Error> {
        let key = (kind.to_owned(), target.to_owned());
        if let Some(id) = self.known.get(&key) {
            return Ok((id.clone(), 0));
        }
        if self.added.len() >= RELATIONSHIPS_MAX {
            return Err(refused(format!(
                "the document would get more than {RELATIONSHIPS_MAX} links and pictures"
            )));
        }
        let id = self.next();
        self.known.insert(key, id.clone());
        self.added.push(Added {
            id: id.clone(),
            kind: kind.to_owned(),
            target: target.to_owned(),
            external,
        });
        Ok((id, kind.len() + target.len() + 64))
    }

    /// An id that no other relationship has.
    fn next(&mut self) -> String {
        loop {
            // Far from its end: each round passes an id of the template or gives one of a bounded number of new ones.
            self.last += 1;
            let id = format!("{PREFIX}{}", self.last);
            if !self.taken.contains(&id.to_ascii_lowercase()) {
                return id;
            }
        }
    }

    /// The whole relationships part of the entry `from`.
    pub(super) fn text(&self, from: &str, template: Option<&str>) -> String {
        append(template.unwrap_or(EMPTY), |prefix, out| {
            for added in &self.added {
                let target = if added.external {
                    added.target.clone()
                } else {
                    relative(from, &added.target)
                };
                let kind = if added.kind.contains("://") {
                    added.kind.clone()
                } else {
                    format!("{TYPES}{}", added.kind)
                };
                let mode = if added.external {
                    " TargetMode=\"External\""
                } else {
                    ""
                };
                out.push_str(&format!(
                    "<{prefix}Relationship Id=\"{}\" Type=\"{kind}\" Target=\"{}\"{mode}/>",
                    added.id,
                    escape::made(&target, Style::Plain),
                ));
            }
        })
    }
}

/// The entry that holds the relationships of another one.
pub(crate) fn entry_of(part: &str) -> String {
    match part.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/_rels/{file}.rels"),
        None => format!("_rels/{part}.rels"),
    }
}

/// The entry that the relationships of `from` lead to by this word of the type's end.
pub(super) fn target(from: &str, relationships: &str, kind: &str) -> Option<String> {
    let tokens = xml::tokenize(relationships).ok()?;
    let token = tokens.iter().find(|token| {
        let found = xml::attribute(token.raw, "Type");
        let is_element = matches!(token.kind, Kind::Open | Kind::Empty);
        is_element && found.is_some_and(|found| found.rsplit('/').next() == Some(kind))
    })?;
    Some(target_of(from, &xml::attribute(token.raw, "Target")?))
}

/// The entry that a target of the relationships of `from` means.
pub(crate) fn target_of(from: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            _ => path.push(name),
        }
    }
    path.join("/")
}

/// A part's name as the relationships of `from` write it.
fn relative(from: &str, part: &str) -> String {
    let folder = from.rfind('/').map_or("", |at| &from[..=at]);
    match part.strip_prefix(folder) {
        Some(rest) => rest.to_owned(),
        None => format!("/{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{EMPTY, Relationships, entry_of, relative};

    #[test]
    fn ids_begin_behind_those_of_the_template() {
        let template = EMPTY.replace(
            "></Rel",
            "><Relationship Id=\"rId7\"/><Relationship Id=\"x9\"/></Rel",
        );
        let mut relationships = Relationships::beside(Some(&template));
        let mut add = |target, external| relationships.add("image", target, external).unwrap().0;
        assert_eq!(add("word/media/a&b.png", false), "rId8");
        assert_eq!(add("https://x/?a=1&b=\"2\"", true), "rId9");
        assert_eq!(add("word/media/a&b.png", false), "rId8");
        let text = relationships.text("word/document.xml", Some(&template));
        assert!(text.contains("Target=\"media/a&amp;b.png\"/>"), "{text}");
        assert!(
            text.ends_with("Target=\"https://x/?a=1&amp;b=&quot;2&quot;\" TargetMode=\"External\"/></Relationships>"),
            "{text}"
        );
        assert!(text.starts_with(template.trim_end_matches("</Relationships>")));
    }

    #[test]
    fn ids_never_repeat() {
        let check = |ids: &[&str], expected: [&str; 3]| {
            let inner: String = ids
                .iter()
                .map(|id| format!("<Relationship Id=\"{id}\"/>"))
                .collect();
            let template = EMPTY.replace("></Rel", &format!(">{inner}</Rel"));
            let mut relationships = Relationships::beside(Some(&template));
            for (target, expected) in ["a", "b", "c"].iter().zip(expected) {
                assert_eq!(
                    relationships.add("image", target, false).unwrap().0,
                    expected
                );
            }
        };
        check(&["rId4294967295"], ["rId1", "rId2", "rId3"]);
        check(&["rId4294967295", "rId9"], ["rId10", "rId11", "rId12"]);
        check(
            &["rId1000000000", "rId1000000001", "rid1000000003"],
            ["rId1000000002", "rId1000000004", "rId1000000005"],
        );
        check(&["RID1", "rId99999999999"], ["rId2", "rId3", "rId4"]);
    }

    #[test]
    fn targets_are_followed() {
        let check = |target: &str, expected: &str| {
            let text = EMPTY.replace(
                "></R",
                &format!("><Relationship Type=\"http://x/styles\" Target=\"{target}\"/></R"),
            );
            let found = super::target("word/document.xml", &text, "styles");
            assert_eq!(found.as_deref(), Some(expected));
            assert_eq!(super::target("word/document.xml", &text, "numbering"), None);
        };
        check("styles.xml", "word/styles.xml");
        check("/word/styles2.xml", "word/styles2.xml");
        check("../word/./styles3.xml", "word/styles3.xml");
    }

    #[test]
    fn targets_are_seen_from_the_part() {
        assert_eq!(
            relative("word/document.xml", "word/media/i.png"),
            "media/i.png"
        );
        assert_eq!(
            relative("word/charts/c.xml", "word/media/i.png"),
            "/word/media/i.png"
        );
        assert_eq!(relative("document.xml", "media/i.png"), "media/i.png");
        assert_eq!(entry_of("word/header1.xml"), "word/_rels/header1.xml.rels");
        assert_eq!(entry_of("document.xml"), "_rels/document.xml.rels");
    }
}
