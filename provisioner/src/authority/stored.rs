//! Reading back an authority's certificate.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use spokegate_identity::TrustDomain;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::x509;
use crate::hop::Hop;
use crate::plan::Validity;

/// What an authority's certificate says.
pub(super) struct Stored {
    pub(super) hop: Hop,
    pub(super) trust_domain: TrustDomain,
    pub(super) validity: Validity,
    pub(super) der: Vec<u8>,
}

/// Reads a certificate and checks that it is an authority's, made by this program for this key.
pub(super) fn read(pem: &str, public_key: &[u8]) -> Result<Stored, String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| format!("ca.pem: {error}"))?;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|error| format!("ca.pem: {error}"))?;
    if !certificate.is_ca() {
        return Err("ca.pem is not the certificate of an authority".to_owned());
    }
    if certificate.public_key().subject_public_key.as_ref() != public_key {
        return Err("ca.pem and ca-key.pem do not belong together".to_owned());
    }
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0).saturating_mul(1_000);
    let validity = certificate.validity();
    let validity = Validity::between(
        seconds(validity.not_before.timestamp()),
        seconds(validity.not_after.timestamp()),
    );
    let (hop, trust_domain) = (hop(&certificate)?, trust_domain(&certificate)?);
    Ok(Stored {
        hop,
        trust_domain,
        validity,
        der: der.to_vec(),
    })
}

fn hop(certificate: &X509Certificate<'_>) -> Result<Hop, String> {
    let subject = certificate.subject().to_string();
    [Hop::Fabric, Hop::Inner]
        .into_iter()
        .find(|hop| subject == format!("CN={}", x509::authority_common_name(*hop)))
        .ok_or_else(|| {
            format!("ca.pem is named {subject:?}, which is neither authority of Spokegate")
        })
}

fn trust_domain(certificate: &X509Certificate<'_>) -> Result<TrustDomain, String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    match names.map(|names| names.value.general_names.as_slice()) {
        Some([GeneralName::URI(uri)]) => uri
            .strip_prefix("spiffe://")
            .and_then(|domain| domain.parse().ok())
            .ok_or_else(|| format!("ca.pem names no trust domain but {uri:?}")),
        _ => Err("ca.pem names no trust domain".to_owned()),
    }
}
