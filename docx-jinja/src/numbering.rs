//! Numbering that a render adds: lists that begin anew, and lists of its own (`w:numbering`, ECMA-376 part 1, §17.9).
//! Kept per thread, as additions are.

mod definitions;

use std::cell::RefCell;
use std::collections::HashMap;

use minijinja::{Environment, Error, Value};

use crate::additions;
use crate::budget::refused;
use crate::limits::NUMBERINGS_MAX;
use definitions::Definitions;

/// Function that has a list begin anew at its next item.
pub(crate) const RESTART: &str = "__restart";
/// Function that gives the number of the list that is going on.
pub(crate) const CURRENT: &str = "__numbering";

/// The type of the part.
const CONTENT_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.numbering+xml";

thread_local! {
    static NUMBERING: RefCell<Numbering> = RefCell::default();
}

/// What one render adds.
#[derive(Default)]
struct Numbering {
    /// The template's, read when first asked for.
    definitions: Option<Definitions>,
    /// The number that each list has since it last began anew; none until its next item.
    lists: HashMap<u32, Option<u32>>,
    made: usize,
}

/// Gives the thread its former numbering back when a render ends.
pub(crate) struct Guard(Numbering);

impl Drop for Guard {
    fn drop(&mut self) {
        NUMBERING.replace(std::mem::take(&mut self.0));
    }
}

/// Starts the numbering of a render.
pub(crate) fn start() -> Guard {
    Guard(NUMBERING.replace(Numbering::default()))
}

/// Adds the functions of prepared sources.
pub(crate) fn register(environment: &mut Environment<'static>) {
    environment.add_function(RESTART, |list: u32| {
        NUMBERING.with_borrow_mut(|numbering| numbering.lists.insert(list, None));
        Value::from(())
    });
    environment.add_function(CURRENT, |list: u32, template: u32| {
        NUMBERING.with_borrow_mut(|numbering| numbering.current(list, template))
    });
}

/// A new list like `template`, which begins where that one does; `template` itself when the document has no such list.
///
/// # Errors
/// Too many lists.
pub(crate) fn again(template: u32) -> Result<u32, Error> {
    NUMBERING.with_borrow_mut(|numbering| numbering.again(template))
}

/// A new list with these levels (`w:multiLevelType` and `w:lvl` elements) and what is other in it than in lists of its
/// kind (`w:lvlOverride` elements, or nothing); gives its number.
///
/// # Errors
/// Too many lists.
pub(crate) fn define(levels: &str, overrides: &str) -> Result<u32, Error> {
    NUMBERING.with_borrow_mut(|numbering| {
        numbering.count()?;
        Ok(numbering.definitions().define(levels, overrides))
    })
}

/// Hands what was added over to the additions of the render.
///
/// # Errors
/// The limits of additions.
pub(crate) fn write() -> Result<(), Error> {
    let definitions = NUMBERING.take().definitions;
    let Some(text) = definitions.and_then(|definitions| definitions.changed()) else {
        return Ok(());
    };
    let bytes = text.into_bytes().into();
    let original = additions::original();
    let main = original.as_ref().map_or("", |original| original.main());
    match original
        .as_ref()
        .and_then(|original| original.related("numbering"))
    {
        Some(entry) => additions::replace(&entry, bytes),
        None => {
            let name = additions::part("word/numbering.xml", CONTENT_TYPE, bytes)?;
            additions::relationship_of(main, "numbering", &name).map(drop)
        }
    }
}

impl Numbering {
    fn current(&mut self, list: u32, template: u32) -> Result<u32, Error> {
        match self.lists.get(&list) {
            Some(Some(number)) => Ok(*number),
            // Outside of the loop that it begins anew in.
            None => Ok(template),
            Some(None) => {
                let number = self.again(template)?;
                self.lists.insert(list, Some(number));
                Ok(number)
            }
        }
    }

    fn again(&mut self, template: u32) -> Result<u32, Error> {
        self.count()?;
        Ok(self.definitions().again(template).unwrap_or(template))
    }

    fn count(&mut self) -> Result<(), Error> {
        self.made += 1;
        if self.made > NUMBERINGS_MAX {
            return Err(refused(format!(
                "more than {NUMBERINGS_MAX} lists begin anew\nhint: write {{% numbering continue %}} into the list's first item"
            )));
        }
        Ok(())
    }

    fn definitions(&mut self) -> &mut Definitions {
        self.definitions.get_or_insert_with(|| {
            let original = additions::original();
            let text = original.and_then(|original| original.text(&original.related("numbering")?));
            Definitions::read(text.unwrap_or_default())
        })
    }
}
