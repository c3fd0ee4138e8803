//! The engine from outside: packages in, packages out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod bombs;
mod cells;
mod completed;
mod corpus;
mod errors;
mod inserts;
mod lists;
mod markdown;
mod parts;
mod properties;
mod refusals;
mod render;
mod structure;
mod subdocuments;
mod support;
