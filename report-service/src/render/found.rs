//! What a confined process tells of a template.

use docx_jinja::Inspection;
use docx_jinja::lint::{Comparison, Mention};
use docx_jinja::{Shape, TagError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::order::TagFault;

/// Most places told of one value.
const PLACES_MAX: usize = 4;

/// What a template reads, and how that fits the names that its values have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// Every value that is read.
    pub variables: Vec<Read>,
    /// How many filters it uses.
    pub filters: usize,
    /// Entries with tags that are not filled.
    pub unfilled: Vec<String>,
    /// The faults of its tags.
    pub faults: Vec<TagFault>,
    /// Names that its values do not have.
    pub unknown: Vec<TagFault>,
    /// Names that its values may not have.
    pub doubtful: Vec<TagFault>,
    /// Names that its values have and it does not read.
    pub unused: Vec<String>,
}

/// A value that a template reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Its way through the values: `devices[].hostname`.
    pub path: String,
    /// Where it is read, as people say it: `document 3`.
    pub places: Vec<String>,
    /// The filters that take it.
    pub filters: Vec<String>,
    /// Whether it may be missing.
    pub optional: bool,
}

/// How a template of docxtemplater was meant to be filled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Foreign {
    /// What opens its tags.
    pub open: String,
    /// What closes them.
    pub close: String,
    /// Whether it was filled with docxtemplater's option `paragraphLoop`.
    pub paragraph_loop: bool,
    /// Values that it was filled with.
    pub sample: Option<Value>,
}

/// A template taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The size of the new one.
    pub bytes: u64,
    /// How many tags were taken over.
    pub taken: usize,
    /// What to look at, in reading order.
    pub remarks: Vec<Remark>,
}

/// Something to look at in a template taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// Whether someone has to write it anew.
    pub is_left: bool,
    /// What it is, and where.
    pub text: String,
}

impl Inspected {
    /// What an inspection found, compared with what is supplied where that is known.
    pub(super) fn of(inspection: &Inspection, supplied: Option<&Shape>) -> Self {
        let compared = supplied.map_or_else(Comparison::default, |shape| inspection.compare(shape));
        let faults = |faults: &[TagError]| faults.iter().map(TagFault::from).collect();
        let variables = inspection.variables.iter().map(|variable| Read {
            path: variable.path.clone(),
            places: places(&variable.places),
            filters: variable.filters.iter().cloned().collect(),
            optional: variable.optional,
        });
        Self {
            variables: variables.collect(),
            filters: inspection.filters.len(),
            unfilled: inspection.unfilled.clone(),
            faults: faults(&inspection.faults),
            unknown: faults(&compared.faults),
            doubtful: faults(&compared.warnings),
            unused: compared.unused,
        }
    }
}

fn places(places: &[Mention]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for place in places {
        let place = match place.paragraph {
            Some(number) => format!("{} {number}", place.part),
            None => place.part.clone(),
        };
        if !told.contains(&place) {
            told.push(place);
        }
    }
    if told.len() > PLACES_MAX {
        let more = told.len() - PLACES_MAX;
        told.truncate(PLACES_MAX);
        told.push(format!("and {more} more"));
    }
    told
}
