//! The API over the routes of both listeners, with a store of each kind and a sanitizer that speaks the wire.

mod bench;
mod openapi;
mod orders;
mod pages;
mod tokens;

pub(crate) use bench::Bench;
