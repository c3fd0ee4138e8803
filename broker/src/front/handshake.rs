//! TLS handshakes that come to nothing: why, in one word, and whose certificate was shown.

use std::cell::OnceCell;
use std::future::Future;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};
use spokegate_identity::{OnRefused, Presented, Principal, TrustDomain};

tokio::task_local! {
    /// The certificate that the verifier refused in this task's handshake.
    static SHOWN: OnceCell<CertificateDer<'static>>;
}

/// What the verifier calls: remembers the certificate for the task whose handshake it is.
pub(super) fn on_refused() -> OnRefused {
    Arc::new(|certificate, _| {
        // Outside `watch` nobody asks.
        let _ = SHOWN.try_with(|shown| shown.set(certificate.clone().into_owned()));
    })
}

/// Runs a handshake; a refusal knows the certificate that was shown.
pub(super) async fn watch<T>(
    trust_domain: &TrustDomain,
    handshake: impl Future<Output = std::io::Result<T>>,
) -> Result<T, Failure> {
    let watched = async {
        let result = handshake.await;
        let shown = SHOWN.with(|shown| shown.get().cloned());
        result.map_err(|error| Failure::new(&error, shown, trust_domain))
    };
    SHOWN.scope(OnceCell::new(), watched).await
}

/// Why there is no TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    cause: Cause,
    detail: String,
    /// The identity in the certificate that was refused. Nobody vouches for it, unless the cause is that it is revoked.
    claimed: Option<String>,
    serial: Option<String>,
}

/// The causes that an operator would tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// On a revocation list.
    Revoked,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// None of our roots vouches for it.
    Foreign,
    /// Not made for clients.
    Purpose,
    /// Anything else about the certificate.
    Invalid,
    /// None was shown.
    NoCertificate,
    /// What came is no TLS.
    NotTls,
    /// Not a version or method of TLS that we speak.
    Incompatible,
    /// The client refused us.
    Alert,
    /// It closed before it was done.
    Lost,
    /// Anything else.
    Other,
}

impl Cause {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::Foreign,
        Self::Purpose,
        Self::Invalid,
        Self::NoCertificate,
        Self::NotTls,
        Self::Incompatible,
        Self::Alert,
        Self::Lost,
        Self::Other,
    ];

    /// One word for the audit and the metric.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Revoked => "certificate-revoked",
            Self::Expired => "certificate-expired",
            Self::NotYetValid => "certificate-not-yet-valid",
            Self::Foreign => "certificate-foreign",
            Self::Purpose => "certificate-purpose",
            Self::Invalid => "certificate-invalid",
            Self::NoCertificate => "no-certificate",
            Self::NotTls => "not-tls",
            Self::Incompatible => "tls-incompatible",
            Self::Alert => "client-alert",
            Self::Lost => "handshake-lost",
            Self::Other => "handshake",
        }
    }

    fn of(error: &std::io::Error) -> Self {
        let Some(error) = error.get_ref().and_then(|it| it.downcast_ref::<Error>()) else {
            return Self::Lost;
        };
        match error {
            Error::InvalidCertificate(error) => match error {
                CertificateError::Revoked => Self::Revoked,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYetValid
                }
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Foreign,
                CertificateError::InvalidPurpose
                | CertificateError::InvalidPurposeContext { .. } => Self::Purpose,
                _ => Self::Invalid,
            },
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidMessage(_) => Self::NotTls,
            Error::PeerIncompatible(_) => Self::Incompatible,
            Error::AlertReceived(_) => Self::Alert,
            _ => Self::Other,
        }
    }
}

impl Failure {
    fn new(
        error: &std::io::Error,
        shown: Option<CertificateDer<'static>>,
        trust_domain: &TrustDomain,
    ) -> Self {
        let presented = shown
            .as_ref()
            .and_then(|certificate| Presented::of(std::slice::from_ref(certificate)).ok());
        Self {
            cause: Cause::of(error),
            detail: error.to_string(),
            claimed: shown.map(|certificate| claimed(&certificate, trust_domain)),
            serial: presented.map(|presented| presented.serial().to_string()),
        }
    }

    /// One that has no certificate to show.
    pub(super) fn of(cause: Cause, detail: &str) -> Self {
        Self {
            cause,
            detail: detail.to_owned(),
            claimed: None,
            serial: None,
        }
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whom the certificate names, though it was refused.
    pub(super) fn claimed(&self) -> Option<&str> {
        self.claimed.as_deref()
    }

    pub(super) fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }
}

/// The identity in a certificate, or why there is none.
fn claimed(certificate: &CertificateDer<'_>, trust_domain: &TrustDomain) -> String {
    match Principal::from_certificate(certificate, trust_domain) {
        Ok(principal) => principal.spiffe_id(trust_domain),
        Err(error) => super::end::told(&error.to_string()),
    }
}
