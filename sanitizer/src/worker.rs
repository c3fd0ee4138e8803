//! The worker process: judges the messages of one tenant and seals what passes.

#[cfg(feature = "backdoor")]
mod backdoor;
mod judge;
mod process;
mod records;

pub(crate) use judge::Bench;
pub(crate) use process::{confine, main};
