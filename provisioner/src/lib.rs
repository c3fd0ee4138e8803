#![doc = include_str!("../README.md")]

pub mod cli;

mod authority;
mod files;
mod hop;
mod plan;

pub use authority::{Authorities, Authority, AuthorityError, Issued};
pub use files::WriteError;
pub use hop::Hop;
pub use plan::{CertificatePlan, HostName, PlanError, Usage, Validity};
