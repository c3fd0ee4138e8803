//! What the centre answers is believed only if a root that is trusted already has signed it. Pure.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use spokegate_contract::{Address, RequestId};
use spokegate_identity::proof::verify_admission;
use spokegate_identity::{IdentityError, Principal, PublicKey, TrustDomain, pem};

use super::life::{Life, Stage, told};

/// What the centre sent: a certificate (DER), the roots to trust from now on (PEM), and the
/// authority's signature over both and the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) id: RequestId,
    pub(crate) certificate: Vec<u8>,
    pub(crate) roots: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// What was asked for, and who may answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    /// The new key.
    pub(crate) key: &'a PublicKey,
    /// The roots that are trusted already, any of which may sign.
    pub(crate) trusted: &'a [CertificateDer<'a>],
    /// Who we are; none when the certificate is to tell.
    pub(crate) who: Option<(&'a TrustDomain, &'a Address)>,
    /// What the machine's clock says.
    pub(crate) now_ms: u64,
}

/// A certificate that may be used, with the roots to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) trust_domain: TrustDomain,
    pub(crate) address: Address,
    pub(crate) life: Life,
    pub(crate) certificate_pem: String,
    pub(crate) roots_pem: String,
}

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmitError {
    #[error(
        "the answer is not signed by a root that this satellite trusts, and nothing of it is kept"
    )]
    Signature,
    #[error("the answer's roots cannot be read: {0}")]
    Roots(String),
    #[error("the answer's certificate is for another key")]
    OtherKey,
    #[error("the answer's certificate is nobody: {0}")]
    Nobody(#[from] IdentityError),
    #[error("the answer's certificate is for {got}, not for {ours}")]
    OtherAddress { got: String, ours: String },
    #[error(
        "the new certificate is valid from {} and this machine's clock says {}, hint: set the clock and try again", told(*.not_before_ms), told(*.now_ms)
    )]
    Early { not_before_ms: u64, now_ms: u64 },
    #[error(
        "the new certificate was valid until {} and this machine's clock says {}, hint: set the clock and try again", told(*.not_after_ms), told(*.now_ms)
    )]
    Over { not_after_ms: u64, now_ms: u64 },
    #[error("the answer's certificate does not come from the answer's roots: {0}")]
    Chain(String),
}

/// Verifies an answer; only then does it become something that can be stored.
pub(crate) fn admit(expected: &Expected<'_>, issued: &Issued) -> Result<Admitted, AdmitError> {
    let what = (issued.certificate.as_slice(), issued.roots.as_slice());
    let signed_by = |root: &CertificateDer<'_>| {
        PublicKey::of_certificate(root)
            .is_ok_and(|key| verify_admission(&key, &issued.id, what, &issued.signature).is_ok())
    };
    if !expected.trusted.iter().any(signed_by) {
        return Err(AdmitError::Signature);
    }
    let certificate = CertificateDer::from(issued.certificate.as_slice());
    if PublicKey::of_certificate(&certificate) != Ok(*expected.key) {
        return Err(AdmitError::OtherKey);
    }
    let (trust_domain, principal) = Principal::joined(&certificate)?;
    let address = match principal {
        Principal::Satellite(address) => address,
        Principal::Service(name) => return Err(other(&name, expected)),
    };
    if expected
        .who
        .is_some_and(|who| who != (&trust_domain, &address))
    {
        return Err(other(&format!("{address} in {trust_domain}"), expected));
    }
    let life = Life::of(&certificate)?;
    in_time(&life, expected.now_ms)?;
    let roots_pem = chain(&certificate, &issued.roots, expected.now_ms)?;
    Ok(Admitted {
        trust_domain,
        address,
        life,
        certificate_pem: pem::encode("CERTIFICATE", &certificate),
        roots_pem,
    })
}

fn other(got: &impl ToString, expected: &Expected<'_>) -> AdmitError {
    AdmitError::OtherAddress {
        got: got.to_string(),
        ours: expected.who.map_or_else(
            || "a satellite".to_owned(),
            |(domain, address)| format!("{address} in {domain}"),
        ),
    }
}

fn in_time(life: &Life, now_ms: u64) -> Result<(), AdmitError> {
    let Life {
        not_before_ms,
        not_after_ms,
        ..
    } = *life;
    match life.stage(now_ms) {
        Stage::Early => Err(AdmitError::Early {
            not_before_ms,
            now_ms,
        }),
        Stage::Expired => Err(AdmitError::Over {
            not_after_ms,
            now_ms,
        }),
        Stage::Fresh | Stage::Due => Ok(()),
    }
}

/// Verifies the certificate as the broker will; gives the roots' text.
fn chain(
    certificate: &CertificateDer<'_>,
    roots: &[u8],
    now_ms: u64,
) -> Result<String, AdmitError> {
    let text = std::str::from_utf8(roots).map_err(|error| AdmitError::Roots(error.to_string()))?;
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots) {
        let root = root.map_err(|error| AdmitError::Roots(error.to_string()))?;
        store
            .add(root)
            .map_err(|error| AdmitError::Roots(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| AdmitError::Roots(error.to_string()))?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
    verifier
        .verify_client_cert(certificate, &[], now)
        .map_err(|error| AdmitError::Chain(error.to_string()))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
