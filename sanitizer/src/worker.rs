//! The worker process: judges the messages of one tenant and seals what passes.

#[cfg(feature = "backdoor")]
mod backdoor;
mod desk;
mod judge;
mod process;
mod records;

pub use desk::Unconfined;
pub(crate) use judge::Bench;
pub(crate) use process::{confine, main};
