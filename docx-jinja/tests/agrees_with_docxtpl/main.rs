//! Promise: templates written for docxtpl give the same documents. Every template is filled by docx-jinja and by docxtpl
//! with the same values; the documents must agree in text, structure, looks, properties and pictures, and in the text of the
//! PDF that LibreOffice makes of them. Where ours differs on purpose, the difference is pinned with its reason.
//!
//! `cargo test -p docx-jinja --test agrees_with_docxtpl -- --nocapture` prints every template.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking and prints its table"
)]

mod agreement;
mod cases;
mod differences;
mod package;
mod programs;
mod reading;
mod values;
