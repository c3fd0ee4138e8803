#![doc = include_str!("../README.md")]

mod principal;
mod tls;
mod trust_domain;

pub use principal::{
    IdentityError, Principal, ServiceName, is_reserved_tenant, sanitizer_client_id,
};
pub use tls::{
    Reloading, TlsError, TlsFiles, client_config, expecting, not_after_ms, public_server_config,
    server_config,
};
pub use trust_domain::{TrustDomain, TrustDomainError};
