//! What documents that are inserted bring along, once per render. Kept per thread, as additions are.

mod lists;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use minijinja::Error;

use super::Source;
use super::lists::Lists;
use super::parts::{self, Relation};
use super::slots::{Origin, Slot, Slots};
use crate::additions;
use crate::budget::{self, refused};
use crate::escape::{self, Style};
use crate::prepare::ListStyles;
use crate::xml::{self, Kind};

/// The type of a styles part.
const STYLES_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml";
/// A part without styles.
const EMPTY_STYLES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
    <w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"></w:styles>";
/// Deepest chain of parts that need parts.
const DEPTH_MAX: usize = 8;

thread_local! {
    static IMPORTS: RefCell<Imports> = RefCell::default();
}

/// Of all documents.
#[derive(Default)]
struct Imports {
    /// By where the document lies; it is kept below, so an address never stands for another.
    documents: HashMap<usize, Import>,
    /// New styles, and their ids in lower case.
    styles: String,
    style_ids: HashSet<String>,
    /// What the template's styles say about lists, and its lists, read when they are asked for.
    list_styles: Option<ListStyles>,
    lists: Option<Lists>,
}

/// Of one document.
struct Import {
    source: Arc<Source>,
    styles: HashMap<String, String>,
    /// Each list's number when it was first inserted, and now.
    lists: HashMap<u32, u32>,
    lists_now: HashMap<u32, u32>,
    /// What stands for lists of the template's styles inside of the document.
    own_lists: HashMap<u32, u32>,
    own_lists_now: HashMap<u32, u32>,
    parts: HashMap<String, String>,
}

/// Gives the thread its former imports back when a render ends.
pub(crate) struct Guard(Imports);

impl Drop for Guard {
    fn drop(&mut self) {
        IMPORTS.replace(std::mem::take(&mut self.0));
    }
}

/// Starts the imports of a render.
pub(crate) fn start() -> Guard {
    Guard(IMPORTS.replace(Imports::default()))
}

/// The markup of a document for the current part.
pub(super) fn insert(source: &Arc<Source>) -> Result<String, Error> {
    budget::check_time()?;
    IMPORTS.with_borrow_mut(|imports| {
        let key = Arc::as_ptr(source).addr();
        let import = imports.documents.entry(key).or_insert_with(|| Import {
            source: Arc::clone(source),
            styles: HashMap::new(),
            lists: HashMap::new(),
            lists_now: HashMap::new(),
            own_lists: HashMap::new(),
            own_lists_now: HashMap::new(),
            parts: HashMap::new(),
        });
        import.lists_now.clear();
        import.own_lists_now.clear();
        let mut place = Place {
            imports,
            key,
            source: Arc::clone(source),
            relations: &source.relations,
            into: None,
            bookmarks: HashMap::new(),
        };
        place.write(&source.body)
    })
}

/// Hands new styles over to the additions of the render.
///
/// # Errors
/// The limits of additions.
pub(crate) fn write() -> Result<(), Error> {
    let styles = IMPORTS.take().styles;
    let Some(original) = additions::original().filter(|_| !styles.is_empty()) else {
        return Ok(());
    };
    let entry = original.related("styles");
    let text = entry.as_deref().and_then(|entry| original.text(entry));
    let text = text.filter(|text| text.contains("</w:styles>"));
    let text = text.unwrap_or_else(|| EMPTY_STYLES.to_owned());
    let (before, after) = text.rsplit_once("</w:styles>").unwrap_or((&text, ""));
    let bytes = format!("{before}{styles}</w:styles>{after}")
        .into_bytes()
        .into();
    match entry {
        Some(entry) => additions::replace(&entry, bytes),
        None => {
            let name = additions::part("word/styles.xml", STYLES_TYPE, bytes)?;
            additions::relationship_of(original.main(), "styles", &name).map(drop)
        }
    }
}

/// Where markup goes, and what its gaps become there.
struct Place<'i> {
    imports: &'i mut Imports,
    key: usize,
    source: Arc<Source>,
    /// Of the part that the markup comes from.
    relations: &'i HashMap<String, Relation>,
    /// The part it goes into; the current one for none.
    into: Option<String>,
    bookmarks: HashMap<String, u32>,
}

impl Place<'_> {
    fn write(&mut self, slots: &Slots) -> Result<String, Error> {
        let mut out = String::with_capacity(slots.bytes());
        for slot in &slots.0 {
            match slot {
                Slot::Text(text) => out.push_str(text),
                Slot::Style(id) => out.push_str(&escape::made(&self.style(id)?, Style::Plain)),
                Slot::List(number) => out.push_str(&self.list(*number)?.to_string()),
                Slot::ListOfStyle(id) => out.push_str(&self.list_of_style(id)?),
                Slot::IndentOfStyle(id) => out.push_str(&self.indent_of_style(id)?),
                Slot::Related(id) => out.push_str(&self.related(id, 0)?),
                Slot::Drawing => out.push_str(&additions::drawing_id().to_string()),
                Slot::Bookmark(id) => {
                    let number = match self.bookmarks.get(id) {
                        Some(number) => *number,
                        None => additions::drawing_id(),
                    };
                    self.bookmarks.insert(id.clone(), number);
                    out.push_str(&number.to_string());
                }
            }
        }
        Ok(out)
    }

    fn import(&mut self) -> Result<&mut Import, Error> {
        let gone = || refused("the inserted document is gone".to_owned());
        self.imports.documents.get_mut(&self.key).ok_or_else(gone)
    }

    /// The style of the same name, which comes along when the document has none.
    fn style(&mut self, id: &str) -> Result<String, Error> {
        if let Some(known) = self.import()?.styles.get(id) {
            return Ok(known.clone());
        }
        let source = Arc::clone(&self.source);
        let Some(definition) = source.styles.get(id) else {
            return Ok(id.to_owned());
        };
        let original = additions::original();
        let styles = original.as_ref().map(|original| original.styles());
        let own = styles.and_then(|styles| styles.find(&definition.kind, &[&definition.name]));
        if let Some(own) = own {
            let own = own.to_owned();
            self.import()?.styles.insert(id.to_owned(), own.clone());
            return Ok(own);
        }
        let taken = |wanted: &str, ids: &HashSet<String>| {
            let kinds = ["paragraph", "character", "table", "numbering"];
            ids.contains(&wanted.to_lowercase())
                || styles.is_some_and(|styles| {
                    kinds
                        .iter()
                        .any(|kind| styles.named(kind, wanted).is_some())
                })
        };
        let mut new = id.to_owned();
        let mut number = 1;
        while taken(&new, &self.imports.style_ids) {
            number += 1;
            new = format!("{id}{number}");
        }
        // Known before it is written: styles name each other.
        self.imports.style_ids.insert(new.to_lowercase());
        self.import()?.styles.insert(id.to_owned(), new.clone());
        let inside = self.write(&definition.inside)?;
        let shown = escape::made(&new, Style::Plain);
        self.imports.styles.push_str(&format!(
            "<w:style w:type=\"{}\"{} w:styleId=\"{shown}\">{inside}</w:style>",
            definition.kind,
            if definition.custom {
                " w:customStyle=\"1\""
            } else {
                ""
            }
        ));
        Ok(new)
    }

    /// The relationship that stands for one of the markup's part.
    fn related(&mut self, id: &str, depth: usize) -> Result<String, Error> {
        let Some(relation) = self.relations.get(id).cloned() else {
            return Err(refused(format!(
                "the inserted document refers to something that it does not hold ({id})"
            )));
        };
        if relation.external {
            return additions::link(&relation.target);
        }
        if !parts::is_taken_along(relation.word()) {
            return Err(refused(format!(
                "the inserted document holds something that cannot be inserted ({})",
                relation.word()
            )));
        }
        let name = self.part(&relation.target, depth)?;
        match &self.into {
            Some(into) => additions::relationship_of(into, &relation.kind, &name),
            None => additions::relationship(&relation.kind, &name),
        }
    }

    /// A part of the document, copied once with all that it needs.
    fn part(&mut self, entry: &str, depth: usize) -> Result<String, Error> {
        if let Some(known) = self.import()?.parts.get(entry) {
            return Ok(known.clone());
        }
        let source = Arc::clone(&self.source);
        let missing = || refused(format!("the inserted document has lost its {entry}"));
        let bytes = source.original.bytes(entry).ok_or_else(missing)?;
        let kind = parts::content_type(&source.original, entry).ok_or_else(missing)?;
        if depth >= DEPTH_MAX {
            return Err(refused(
                "the inserted document's parts are too tangled".to_owned(),
            ));
        }
        let name = additions::part(&parts::hint(entry), &kind, Arc::from([]))?;
        self.import()?.parts.insert(entry.to_owned(), name.clone());
        let relations = parts::relations(&source.original, entry);
        let bytes = match std::str::from_utf8(&bytes) {
            Ok(text) if kind.ends_with("xml") && !relations.is_empty() => {
                let mut inner = Place {
                    imports: &mut *self.imports,
                    key: self.key,
                    source: Arc::clone(&self.source),
                    relations: &relations,
                    into: Some(name.clone()),
                    bookmarks: HashMap::new(),
                };
                inner.relinked(text, depth + 1)?.into_bytes()
            }
            _ => bytes,
        };
        additions::complete(&name, bytes.into())?;
        Ok(name)
    }

    /// The text of a part whose relationships have other ids in the copy.
    fn relinked(&mut self, text: &str, depth: usize) -> Result<String, Error> {
        let tokens = xml::tokenize(text).unwrap_or_default();
        let Some(root) = tokens.iter().position(|token| token.kind == Kind::Open) else {
            return Ok(text.to_owned());
        };
        let origin = Origin::of(&tokens[root]);
        let mut out = String::with_capacity(text.len());
        // What no attribute names, such as a chart's colours, belongs to the part all the same.
        let mut named: HashSet<String> = HashSet::new();
        for token in &tokens {
            let slots = origin.related_only(token);
            for slot in &slots.0 {
                match slot {
                    Slot::Related(id) => {
                        named.insert(id.clone());
                        out.push_str(&self.related(id, depth)?);
                    }
                    Slot::Text(text) => out.push_str(text),
                    _ => {}
                }
            }
        }
        let mut silent: Vec<String> = self.relations.keys().cloned().collect();
        silent.retain(|id| !named.contains(id));
        silent.sort();
        for id in silent {
            self.related(&id, depth)?;
        }
        Ok(out)
    }
}
