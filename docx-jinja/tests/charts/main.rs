//! Charts drawn in Word get new values, and charts are drawn where a template has none.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod drawn;
mod faults;
mod filled;
mod office;
mod support;
