//! The API over the routes of both listeners, with a store of each kind and a sanitizer that speaks the wire.

mod acts;
mod admin;
mod batch_data;
mod bench;
mod brands;
mod coverage;
mod drafts;
mod examples;
mod flows;
mod openapi;
mod orders;
mod pages;
mod previews;
mod schedules;
mod templates;
mod tokens;

pub(crate) use bench::{Answer, Bench, person};
