//! The shipped report `customer-overview`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod build;
mod report;
mod template;
