//! Plans as rcgen takes them. The only place, with its parent, that names rcgen.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose, SanType,
    SerialNumber,
};
use spokegate_identity::TrustDomain;
use time::OffsetDateTime;

use super::{AuthorityError, library};
use crate::hop::Hop;
use crate::plan::{CertificatePlan, HostName, Names, Validity};

/// RFC 5280 allows 20 bytes; 16 random ones cannot be guessed and do not repeat.
const SERIAL_BYTES: usize = 16;

/// The certificate of an authority. Its one name is the trust domain's SPIFFE id.
pub(super) fn authority(
    hop: Hop,
    trust_domain: &TrustDomain,
    validity: Validity,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = common(validity, serial()?)?;
    params.distinguished_name = authority_name(hop);
    params.subject_alt_names = vec![uri(&trust_domain_id(trust_domain))?];
    // No authority below this one.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The certificate of a client or a listener.
///
/// All of it comes from the plan: of the one who asks, only the public key ends up in the certificate.
pub(super) fn leaf(
    plan: &CertificatePlan,
    serial: SerialNumber,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = common(plan.validity, serial)?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = &plan.common_name {
        params
            .distinguished_name
            .push(DnType::CommonName, name.as_str());
    }
    params.subject_alt_names = match &plan.names {
        Names::Principal(_, id) => vec![uri(id)?],
        Names::Hosts(names) => names.iter().map(host).collect::<Result<_, _>>()?,
    };
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![plan.usage.into()];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// The common name of an authority's certificate.
pub(super) fn authority_common_name(hop: Hop) -> String {
    format!("Spokegate {hop} authority")
}

/// The name that an authority's certificate bears.
pub(super) fn trust_domain_id(trust_domain: &TrustDomain) -> String {
    format!("spiffe://{trust_domain}")
}

/// A moment as certificates count it, in whole seconds.
pub(super) fn moment(ms: u64) -> Result<OffsetDateTime, AuthorityError> {
    i64::try_from(ms / 1_000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| AuthorityError::Library("a date beyond the year 9999".to_owned()))
}

fn common(validity: Validity, serial: SerialNumber) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.not_before = moment(validity.not_before_ms)?;
    params.not_after = moment(validity.not_after_ms)?;
    params.serial_number = Some(serial);
    Ok(params)
}

fn authority_name(hop: Hop) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, authority_common_name(hop));
    name
}

fn uri(text: &str) -> Result<SanType, AuthorityError> {
    Ok(SanType::URI(text.try_into().map_err(library)?))
}

fn host(name: &HostName) -> Result<SanType, AuthorityError> {
    Ok(match name {
        HostName::Dns(name) => SanType::DnsName(name.as_str().try_into().map_err(library)?),
        HostName::Ip(ip) => SanType::IpAddress(*ip),
    })
}

/// A new serial number.
pub(super) fn serial() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0; SERIAL_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| AuthorityError::Library(format!("no randomness: {error}")))?;
    // Positive and of full length, whatever was drawn.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
