#![doc = include_str!("../README.md")]

pub mod broker_config;
pub mod cli;
pub mod config;
pub mod rules;

mod audit_export;
mod audit_key;
mod authority;
mod files;
mod flow_set;
mod hop;
mod module;
mod office;
mod plan;
mod registry;
mod service;

pub use audit_key::AuditKey;
pub use authority::{Authorities, Authority, AuthorityError, Certified, Issued, Reason};
pub use config::Config;
pub use files::WriteError;
pub use hop::Hop;
pub use office::{Admitted, Carried, Office, OfficeError, Policy, Revoked, TokenOrder};
pub use plan::{CertificatePlan, HostName, PlanError, Usage, Validity};
pub use registry::{
    AuditRecord, ChainState, ListState, OpenRequest, REGISTRY_FILE, Registry, RegistryError,
    RequestState, SatelliteState,
};
pub use service::{Provisioner, Service};
