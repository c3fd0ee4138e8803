#![doc = include_str!("../README.md")]

mod join_token;
mod keys;
pub mod offline;
pub mod pem;
mod pin;
mod presented;
mod principal;
pub mod proof;
pub mod quarantine;
pub mod release;
mod revocation;
pub mod sealed;
pub mod secret;
mod tls;
mod trust_domain;

pub use join_token::{Door, JoinSecret, JoinToken, JoinTokenError, JoinTokenId};
pub use keys::{KeyError, PublicKey, SigningKey};
pub use pin::{Pin, PinError, pinned_client_config};
pub use presented::{CertificateId, Presented, Serial};
pub use principal::{
    IdentityError, Principal, ServiceName, is_reserved_tenant, sanitizer_client_id,
};
pub use revocation::{LIST_BYTES_MAX, LISTS_MAX, ListError, RevocationList, Roots, split_lists};
pub use tls::{
    OnRefused, Reloading, TlsError, TlsFiles, admitting_server_config, anonymous_client_config,
    client_config, door_server_config, expecting, not_after_ms, public_server_config,
    relisted_server_config, server_config,
};
pub use trust_domain::{TrustDomain, TrustDomainError};
