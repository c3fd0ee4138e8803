#![doc = include_str!("../README.md")]

mod additions;
mod budget;
mod chart;
mod check;
mod engine;
mod error;
mod escape;
mod filters;
pub mod limits;
pub mod lint;
mod locale;
mod locate;
mod numbering;
mod package;
mod prepare;
mod settings;
mod shape;
mod sink;
mod subdocument;
mod suggest;
mod tags;
mod template;
pub mod valid;
pub mod values;
mod workbook;
mod xml;

pub use error::{RenderError, TagError, TagErrors, TemplateError};
pub use limits::{Limits, Options};
pub use lint::{Inspection, Shape};
pub use locale::{Locale, UnknownLocale};
pub use minijinja::{self, Value};
pub use subdocument::SubDocument;
pub use template::{RenderReport, Template};
