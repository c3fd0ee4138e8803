#![doc = include_str!("../README.md")]

pub mod audit;
pub mod chain;
pub mod cli;
pub mod config;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod ops;

mod backoff;
mod below;
mod clock;
mod lifecycle;
mod readiness;
mod secret;
mod tasks;
mod watched;

pub use backoff::Backoff;
pub use below::{BelowError, is_below, open_below};
pub use clock::{Clock, ManualClock};
pub use lifecycle::{Context, EXIT_CONFIG, EXIT_CUT_SHORT, EXIT_FAILURE, run_until_signal};
pub use readiness::{Latch, Readiness};
pub use secret::{Secret, SecretError, SecretSource};
pub use tasks::{Outcome, Shutdown, TaskFailure, Tasks};
pub use watched::Watched;
