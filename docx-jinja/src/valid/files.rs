//! The finished package: what its entries are called, what types they have, and what they are related to.

use std::collections::HashSet;

use super::Invalid;
use crate::package::CONTENT_TYPES;
use crate::xml::{self, Kind, Token};

/// A package, read when it is asked for.
pub(super) struct Files<'f> {
    read: &'f dyn Fn(&str) -> Option<Vec<u8>>,
    /// In lower case.
    names: HashSet<String>,
    types: Types,
}

/// Content types, all names in lower case.
#[derive(Debug, Default)]
struct Types {
    endings: HashSet<String>,
    parts: HashSet<String>,
}

impl<'f> Files<'f> {
    pub(super) fn new<'n>(
        read: &'f dyn Fn(&str) -> Option<Vec<u8>>,
        names: impl Iterator<Item = &'n str>,
    ) -> Self {
        let text = read(CONTENT_TYPES).and_then(|bytes| String::from_utf8(bytes).ok());
        Self {
            read,
            names: names.map(str::to_ascii_lowercase).collect(),
            types: types(&text.unwrap_or_default()),
        }
    }

    /// What is wrong with an entry as a whole, and was not in the template's.
    pub(super) fn entry(&self, entry: &str, template: Option<&str>) -> Option<Invalid> {
        let invalid = |what: String| {
            Some(Invalid {
                part: entry.to_owned(),
                what,
            })
        };
        let lower = entry.to_ascii_lowercase();
        if entry.ends_with('/') || lower == CONTENT_TYPES.to_ascii_lowercase() {
            return None;
        }
        let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
        let has_type = self.types.parts.contains(&lower) || self.types.endings.contains(ending);
        if !has_type && template.is_none() {
            return invalid("it has no content type".to_owned());
        }
        if !lower.ends_with(".rels") {
            return None;
        }
        let text = self.text(entry).unwrap_or_default();
        let Ok(tokens) = xml::tokenize(&text) else {
            return invalid("it is no XML".to_owned());
        };
        let folder = base(entry);
        let before = xml::tokenize(template.unwrap_or_default()).unwrap_or_default();
        let before: HashSet<&str> = elements(&before).map(|token| token.raw).collect();
        let mut ids = HashSet::new();
        for token in elements(&tokens) {
            let id = xml::attribute(token.raw, "Id");
            if let Some(id) = id.filter(|_| !before.contains(token.raw))
                && ids.contains(&*id)
            {
                return invalid(format!("two of its relationships have the id {id}"));
            }
            ids.extend(xml::attribute(token.raw, "Id"));
            let Some(target) = xml::attribute(token.raw, "Target") else {
                continue;
            };
            let is_outside = xml::attribute(token.raw, "TargetMode").as_deref() == Some("External");
            let target = target.split('#').next().unwrap_or_default();
            if is_outside || target.is_empty() || target == "NULL" || before.contains(token.raw) {
                continue;
            }
            if !self
                .names
                .contains(&resolved(&folder, target).to_ascii_lowercase())
            {
                return invalid(format!("it leads to {target}, which does not exist"));
            }
        }
        None
    }

    /// The ids of an entry's relationships.
    pub(super) fn relationships(&self, entry: &str) -> HashSet<String> {
        let (folder, file) = entry.rsplit_once('/').unwrap_or(("", entry));
        let slash = if folder.is_empty() { "" } else { "/" };
        let text = self.text(&format!("{folder}{slash}_rels/{file}.rels"));
        relationships(text.as_deref())
    }

    fn text(&self, entry: &str) -> Option<String> {
        String::from_utf8((self.read)(entry)?).ok()
    }
}

/// The ids in a relationships part.
pub(super) fn relationships(text: Option<&str>) -> HashSet<String> {
    let tokens = xml::tokenize(text.unwrap_or_default()).unwrap_or_default();
    elements(&tokens)
        .filter_map(|token| Some(xml::attribute(token.raw, "Id")?.into_owned()))
        .collect()
}

/// The types that an index gives.
fn types(text: &str) -> Types {
    let tokens = xml::tokenize(text).unwrap_or_default();
    let mut types = Types::default();
    for token in elements(&tokens) {
        if let Some(part) = xml::attribute(token.raw, "PartName") {
            let part = part.trim_start_matches('/').to_ascii_lowercase();
            types.parts.insert(part);
        } else if let Some(ending) = xml::attribute(token.raw, "Extension") {
            types.endings.insert(ending.to_ascii_lowercase());
        }
    }
    types
}

fn elements<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t Token<'a>> {
    tokens
        .iter()
        .filter(|token| matches!(token.kind, Kind::Open | Kind::Empty))
}

/// The folder that the targets of a relationships part are read from: `word/_rels/document.xml.rels` is about `word`.
fn base(entry: &str) -> String {
    let folder = entry.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = folder.strip_suffix("_rels").unwrap_or(folder);
    folder.trim_end_matches('/').to_owned()
}

/// A target as an entry's name.
fn resolved(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut segments: Vec<&str> = folder
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    for segment in target.split('/') {
        match segment {
            ".." => {
                segments.pop();
            }
            "." => {}
            name => segments.push(name),
        }
    }
    segments.join("/")
}
