//! Certificate to principal: one spelling of each identity, and nothing beside it.

use std::fmt;

use spokegate_contract::{Address, ENROLMENT_TENANT, SANITIZER_TENANT, SatelliteId, TenantId};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::TrustDomain;

/// Tenant ids that no certificate may carry: the client ids of one would be a service's at a broker shared by all
/// tenants, under the other stands the broker's enrolment door.
const RESERVED_TENANTS: [&str; 2] = [SANITIZER_TENANT, ENROLMENT_TENANT];

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// An agent in a customer's segment.
    Satellite(Address),
    /// A service of the MSP.
    Service(ServiceName),
}

/// The services that have an identity of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceName {
    /// Takes messages apart between broker and centre.
    Sanitizer,
    /// The centre.
    ReportService,
    /// Issues certificates; in the centre as well.
    Provisioner,
}

/// Why a certificate is nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not one certificate in DER, or with broken extensions.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// No subject alternative name, or more than one.
    #[error("the certificate has {0} subject alternative names, allowed is exactly one, a URI")]
    NameCount(usize),
    /// The one subject alternative name is no URI.
    #[error("the certificate's subject alternative name is no URI")]
    NotUri,
    /// The URI is not `spiffe://…`.
    #[error("the identity {0:?} is no SPIFFE id")]
    NotSpiffe(String),
    /// The identity belongs to another installation.
    #[error("the identity {0:?} belongs to another trust domain")]
    ForeignTrustDomain(String),
    /// The path names neither a satellite nor a known service, in their one spelling.
    #[error("the identity {0:?} names neither a satellite nor a service")]
    UnknownPath(String),
    /// A tenant id that no customer may have.
    #[error("the identity {0:?} has a reserved tenant id")]
    ReservedTenant(String),
}

impl IdentityError {
    /// A short word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "certificate-unreadable",
            Self::NameCount(_) => "identity-count",
            Self::NotUri => "identity-not-uri",
            Self::NotSpiffe(_) => "identity-not-spiffe",
            Self::ForeignTrustDomain(_) => "identity-foreign",
            Self::UnknownPath(_) => "identity-unknown",
            Self::ReservedTenant(_) => "identity-reserved",
        }
    }
}

impl ServiceName {
    /// All services.
    pub const ALL: [Self; 3] = [Self::Sanitizer, Self::ReportService, Self::Provisioner];

    /// The name in the identity: `sanitizer`, `report-service` or `provisioner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sanitizer => "sanitizer",
            Self::ReportService => "report-service",
            Self::Provisioner => "provisioner",
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ServiceName {
    type Err = UnknownService;

    fn from_str(text: &str) -> Result<Self, UnknownService> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownService(text.to_owned()))
    }
}

/// A name that no service has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no service; allowed are sanitizer, report-service and provisioner")]
pub struct UnknownService(String);

impl Principal {
    /// The principal of an end-entity certificate whose chain has been verified. Refuses whatever
    /// is not exactly one known identity of `trust_domain`.
    pub fn from_certificate(der: &[u8], trust_domain: &TrustDomain) -> Result<Self, IdentityError> {
        Self::from_spiffe_id(&one_uri(der)?, trust_domain)
    }

    /// Like [`Self::from_certificate`], in whatever installation the certificate names: for someone
    /// who joins one by a pinned root and learns its name by that.
    pub fn joined(der: &[u8]) -> Result<(TrustDomain, Self), IdentityError> {
        let uri = one_uri(der)?;
        let name = uri
            .strip_prefix("spiffe://")
            .and_then(|rest| rest.split('/').next());
        let trust_domain = name.and_then(|name| name.parse().ok());
        let trust_domain = trust_domain.ok_or_else(|| IdentityError::NotSpiffe(uri.clone()))?;
        let principal = Self::from_spiffe_id(&uri, &trust_domain)?;
        Ok((trust_domain, principal))
    }

    /// The principal of a SPIFFE id in its one spelling.
    pub fn from_spiffe_id(uri: &str, trust_domain: &TrustDomain) -> Result<Self, IdentityError> {
        let rest = uri
            .strip_prefix("spiffe://")
            .ok_or_else(|| IdentityError::NotSpiffe(uri.to_owned()))?;
        let path = rest
            .strip_prefix(trust_domain.as_str())
            .filter(|path| path.is_empty() || path.starts_with('/'))
            .ok_or_else(|| IdentityError::ForeignTrustDomain(uri.to_owned()))?;
        let unknown = || IdentityError::UnknownPath(uri.to_owned());
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["", "tenant", tenant, "satellite", satellite] => {
                let tenant: TenantId = tenant.parse().map_err(|_| unknown())?;
                let satellite: SatelliteId = satellite.parse().map_err(|_| unknown())?;
                if is_reserved_tenant(&tenant) {
                    return Err(IdentityError::ReservedTenant(uri.to_owned()));
                }
                Ok(Self::Satellite(Address::new(tenant, satellite)))
            }
            ["", "service", name] => name.parse().map(Self::Service).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }

    /// The SPIFFE id, as the certificate carries it.
    pub fn spiffe_id(&self, trust_domain: &TrustDomain) -> String {
        match self {
            Self::Satellite(Address { tenant, satellite }) => {
                format!("spiffe://{trust_domain}/tenant/{tenant}/satellite/{satellite}")
            }
            Self::Service(name) => format!("spiffe://{trust_domain}/service/{name}"),
        }
    }

    /// The only MQTT client id of this principal: `<tenant>.<satellite>`, or the service's name,
    /// whose sessions per tenant have [`sanitizer_client_id`].
    pub fn client_id(&self) -> String {
        match self {
            Self::Satellite(Address { tenant, satellite }) => format!("{tenant}.{satellite}"),
            Self::Service(name) => name.to_string(),
        }
    }
}

/// The one name of a certificate, which must be a URI.
pub(crate) fn one_uri(der: &[u8]) -> Result<String, IdentityError> {
    let unreadable = |error: &dyn fmt::Display| IdentityError::Unreadable(error.to_string());
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| unreadable(&error))?;
    if !rest.is_empty() {
        return Err(unreadable(&"bytes follow it"));
    }
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| unreadable(&error))?;
    match names
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default()
    {
        [GeneralName::URI(uri)] => Ok((*uri).to_owned()),
        [_] => Err(IdentityError::NotUri),
        names => Err(IdentityError::NameCount(names.len())),
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Satellite(address) => write!(f, "satellite {address}"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

/// The client id of the sanitizer's session in a tenant's cell: `sanitizer.<tenant>`.
pub fn sanitizer_client_id(tenant: &TenantId) -> String {
    format!("{}.{tenant}", ServiceName::Sanitizer)
}

/// True for a tenant id that no customer may have, because it belongs to a service or to the enrolment door.
pub fn is_reserved_tenant(tenant: &TenantId) -> bool {
    RESERVED_TENANTS.contains(&tenant.as_str())
}

#[cfg(test)]
mod tests;
