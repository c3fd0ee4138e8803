//! Promise: what a template's author drew comes back as it was. Documents of LibreOffice, python-docx, docx-rs and our own,
//! without tags, come back byte for byte in every part; with a tag in one place, everything around that place does.
//!
//! `cargo test -p docx-jinja --test fidelity -- --nocapture` prints how many documents and places.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[expect(dead_code, reason = "shared with the comparison with docxtpl")]
#[path = "../agrees_with_docxtpl"]
mod corpus {
    pub(crate) mod cases;
    pub(crate) mod package;
    pub(crate) mod programs;
}
mod documents;

use corpus::{package, programs};
