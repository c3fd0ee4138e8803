//! What a certificate will say, as a value.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use spokegate_contract::Address;
use spokegate_identity::{Principal, ServiceName, TrustDomain, is_reserved_tenant};

/// Certificates begin this much before they are issued, for clocks that are behind.
const BACKDATE_MS: u64 = 300_000;
const DAY_MS: u64 = 86_400_000;
/// X.520 allows 64 characters in a common name.
const COMMON_NAME_BYTES_MAX: usize = 64;
const HOST_NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The life of a certificate, in milliseconds since the Unix epoch. Certificates count in
/// seconds; fractions are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before_ms: u64,
    /// The last moment.
    pub not_after_ms: u64,
}

impl Validity {
    /// From five minutes before `now_ms` until `days` after it.
    pub fn days(now_ms: u64, days: u32) -> Self {
        Self {
            not_before_ms: now_ms.saturating_sub(BACKDATE_MS),
            not_after_ms: now_ms.saturating_add(u64::from(days).saturating_mul(DAY_MS)),
        }
    }

    /// Any two moments; a past or a future life makes a certificate that peers refuse.
    pub fn between(not_before_ms: u64, not_after_ms: u64) -> Self {
        Self {
            not_before_ms,
            not_after_ms,
        }
    }
}

/// What the holder may do with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Open connections (`clientAuth`).
    Client,
    /// Accept connections (`serverAuth`).
    Server,
}

/// The name of a listener: a DNS name, without wildcard, or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostName {
    /// A DNS name in lower case.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// What a certificate will say. Made by the constructors only, so that every plan is one that the
/// rest of the system accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePlan {
    pub(crate) common_name: Option<String>,
    pub(crate) names: Names,
    pub(crate) usage: Usage,
    pub(crate) validity: Validity,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Principal(Principal, String),
    Hosts(Vec<HostName>),
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The tenant id would give a customer the client ids of a service.
    #[error("the tenant id {0:?} is reserved, hint: choose another")]
    ReservedTenant(String),
    /// A listener without a name.
    #[error("a server certificate needs at least one host name or address")]
    NoName,
    /// Not a DNS name and not an address.
    #[error(
        "{0:?} is no host name; allowed are DNS names in lower case without wildcard, and IP addresses"
    )]
    HostName(String),
    /// The life ends before it begins.
    #[error("the certificate would end before it begins")]
    EmptyLife,
}

impl CertificatePlan {
    /// For an agent.
    pub fn satellite(
        address: &Address,
        domain: &TrustDomain,
        validity: Validity,
    ) -> Result<Self, PlanError> {
        if is_reserved_tenant(&address.tenant) {
            return Err(PlanError::ReservedTenant(address.tenant.to_string()));
        }
        Self::principal(Principal::Satellite(address.clone()), domain, validity)
    }

    /// For a service as a client.
    pub fn service(
        name: ServiceName,
        domain: &TrustDomain,
        validity: Validity,
    ) -> Result<Self, PlanError> {
        Self::principal(Principal::Service(name), domain, validity)
    }

    /// For a listener under these names.
    pub fn server(names: &[HostName], validity: Validity) -> Result<Self, PlanError> {
        let common_name = names.first().ok_or(PlanError::NoName)?.to_string();
        Self {
            common_name: short(common_name),
            names: Names::Hosts(names.to_vec()),
            usage: Usage::Server,
            validity,
        }
        .checked()
    }

    /// The identity that the holder will have, if it is a client.
    pub fn identity(&self) -> Option<&Principal> {
        match &self.names {
            Names::Principal(principal, _) => Some(principal),
            Names::Hosts(_) => None,
        }
    }

    /// What the holder may do.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// How long.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    fn principal(
        principal: Principal,
        domain: &TrustDomain,
        validity: Validity,
    ) -> Result<Self, PlanError> {
        let (common_name, id) = (short(principal.client_id()), principal.spiffe_id(domain));
        Self {
            common_name,
            names: Names::Principal(principal, id),
            usage: Usage::Client,
            validity,
        }
        .checked()
    }

    fn checked(self) -> Result<Self, PlanError> {
        if self.validity.not_before_ms < self.validity.not_after_ms {
            Ok(self)
        } else {
            Err(PlanError::EmptyLife)
        }
    }
}

/// One line for people and golden files.
impl fmt::Display for CertificatePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.names {
            Names::Principal(_, id) => write!(f, "client {id}"),
            Names::Hosts(names) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                write!(f, "server {}", names.join(", "))
            }
        }
    }
}

impl FromStr for HostName {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let label = |label: &str| {
            (1..=LABEL_BYTES_MAX).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        };
        // All digits in the last label would read as a broken address.
        let numeric = text
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
        if text.len() <= HOST_NAME_BYTES_MAX && text.split('.').all(label) && !numeric {
            Ok(Self::Dns(text.to_owned()))
        } else {
            Err(PlanError::HostName(text.to_owned()))
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// A common name helps brokers and people who read it; identity never comes from it. One that is
/// too long is left out rather than cut, which could make two alike.
fn short(common_name: String) -> Option<String> {
    (common_name.len() <= COMMON_NAME_BYTES_MAX).then_some(common_name)
}

#[cfg(test)]
mod tests;
