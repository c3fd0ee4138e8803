//! Whether what a render writes is a document that Word opens.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod renders;
#[expect(dead_code, reason = "shared with the tests of the engine")]
#[path = "../engine/support.rs"]
mod support;
