#![doc = include_str!("../README.md")]

mod client;
mod config;
mod connector;
mod lane;
mod leases;
mod line;
mod link;
mod properties;
mod seal;
mod share;

pub use client::{CallError, Client, Endpoint, RequestError};
pub use config::SanitizerConfig;
pub use lane::Intake;
pub use leases::Leases;
pub use line::LineFault;
pub use link::{BACKOFF_MS, Link};
#[doc(hidden)]
pub use properties::assert_lines;
pub use seal::SealKey;
pub use share::{Home, Lost};
