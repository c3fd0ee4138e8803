#![doc = include_str!("../README.md")]

pub mod cli;

mod authority;
mod files;
mod plan;

pub use authority::{Authorities, Authority, AuthorityError, Hop, Issued};
pub use files::WriteError;
pub use plan::{CertificatePlan, HostName, PlanError, Usage, Validity};
