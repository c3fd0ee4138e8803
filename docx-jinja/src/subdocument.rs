//! Documents inside documents: the body of another `.docx` at the place of `{{p }}`, with the styles, lists, pictures,
//! links and charts that it uses.

mod import;
mod lists;
mod parts;
mod slots;
mod styles;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::{Error, Value};

pub(crate) use import::{start, write};
use lists::Lists;
use parts::{Relation, relations};
use slots::Slots;
use styles::Definition;

use crate::additions::Original;
use crate::error::TemplateError;
use crate::limits::{Limits, TEXT_BYTES_MAX};
use crate::package::{Package, damaged};
use crate::prepare::ListStyles;
use crate::values::{BlockPlace, Insert, Typed};
use crate::xml::{self, Kind, NO_PARENT, Token};

/// The namespace of WordprocessingML as Word saves it.
const MAIN: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";

/// A document to be inserted where a template has `{{p name }}`.
///
/// Styles that the template has by name look as they do there; others come along. Lists keep their numbering and begin
/// anew where they are inserted. Headers, footers, page sizes and comments stay behind. Tags in it are not filled: render
/// it first, as a template of its own, if it has any.
#[derive(Clone)]
pub struct SubDocument(Arc<Source>);

/// What was read of it.
struct Source {
    original: Original,
    body: Slots,
    text: String,
    styles: HashMap<String, Definition>,
    list_styles: ListStyles,
    lists: Lists,
    relations: HashMap<String, Relation>,
}

impl SubDocument {
    /// Reads a document under the default limits.
    ///
    /// # Errors
    /// What a template is refused for, and what cannot be inserted: footnotes, and formats other than Word's usual one.
    pub fn new(bytes: &[u8]) -> Result<Self, TemplateError> {
        let (package, found) = Package::open(bytes, &Limits::default())?;
        let original = Original::new(package, &found);
        let main = found
            .into_iter()
            .find(|part| part.is_main)
            .map(|part| part.xml);
        let main = main.unwrap_or_default();
        let entry = original.main().to_owned();
        let damage = |what: String| damaged(&entry, what);
        let tokens = xml::tokenize(&main).map_err(damage)?;
        let root = tokens.iter().position(|token| token.kind == Kind::Open);
        let root = root.ok_or_else(|| damaged(&entry, "it is empty".to_owned()))?;
        if xml::attribute(tokens[root].raw, "xmlns:w").as_deref() != Some(MAIN) {
            let hint = "save it in Word as \"Word Document (*.docx)\", not as \"Strict Open XML\"";
            return Err(refused(
                &entry,
                "another format than Word's usual one",
                hint,
            ));
        }
        let relations = relations(&original, &entry);
        let part = |kind: &str| {
            let entry = original.related(kind);
            entry
                .and_then(|entry| original.text(&entry))
                .unwrap_or_default()
        };
        let styles = part("styles");
        let list_styles = ListStyles::read(&styles);
        let body = slots::body(&tokens, root, &list_styles).ok_or_else(|| {
            let hint = "move the text of footnotes and endnotes into the document";
            refused(&entry, "footnotes, which cannot be inserted", hint)
        })?;
        for id in body.related() {
            let kind = relations.get(id).map_or("missing", |found| found.word());
            if !parts::is_taken_along(kind) {
                let what = format!("something that cannot be inserted ({kind})");
                return Err(refused(&entry, &what, "remove it in Word and save again"));
            }
        }
        if body.bytes() > TEXT_BYTES_MAX {
            return Err(TemplateError::TooLarge {
                what: "the inserted document's text with its markup in bytes",
                limit: TEXT_BYTES_MAX as u64,
            });
        }
        Ok(Self(Arc::new(Source {
            body,
            text: plain_text(&tokens),
            styles: styles::read(&styles),
            list_styles,
            lists: Lists::read(&part("numbering")),
            relations,
            original,
        })))
    }
}

impl fmt::Debug for SubDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubDocument").finish_non_exhaustive()
    }
}

impl From<SubDocument> for Value {
    fn from(document: SubDocument) -> Self {
        Typed::value(document)
    }
}

impl Insert for SubDocument {
    fn noun(&self) -> &'static str {
        "a document"
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0.text)
    }

    fn blocks(&self, _place: BlockPlace<'_>) -> Result<Option<String>, Error> {
        import::insert(&self.0).map(Some)
    }
}

/// The text of all paragraphs, a line each.
fn plain_text(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    for token in tokens {
        match token.kind {
            Kind::Text if token.parent != NO_PARENT && tokens[token.parent].name == "w:t" => {
                out.push_str(&xml::decode(token.raw));
            }
            Kind::Close if token.name == "w:p" => out.push('\n'),
            _ => {}
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn refused(entry: &str, what: &str, hint: &'static str) -> TemplateError {
    TemplateError::Refused {
        entry: entry.to_owned(),
        what: what.to_owned(),
        hint,
    }
}
