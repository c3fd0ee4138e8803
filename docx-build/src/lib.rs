#![doc = include_str!("../README.md")]

pub mod docxtemplater;

mod fragment;
mod markup;
mod mend;
mod package;
mod shape;
mod starter;

pub use fragment::{Block, fragment};
pub use shape::{DatasetShape, Field, FieldKind};
pub use starter::starter_template;

/// Why a document could not be made; a fault of this crate.
#[derive(Debug, thiserror::Error)]
#[error("the document could not be made: {0}")]
pub struct BuildError(String);
