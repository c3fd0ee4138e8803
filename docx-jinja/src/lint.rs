//! What a template asks of its values: every path that it reads, with the places where it does, and how that fits what
//! is supplied.

mod compare;
mod marked;
mod path;
mod repair;
mod trace;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use crate::shape::Shape;
pub use compare::Comparison;
pub use marked::marked_copy;
use path::Path;

use crate::additions::Original;
use crate::chart::Charts;
use crate::error::{TagError, TemplateError};
use crate::limits::Options;
use crate::locate::{Faults, Place, SourceMap, part_name};
use crate::package::{Package, Part, damaged};
use crate::prepare::{self, Prepared};
use crate::template::Template;

/// Most places kept for one variable.
pub const PLACES_MAX: usize = 50;
/// Most variables kept of one template.
pub const VARIABLES_MAX: usize = 5_000;

/// What a template reads, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Every value that is read, by its path.
    pub variables: Vec<Variable>,
    /// The filters it uses.
    pub filters: BTreeSet<String>,
    /// The functions it calls.
    pub functions: BTreeSet<String>,
    /// The faults of its tags; [`Template::compile`] gives the same.
    pub faults: Vec<TagError>,
    /// Entries that hold tags which a render leaves as they are, such as building blocks and diagrams; only
    /// [`inspect`] looks for them.
    pub unfilled: Vec<String>,
}

/// One value that a template reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its way through the values; `[]` is an item of a list: `devices[].hostname`.
    pub path: String,
    /// Where it is read, in reading order; at most [`PLACES_MAX`].
    pub places: Vec<Mention>,
    /// Filters that take it.
    pub filters: BTreeSet<String>,
    /// True when each place asks first whether it exists, or has something to put in its place.
    pub optional: bool,
    /// True when a loop goes over it.
    pub repeated: bool,
    pub(crate) steps: Path,
    /// How many of its first steps each place makes sure of.
    pub(crate) sure: usize,
}

/// A tag that reads a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The part without folder and ending: `document`, `header2`, `footnotes`.
    pub part: String,
    /// The paragraph's number in that part, from 1; none outside paragraphs.
    pub paragraph: Option<usize>,
    /// The paragraph's text in the template, shortened.
    pub text: String,
    /// The tag as written.
    pub tag: String,
}

/// Inspects a template; one whose tags have faults too, as far as it can be read.
///
/// # Errors
/// A package that is refused or damaged. Faults of tags are in [`Inspection::faults`].
pub fn inspect(bytes: &[u8], options: Options) -> Result<Inspection, TemplateError> {
    let (package, found) = Package::open(bytes, &options.limits)?;
    let unfilled = unfilled(package.clone(), &found)?;
    let faults = match Template::compile_with(bytes, options) {
        Ok(template) => {
            return Ok(Inspection {
                unfilled,
                ..template.inspect()
            });
        }
        Err(TemplateError::Tags(faults)) => faults.0,
        Err(error) => return Err(error),
    };
    let original = Arc::new(Original::new(package, &found));
    let mut charts = Charts::new(&original);
    let mut parts = Vec::new();
    // The faults are known; they are only passed by here.
    let mut known = Faults::default();
    for part in found {
        if charts.holds(&part.entry) {
            continue;
        }
        charts.enter(&part.entry);
        let name = part_name(&part.entry);
        let prepared = prepare::prepare(name, &part.xml, None, &mut charts, &mut known);
        if let Some(Prepared { source, map, .. }) =
            prepared.map_err(|what| damaged(&part.entry, what))?
        {
            parts.push((source, map));
        }
    }
    let parts = parts.iter().map(|(source, map)| (source.clone(), map));
    Ok(Inspection {
        unfilled,
        ..Inspection::of(parts, faults)
    })
}

/// Entries that look as if they held tags and are not among those that are filled.
fn unfilled(mut package: Package, filled: &[Part]) -> Result<Vec<String>, TemplateError> {
    let mut left = Vec::new();
    for (entry, bytes) in package.entries()? {
        let is_filled = filled.iter().any(|part| part.entry == entry);
        let mut pairs = bytes.windows(2);
        if !is_filled && entry.ends_with(".xml") && pairs.any(|pair| pair == b"{{" || pair == b"{%")
        {
            left.push(entry);
        }
    }
    Ok(left)
}

impl Inspection {
    /// Reads prepared sources.
    pub(crate) fn of<'m>(
        parts: impl Iterator<Item = (String, &'m SourceMap)>,
        faults: Vec<TagError>,
    ) -> Self {
        let mut found = Found::default();
        for (source, map) in parts {
            if !walk::part(&source, map, &mut found) {
                let (source, map) = repair::repaired(map);
                walk::part(&source, &map, &mut found);
            }
        }
        Self {
            variables: found.variables.into_values().collect(),
            filters: found.filters,
            functions: found.functions,
            faults,
            unfilled: Vec::new(),
        }
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    variables: BTreeMap<Path, Variable>,
    filters: BTreeSet<String>,
    functions: BTreeSet<String>,
}

/// How a value is read at one place.
#[derive(Default, Clone, Copy)]
struct Reading<'f> {
    filter: Option<&'f str>,
    optional: bool,
    repeated: bool,
    sure: usize,
}

impl Found {
    fn mention(&mut self, path: &Path, place: Option<&Place>, reading: Reading<'_>) {
        if !self.variables.contains_key(path) {
            if self.variables.len() >= VARIABLES_MAX {
                return;
            }
            let variable = Variable {
                path: path.to_string(),
                places: Vec::new(),
                filters: BTreeSet::new(),
                optional: true,
                repeated: false,
                steps: path.clone(),
                sure: usize::MAX,
            };
            self.variables.insert(path.clone(), variable);
        }
        let Some(variable) = self.variables.get_mut(path) else {
            return;
        };
        variable.sure = variable.sure.min(reading.sure);
        variable.optional = variable.sure >= path.steps().len();
        variable.repeated |= reading.repeated;
        variable.filters.extend(reading.filter.map(str::to_owned));
        if let Some(place) = place {
            let mention = Mention::of(place);
            if variable.places.len() < PLACES_MAX && !variable.places.contains(&mention) {
                variable.places.push(mention);
            }
        }
    }
}

impl Mention {
    fn of(place: &Place) -> Self {
        Self {
            part: place.part.clone(),
            paragraph: place.paragraph,
            text: place.text.clone(),
            tag: place.tag.clone(),
        }
    }

    fn error(&self, message: String, hint: Option<String>) -> TagError {
        TagError {
            part: self.part.clone(),
            paragraph: self.paragraph,
            text: self.text.clone(),
            tag: self.tag.clone(),
            message,
            hint,
        }
    }
}
