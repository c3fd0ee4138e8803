//! What passes between the service and the process that fills a template.

use std::collections::BTreeMap;

use docx_jinja::{RenderError, TagError, TemplateError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::found::{Foreign, Imported, Inspected};
use super::shape::Supplied;

/// A piece of the tray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it begins.
    pub at: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
}

/// A JSON array of rows in the tray.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Where it stands.
    pub span: Span,
    /// How many rows it has.
    pub rows: u64,
}

/// Values on their way to a template. What is data is in `Plain` and in the tray, and is never taken for anything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    /// As it is.
    Plain(Value),
    /// Members in their order.
    Map(Vec<(String, Values)>),
    /// Items in their order.
    List(Vec<Values>),
    /// Rows that are read when a loop asks for them.
    Rows(Vec<Chunk>),
}

impl<T: Into<Value>> From<T> for Values {
    fn from(value: T) -> Self {
        Self::Plain(value.into())
    }
}

/// What the process is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Task {
    /// Fill the template and write the document.
    Render,
    /// Read the template, and fill it for nobody when there are values.
    Check,
    /// Tell what the template reads and what is wrong with it.
    Inspect,
    /// Write a copy of the template with a comment at each of these faults.
    Mark(Vec<TagFault>),
    /// Take over a template of docxtemplater and write the new one.
    Import(Foreign),
    /// Tell what the picture in the template's place says of itself.
    Measure,
}

/// The last piece of the tray.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) task: Task,
    pub(super) template: Span,
    /// Pictures by name.
    pub(super) pictures: BTreeMap<String, Span>,
    pub(super) values: Option<Values>,
    /// The name of the locale that it is filled in.
    pub(super) locale: String,
    /// Whether Word brings a table of contents up to date.
    pub(super) refresh_fields: bool,
    /// What the values have, where that is known.
    pub(super) shape: Option<Supplied>,
}

/// What the process says before it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// All done; the document's size in bytes.
    Done(u64),
    /// What a template reads.
    Inspected(Inspected),
    /// A template taken over.
    Imported(Imported),
    /// What a picture says of itself.
    Measured(Measured),
    /// The template is not usable.
    Template(Told),
    /// It cannot be filled with these values.
    Values(Told),
    /// A picture of this name is none.
    Picture(String, String),
    /// The document cannot be written.
    Output(String),
    /// The process itself is not fit for the work.
    Unfit(String),
}

/// What a picture says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Its media type.
    pub media_type: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A fault in words, and place by place where there are places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// All of it.
    pub text: String,
    /// The tags with faults.
    pub tags: Vec<TagFault>,
}

/// A fault at one tag of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagFault {
    /// The part: `document`, `header2`.
    pub part: String,
    /// The paragraph's number in that part, from 1.
    pub paragraph: Option<usize>,
    /// The paragraph's text, shortened.
    pub text: String,
    /// The tag as written.
    pub tag: String,
    /// What is wrong with it.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

impl From<&TagError> for TagFault {
    fn from(error: &TagError) -> Self {
        let error = error.clone();
        Self {
            part: error.part,
            paragraph: error.paragraph,
            text: error.text,
            tag: error.tag,
            message: error.message,
            hint: error.hint,
        }
    }
}

impl From<TagFault> for TagError {
    fn from(fault: TagFault) -> Self {
        Self {
            part: fault.part,
            paragraph: fault.paragraph,
            text: fault.text,
            tag: fault.tag,
            message: fault.message,
            hint: fault.hint,
        }
    }
}

impl From<&TemplateError> for Told {
    fn from(error: &TemplateError) -> Self {
        let tags = match error {
            TemplateError::Tags(faults) => faults.0.iter().map(TagFault::from).collect(),
            _ => Vec::new(),
        };
        Self {
            text: error.to_string(),
            tags,
        }
    }
}

impl From<&RenderError> for Told {
    fn from(error: &RenderError) -> Self {
        let tags = match error {
            RenderError::Tag(fault) => vec![TagFault::from(fault.as_ref())],
            _ => Vec::new(),
        };
        Self {
            text: error.to_string(),
            tags,
        }
    }
}
