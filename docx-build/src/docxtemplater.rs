//! Takes over templates of [docxtemplater](https://docxtemplater.com): its tags become ours, and what has no
//! counterpart is reported with its place.
//!
//! docxtemplater decides by the data whether `{#x}` is a loop or a question and where a name is found. A template
//! says it. A sample of the old data makes the import exact; without one it is guessed from names, and each guess
//! is reported.

mod expression;
mod part;
mod sample;
mod scan;
mod scopes;
mod sections;
mod translate;

use std::collections::HashSet;
use std::fmt;

use docx_jinja::{Template, TemplateError};
use serde_json::Value;

use crate::markup::{Kind, attribute, tokenize};
use crate::package::{self, Entry};
use part::{Draft, Writing};
use sample::Shape;
pub use scan::Delimiters;
use sections::Names;

/// Content types of parts that hold tags on both sides, by their ending.
const FILLED_TYPES: &[&str] = &[
    "wordprocessingml.document.main+xml",
    "wordprocessingml.header+xml",
    "wordprocessingml.footer+xml",
    "wordprocessingml.footnotes+xml",
    "package.core-properties+xml",
];

/// How a template was meant to be filled.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// What opens and closes its tags.
    pub delimiters: Delimiters,
    /// Whether a section whose ends stand alone in their paragraphs took these along: docxtemplater's option
    /// `paragraphLoop`.
    pub paragraph_loop: bool,
    /// Values that the old system filled it with.
    pub sample: Option<&'a Value>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            delimiters: Delimiters::default(),
            paragraph_loop: true,
            sample: None,
        }
    }
}

/// A template taken over.
#[derive(Debug)]
pub struct Import {
    /// The new template.
    pub template: Vec<u8>,
    /// How many tags it took over.
    pub taken: usize,
    /// What to look at, in reading order.
    pub remarks: Vec<Remark>,
}

/// Whether a remark asks for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Could not be taken over: someone has to write it anew.
    Left,
    /// Was taken over; worth a look.
    Look,
}

/// Something to look at, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Whether it asks for work.
    pub weight: Weight,
    /// The part without folder and ending: `document`, `header2`.
    pub part: String,
    /// The paragraph's number in that part, from 1; none outside paragraphs.
    pub paragraph: Option<usize>,
    /// The paragraph's text in the old template, shortened.
    pub text: String,
    /// The old tag.
    pub tag: String,
    /// What about it.
    pub message: String,
    /// The next step, when there is one to offer.
    pub hint: Option<String>,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Left => "left",
            Weight::Look => "look",
        };
        write!(f, "{weight}: {}", self.part)?;
        if let Some(number) = self.paragraph {
            write!(f, ", paragraph {number}")?;
        }
        write!(f, ": {}: {}", self.tag, self.message)?;
        if !self.text.is_empty() && self.text != self.tag {
            write!(f, "\n  in: {}", self.text)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Why a file cannot be taken over at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not a zip package, a damaged one, or too large.
    #[error(
        "the file is not a Word document (.docx): {0}\nhint: open it in Word and save it as \"Word Document (*.docx)\""
    )]
    NotAPackage(String),
    /// An XML part that cannot be read.
    #[error("{entry} is damaged: {what}\nhint: open the template in Word and save it again")]
    Damaged {
        /// The part.
        entry: String,
        /// What is wrong.
        what: String,
    },
    /// It holds what no template may hold, tags apart.
    #[error("{0}")]
    Refused(TemplateError),
}

/// Takes a template over.
///
/// # Errors
/// When the file is no template at all; tags that have no counterpart are remarks.
pub fn import(bytes: &[u8], options: &Options<'_>) -> Result<Import, ImportError> {
    let mut entries = package::read(bytes).map_err(ImportError::NotAPackage)?;
    let filled = filled(&entries)?;
    let shape = options.sample.map(Shape::of);
    let mut texts = Vec::new();
    for &at in &filled {
        let text = std::str::from_utf8(&entries[at].bytes)
            .map_err(|_| damaged(&entries[at].name, "it is not UTF-8"))?;
        texts.push((at, entries[at].name.clone(), text.to_owned()));
    }
    let mut drafts = Vec::new();
    for (at, name, text) in &texts {
        let draft =
            Draft::new(part_name(name), text, options).map_err(|what| damaged(name, &what))?;
        drafts.push((*at, draft));
    }
    let mut names = Names::default();
    let mut outermost = HashSet::new();
    for (_, draft) in &drafts {
        draft.names(&mut names, &mut outermost);
    }
    let mut import = Import {
        template: Vec::new(),
        taken: 0,
        remarks: Vec::new(),
    };
    for (at, draft) in drafts {
        let writing = Writing {
            shape: shape.as_ref(),
            names: &names,
            outermost: &outermost,
        };
        let done = draft.write(&writing);
        import.taken += done.taken;
        import.remarks.extend(done.remarks);
        entries[at].bytes = done.xml.into_bytes();
    }
    import.template = package::write(&entries).map_err(ImportError::NotAPackage)?;
    check(&mut import)?;
    Ok(import)
}

/// Has the engine read the new template; its faults are remarks.
fn check(import: &mut Import) -> Result<(), ImportError> {
    let faults = match Template::compile(&import.template) {
        Ok(_) => return Ok(()),
        Err(TemplateError::Tags(faults)) => faults.0,
        Err(other) => return Err(ImportError::Refused(other)),
    };
    import
        .remarks
        .extend(faults.into_iter().map(|fault| Remark {
            weight: Weight::Left,
            part: fault.part,
            paragraph: fault.paragraph,
            text: fault.text,
            tag: fault.tag,
            message: fault.message,
            hint: fault.hint,
        }));
    Ok(())
}

/// The entries that hold tags, by their index.
fn filled(entries: &[Entry]) -> Result<Vec<usize>, ImportError> {
    const TYPES: &str = "[Content_Types].xml";
    let index = entries.iter().find(|entry| entry.name == TYPES);
    let index = index.ok_or_else(|| ImportError::NotAPackage(format!("{TYPES} is missing")))?;
    let text = std::str::from_utf8(&index.bytes).map_err(|_| damaged(TYPES, "it is not UTF-8"))?;
    let tokens = tokenize(text).map_err(|what| damaged(TYPES, &what))?;
    let mut found = Vec::new();
    for token in tokens
        .iter()
        .filter(|token| matches!(token.kind, Kind::Open | Kind::Empty))
    {
        let kind = attribute(token.raw, "ContentType").unwrap_or_default();
        let Some(part) = attribute(token.raw, "PartName") else {
            continue;
        };
        let name = part.trim_start_matches('/');
        let at = entries
            .iter()
            .position(|entry| entry.name.eq_ignore_ascii_case(name));
        if let Some(at) = at.filter(|_| FILLED_TYPES.iter().any(|end| kind.ends_with(end))) {
            found.push(at);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn damaged(entry: &str, what: &str) -> ImportError {
    ImportError::Damaged {
        entry: entry.to_owned(),
        what: what.to_owned(),
    }
}

/// `word/header2.xml` is `header2`.
fn part_name(entry: &str) -> &str {
    let file = entry.rsplit('/').next().unwrap_or(entry);
    file.strip_suffix(".xml").unwrap_or(file)
}
