//! From a place in the engine's source back to the part, the paragraph and the tag.

use crate::error::TagError;
use crate::limits::FAULTS_MAX;
use crate::tags::Tag;

/// How much of a paragraph an error shows, in characters.
const TEXT_CHARS_MAX: usize = 120;

/// A loop around a tag: `for variable in iterable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loop {
    pub(crate) variable: String,
    pub(crate) iterable: String,
}

/// Where a tag stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) part: String,
    pub(crate) paragraph: Option<usize>,
    pub(crate) text: String,
    pub(crate) tag: String,
    /// The tag itself.
    pub(crate) source: Tag,
    pub(crate) loops: Vec<Loop>,
}

impl Place {
    pub(crate) fn new(part: &str, paragraph: Option<usize>, text: &str, tag: &Tag) -> Self {
        let mut shown: String = text.trim().chars().take(TEXT_CHARS_MAX).collect();
        if shown.len() < text.trim().len() {
            shown.push('…');
        }
        Self {
            part: part.to_owned(),
            paragraph,
            text: shown,
            tag: tag.shown(),
            source: tag.clone(),
            loops: Vec::new(),
        }
    }

    pub(crate) fn error(&self, message: impl Into<String>, hint: Option<String>) -> TagError {
        TagError {
            part: self.part.clone(),
            paragraph: self.paragraph,
            text: self.text.clone(),
            tag: self.tag.clone(),
            message: message.into(),
            hint,
        }
    }
}

/// Places by their offset in one part's source, ascending.
#[derive(Debug, Default)]
pub(crate) struct SourceMap {
    places: Vec<(usize, Place)>,
}

impl SourceMap {
    pub(crate) fn add(&mut self, offset: usize, place: Place) {
        self.places.push((offset, place));
    }

    /// All tags, in the order in which they are written.
    pub(crate) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().map(|(_, place)| place)
    }

    /// How many tags there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The tag at or before an offset.
    pub(crate) fn find(&self, offset: usize) -> Option<&Place> {
        let after = self.places.partition_point(|(start, _)| *start <= offset);
        self.places
            .get(after.checked_sub(1)?)
            .map(|(_, place)| place)
    }
}

/// Collects faults up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<TagError>);

impl Faults {
    pub(crate) fn add(&mut self, fault: TagError) {
        if self.0.len() < FAULTS_MAX && !self.0.contains(&fault) {
            self.0.push(fault);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them in reading order.
    pub(crate) fn into_vec(self) -> Vec<TagError> {
        let mut faults = self.0;
        in_reading_order(&mut faults);
        faults
    }
}

/// Sorts faults by part, the main text first, and paragraph; those outside paragraphs follow at the end of their part.
pub(crate) fn in_reading_order(faults: &mut [TagError]) {
    faults.sort_by(|left, right| {
        let aside = |fault: &TagError| fault.part != "document";
        let number = |fault: &TagError| fault.paragraph.unwrap_or(usize::MAX);
        let parts = (aside(left), &left.part).cmp(&(aside(right), &right.part));
        parts.then_with(|| number(left).cmp(&number(right)))
    });
}

/// The part's name for people: `word/header2.xml` is `header2`.
pub(crate) fn part_name(entry: &str) -> &str {
    let file = entry.rsplit('/').next().unwrap_or(entry);
    file.strip_suffix(".xml").unwrap_or(file)
}
