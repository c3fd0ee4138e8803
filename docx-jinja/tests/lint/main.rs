//! What a template reads, what is wrong with it, and how both are told.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod compare;
mod inspect;
mod marked;
#[expect(dead_code, reason = "shared with the tests of the engine")]
#[path = "../engine/support.rs"]
mod support;
