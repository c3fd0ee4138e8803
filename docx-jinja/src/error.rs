//! What can go wrong, in words for the person who made the template.

use std::fmt;
use std::io;

use crate::valid::Invalid;

/// Why bytes are not a usable template.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Not a zip package, or a damaged one.
    #[error(
        "the file is not a Word document (.docx): {0}\nhint: open it in Word and save it as \"Word Document (*.docx)\""
    )]
    NotAPackage(String),
    /// A compound file: encrypted, or the old binary format.
    #[error(
        "the file is encrypted, or in the old .doc format\nhint: remove the password and save it as \"Word Document (*.docx)\""
    )]
    Encrypted,
    /// A bound was passed.
    #[error(
        "the template is too large: {what} is over the limit of {limit}\nhint: shrink pictures in the template, or raise the limit"
    )]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// Active or outside content that a report must not carry.
    #[error("the template holds {what} ({entry})\nhint: {hint}")]
    Refused {
        /// The entry or relationship it was found in.
        entry: String,
        /// What was found.
        what: String,
        /// The next step.
        hint: &'static str,
    },
    /// An XML part that cannot be read.
    #[error("{entry} is damaged: {what}\nhint: open the template in Word and save it again")]
    Damaged {
        /// The part.
        entry: String,
        /// What is wrong.
        what: String,
    },
    /// Tags with faults, all that were found.
    #[error("{0}")]
    Tags(TagErrors),
}

/// Why a render ended without a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A tag could not be evaluated with these values.
    #[error("{0}")]
    Tag(Box<TagError>),
    /// A bound was passed.
    #[error(
        "the document would be too large: {what} is over the limit of {limit}\nhint: choose fewer rows, or look for a loop inside a loop"
    )]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The document would not open in Word: a fault of this crate, or of markup that a caller gave.
    #[error(
        "the document would not open in Word: {0}\nhint: undo the last change of the template, and report it"
    )]
    InvalidOutput(Invalid),
    /// The document could not be written.
    #[error("the document could not be written")]
    Output(#[source] io::Error),
    /// The template changed under our hands; a fault of this crate.
    #[error("the template could not be read again: {0}")]
    Template(String),
}

/// One fault at one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagError {
    /// The part without folder and ending: `document`, `header2`, `footnotes`.
    pub part: String,
    /// The paragraph's number in that part, from 1; none outside paragraphs.
    pub paragraph: Option<usize>,
    /// The paragraph's text in the template, shortened.
    pub text: String,
    /// The tag as written.
    pub tag: String,
    /// What is wrong with it.
    pub message: String,
    /// The next step, when there is one to offer.
    pub hint: Option<String>,
}

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.part)?;
        if let Some(number) = self.paragraph {
            write!(f, ", paragraph {number}")?;
        }
        write!(f, ": {}: {}", self.tag, self.message)?;
        if !self.text.is_empty() && self.text != self.tag {
            write!(f, "\n  in: {}", self.text)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TagError {}

/// All faults found in a template's tags, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagErrors(pub Vec<TagError>);

impl fmt::Display for TagErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}
