//! What a render adds to the package beside the text of its parts: pictures, links and parts of its own. Kept per
//! thread, because filters and the formatter of minijinja are shared by all renders of a template.

mod changes;
mod media;
mod original;
mod relationships;
mod styles;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use minijinja::Error;

pub(crate) use changes::Changes;
pub(crate) use original::Original;
pub(crate) use relationships::{RELATIONSHIPS_TYPE, entry_of as relationships_entry};

use crate::budget::refused;
use crate::limits::{ADDED_BYTES_MAX, ADDED_PARTS_MAX};
use crate::values::{Assets, Picture};
use media::Media;
use relationships::Relationships;
pub(crate) use relationships::target_of;

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

/// Schemes that a hyperlink may have.
pub(crate) const LINK_SCHEMES: &[&str] = &["http://", "https://", "mailto:"];

/// One render's additions.
struct Session {
    original: Arc<Original>,
    assets: Assets,
    /// The entry that is being written.
    part: String,
    drawing_id: u32,
    /// By the entry they belong to.
    relationships: BTreeMap<String, Relationships>,
    parts: Vec<AddedPart>,
    replaced: BTreeMap<String, Arc<[u8]>>,
    /// Names of added parts in lower case.
    names: HashSet<String>,
    /// Where to look for the next free number, by the name without it.
    numbers: BTreeMap<String, u32>,
    media: Media,
    remembered: BTreeMap<&'static str, u32>,
    bytes: u64,
}

struct AddedPart {
    name: String,
    content_type: String,
    bytes: Arc<[u8]>,
}

/// Gives the thread its former session back when a render ends: a lazy value may itself render.
pub(crate) struct Guard(Option<Session>);

impl Drop for Guard {
    fn drop(&mut self) {
        SESSION.replace(self.0.take());
    }
}

/// Starts the session of a render.
pub(crate) fn start(original: &Arc<Original>, assets: Assets) -> Guard {
    let session = Session {
        part: original.main().to_owned(),
        drawing_id: original.drawing_id(),
        original: Arc::clone(original),
        assets,
        relationships: BTreeMap::new(),
        parts: Vec::new(),
        replaced: BTreeMap::new(),
        names: HashSet::new(),
        numbers: BTreeMap::new(),
        media: Media::default(),
        remembered: BTreeMap::new(),
        bytes: 0,
    };
    Guard(SESSION.replace(Some(session)))
}

/// Says which entry is written from now on: relationships belong to it.
pub(crate) fn enter(entry: &str) {
    SESSION.with_borrow_mut(|session| {
        if let Some(session) = session {
            entry.clone_into(&mut session.part);
        }
    });
}

/// Everything that was added or changed; the session is empty afterwards.
pub(crate) fn finish() -> Changes {
    SESSION.take().map(Changes::of).unwrap_or_default()
}

/// A number for a drawing or bookmark that nothing in the document has.
pub(crate) fn drawing_id() -> u32 {
    with(|session| {
        session.drawing_id = session.drawing_id.saturating_add(1);
        Ok(session.drawing_id)
    })
    .unwrap_or(1)
}

/// The package of the template.
pub(crate) fn original() -> Option<Arc<Original>> {
    SESSION.with_borrow(|session| {
        session
            .as_ref()
            .map(|session| Arc::clone(&session.original))
    })
}

/// A picture that the render was given.
pub(crate) fn asset(name: &str) -> Option<Picture> {
    SESSION.with_borrow(|session| session.as_ref()?.assets.find(name).cloned())
}

/// The names of the pictures that the render was given.
pub(crate) fn asset_names() -> Vec<String> {
    SESSION.with_borrow(|session| {
        let names = session.iter().flat_map(|session| session.assets.names());
        names.map(str::to_owned).collect()
    })
}

/// A relationship of the current part to another part, by the last word of its type (`image`, `chart`); gives its id.
pub(crate) fn relationship(kind: &str, part: &str) -> Result<String, Error> {
    with(|session| {
        let from = session.part.clone();
        session.relate(&from, kind, part, false)
    })
}

/// A relationship of another part than the current one.
pub(crate) fn relationship_of(from: &str, kind: &str, part: &str) -> Result<String, Error> {
    with(|session| session.relate(from, kind, part, false))
}

/// A hyperlink of the current part; gives the id of its relationship.
///
/// # Errors
/// An address that is not on the web nor one of mail.
pub(crate) fn link(url: &str) -> Result<String, Error> {
    let lower = url.trim().to_ascii_lowercase();
    if !LINK_SCHEMES.iter().any(|scheme| lower.starts_with(scheme)) {
        let shown: String = url.chars().take(80).collect();
        return Err(refused(format!(
            "a link leads to http://, https:// or mailto:, not \"{shown}\""
        )));
    }
    with(|session| {
        let from = session.part.clone();
        session.relate(&from, "hyperlink", url.trim(), true)
    })
}

/// A picture for the current part; gives the id of its relationship. The same bytes are kept once.
pub(crate) fn picture(bytes: &Arc<[u8]>, format: crate::values::Format) -> Result<String, Error> {
    with(|session| {
        let name = match session.media.find(bytes) {
            Some(name) => name,
            None => {
                let hint = format!("word/media/image.{}", format.extension());
                let name = session.add(&hint, format.content_type(), Arc::clone(bytes))?;
                session.media.keep(bytes, &name);
                name
            }
        };
        let from = session.part.clone();
        session.relate(&from, "image", &name, false)
    })
}

/// A new part, named like `hint` with a number that is free; gives its name.
pub(crate) fn part(hint: &str, content_type: &str, bytes: Arc<[u8]>) -> Result<String, Error> {
    with(|session| session.add(hint, content_type, bytes))
}

/// A new part of exactly this name, which no other entry has.
pub(crate) fn put(entry: &str, content_type: &str, bytes: Arc<[u8]>) -> Result<(), Error> {
    with(|session| {
        session.charge(bytes.len())?;
        session.names.insert(entry.to_ascii_lowercase());
        session.parts.push(AddedPart {
            name: entry.to_owned(),
            content_type: content_type.to_owned(),
            bytes,
        });
        Ok(())
    })
}

/// Gives an added part its bytes, when these could be made only once its name was known.
pub(crate) fn complete(name: &str, bytes: Arc<[u8]>) -> Result<(), Error> {
    with(|session| {
        session.charge(bytes.len())?;
        let mut parts = session.parts.iter_mut().rev();
        if let Some(part) = parts.find(|part| part.name == name) {
            part.bytes = bytes;
        }
        Ok(())
    })
}

/// True when a part of the template was replaced already.
pub(crate) fn is_replaced(entry: &str) -> bool {
    with(|session| Ok(session.replaced.contains_key(entry))).unwrap_or(false)
}

/// Replaces a part of the template as a whole.
pub(crate) fn replace(entry: &str, bytes: Arc<[u8]>) -> Result<(), Error> {
    with(|session| {
        session.charge(bytes.len())?;
        session.replaced.insert(entry.to_owned(), bytes);
        Ok(())
    })
}

/// A number that is made once in a render, by the word that stands for it.
///
/// # Errors
/// What making it says.
pub(crate) fn remembered(
    word: &'static str,
    make: impl FnOnce() -> Result<u32, Error>,
) -> Result<u32, Error> {
    if let Some(number) = with(|session| Ok(session.remembered.get(word).copied()))? {
        return Ok(number);
    }
    let number = make()?;
    with(|session| Ok(session.remembered.insert(word, number)))?;
    Ok(number)
}

fn with<T>(act: impl FnOnce(&mut Session) -> Result<T, Error>) -> Result<T, Error> {
    SESSION.with_borrow_mut(|session| match session {
        Some(session) => act(session),
        None => Err(refused("there is no document to add to".to_owned())),
    })
}

impl Session {
    fn relate(
        &mut self,
        from: &str,
        kind: &str,
        target: &str,
        external: bool,
    ) -> Result<String, Error> {
        let original = &self.original;
        let relationships = self
            .relationships
            .entry(from.to_owned())
            .or_insert_with(|| Relationships::beside(original.relationships(from).as_deref()));
        let (id, bytes) = relationships.add(kind, target, external)?;
        self.charge(bytes)?;
        Ok(id)
    }

    fn add(&mut self, hint: &str, content_type: &str, bytes: Arc<[u8]>) -> Result<String, Error> {
        if self.parts.len() >= ADDED_PARTS_MAX {
            return Err(refused(format!(
                "the document would get more than {ADDED_PARTS_MAX} pictures and other parts"
            )));
        }
        self.charge(bytes.len())?;
        let name = self.free_name(hint);
        self.names.insert(name.to_ascii_lowercase());
        self.parts.push(AddedPart {
            name: name.clone(),
            content_type: content_type.to_owned(),
            bytes,
        });
        Ok(name)
    }

    fn free_name(&mut self, hint: &str) -> String {
        let taken = |lower: &str| self.names.contains(lower) || self.original.has(lower);
        // Of styles, numbering and the like there is one, which people look for by its name.
        let alone = hint.starts_with("word/") && hint.matches('/').count() == 1;
        if alone && !taken(&hint.to_ascii_lowercase()) {
            return hint.to_owned();
        }
        let (stem, extension) = hint.rsplit_once('.').unwrap_or((hint, "bin"));
        let number = self.numbers.entry(stem.to_owned()).or_default();
        loop {
            *number += 1;
            let name = format!("{stem}{number}.{extension}");
            if !taken(&name.to_ascii_lowercase()) {
                return name;
            }
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > ADDED_BYTES_MAX {
            return Err(refused(format!(
                "pictures, links and other additions are over the limit of {ADDED_BYTES_MAX} bytes"
            )));
        }
        Ok(())
    }
}
