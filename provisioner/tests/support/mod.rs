//! The sanitizer's side of the second hop: a real HTTPS server with client certificates that speaks its wire, and the
//! built daemon as a process beside it.

pub(crate) mod daemon;
mod sanitizer;

pub(crate) use daemon::Bed;
pub(crate) use sanitizer::Sanitizer;
