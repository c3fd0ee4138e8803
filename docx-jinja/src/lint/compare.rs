//! What a template reads against what is supplied.

use std::collections::{BTreeMap, HashSet};

use super::path::{Path, Step};
use super::{Inspection, Variable};
use crate::error::TagError;
use crate::locate::in_reading_order;
use crate::shape::Shape;
use crate::suggest;

/// How a template and a shape fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Paths that lead nowhere, at each place where they are read.
    pub faults: Vec<TagError>,
    /// Paths that may lead nowhere: fields that can be left out, read without asking first.
    pub warnings: Vec<TagError>,
    /// Paths that are supplied and never read; of what is not read at all, the outermost.
    pub unused: Vec<String>,
}

impl Inspection {
    /// Compares what the template reads with what it will be given.
    pub fn compare(&self, supplied: &Shape) -> Comparison {
        let mut comparison = Comparison::default();
        let mut reached = HashSet::new();
        for variable in &self.variables {
            let outcome = follow(supplied, &variable.steps, &mut reached);
            let (list, message, hint) = match outcome {
                Outcome::There => continue,
                Outcome::MayBeMissing(step) if step < variable.sure => continue,
                Outcome::MayBeMissing(_) => (
                    &mut comparison.warnings,
                    format!("{} may be missing in the values", variable.path),
                    Some("for something in its place add |default(\"-\"), or ask first with {% if … is defined %}".to_owned()),
                ),
                Outcome::Wrong(message, hint) => (&mut comparison.faults, message, hint),
                Outcome::Missing(step, message, hint) if step < variable.sure => {
                    (&mut comparison.warnings, message, hint)
                }
                Outcome::Missing(_, message, hint) => (&mut comparison.faults, message, hint),
            };
            add(list, variable, &message, hint.as_ref());
        }
        unused(supplied, None, &reached, &mut comparison.unused);
        in_reading_order(&mut comparison.faults);
        in_reading_order(&mut comparison.warnings);
        comparison
    }
}

fn add(list: &mut Vec<TagError>, variable: &Variable, message: &str, hint: Option<&String>) {
    for place in &variable.places {
        let error = place.error(message.to_owned(), hint.cloned());
        // A path below one that is missing already says nothing new at the same tag.
        let told = |known: &TagError| {
            (known.tag == error.tag
                && known.paragraph == error.paragraph
                && known.part == error.part)
                && error.message == known.message
        };
        if !list.iter().any(told) {
            list.push(error);
        }
    }
}

enum Outcome {
    There,
    /// The last step that may lead nowhere.
    MayBeMissing(usize),
    /// The step that leads nowhere.
    Missing(usize, String, Option<String>),
    /// It is not what the template takes it for.
    Wrong(String, Option<String>),
}

/// Follows a path through a shape, noting what is passed.
fn follow(shape: &Shape, path: &Path, reached: &mut HashSet<Path>) -> Outcome {
    let mut current = shape;
    let mut optional = None;
    for (index, step) in path.steps().iter().enumerate() {
        let so_far = path.first(index);
        while let Shape::Optional(inner) = current {
            optional = index.checked_sub(1);
            current = inner;
        }
        current = match (current, step) {
            (Shape::Any, _) | (Shape::Map(_), Step::Item) => {
                reached.insert(so_far);
                return Outcome::There;
            }
            (Shape::Map(fields), Step::Field(name)) => match fields.get(name) {
                Some(field) => field,
                None => return missing(fields, &path.first(index + 1), name),
            },
            (Shape::List(item), Step::Item) => item,
            (Shape::List(_), Step::Field(name)) => {
                return Outcome::Wrong(
                    format!("{so_far} is a list and has no {name} of its own"),
                    Some(format!(
                        "repeat it: {{% for item in {so_far} %}} … {{{{ item.{name} }}}} … {{% endfor %}}"
                    )),
                );
            }
            (Shape::Plain | Shape::Optional(_), Step::Field(name)) => {
                return Outcome::Wrong(
                    format!("{so_far} is a plain value and has no {name}"),
                    None,
                );
            }
            (Shape::Plain | Shape::Optional(_), Step::Item) => {
                return Outcome::Wrong(format!("{so_far} is a plain value and no list"), None);
            }
        };
        reached.insert(path.first(index + 1));
    }
    if matches!(current, Shape::Optional(_)) {
        optional = path.steps().len().checked_sub(1);
    }
    optional.map_or(Outcome::There, Outcome::MayBeMissing)
}

fn missing(fields: &BTreeMap<String, Shape>, path: &Path, name: &str) -> Outcome {
    let step = path.steps().len().saturating_sub(1);
    let parent = path.first(step);
    let prefix = path.to_string();
    let prefix = prefix.strip_suffix(name).unwrap_or_default();
    let hint = match suggest::closest(name, fields.keys().map(String::as_str)) {
        Some(found) => Some(format!("did you mean {prefix}{found}?")),
        None => suggest::listed(fields.keys().map(String::as_str)),
    };
    let below = if parent.steps().is_empty() {
        "the values".to_owned()
    } else {
        format!("the values of {parent}")
    };
    Outcome::Missing(step, format!("there is no {path} in {below}"), hint)
}

/// Lists what no path has passed.
fn unused(shape: &Shape, at: Option<&Path>, reached: &HashSet<Path>, list: &mut Vec<String>) {
    if let Some(path) = at.filter(|path| !reached.contains(*path)) {
        list.push(path.to_string());
        return;
    }
    match shape {
        Shape::Optional(inner) => unused(inner, at, reached, list),
        Shape::Map(fields) => {
            for (name, field) in fields {
                let path = match at {
                    Some(path) => path.then(Step::Field(name.clone())),
                    None => Some(Path::root(name)),
                };
                if let Some(path) = path {
                    unused(field, Some(&path), reached, list);
                }
            }
        }
        Shape::List(item) => {
            let path = at.and_then(|path| path.then(Step::Item));
            // A list whose items nobody looks into is read as a whole.
            if let Some(path) = path.filter(|path| reached.contains(path)) {
                unused(item, Some(&path), reached, list);
            }
        }
        Shape::Any | Shape::Plain => {}
    }
}
