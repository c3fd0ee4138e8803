//! Promise: what a render writes obeys the schemas of ECMA-376. Every template of the comparison with docxtpl, and documents
//! with all that values can add, are checked by the rules of Microsoft's Open XML SDK; what a template's own program did not
//! heed is no fault of the render.
//!
//! `cargo test -p docx-jinja --test schema -- --nocapture` prints how many documents.

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
    pub(crate) mod values;
}
mod documents;
mod features;

use corpus::{package, programs};
