//! The verifier of client certificates: one WebPKI verifier for each root with that root's own revocation list, because
//! two roots of one name, as during a change of CA, would otherwise spoil one another's lists.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::provider;
use crate::revocation::{RevocationList, Roots};

/// Is told the end-entity certificate that a verifier refuses, and why. Called inside the handshake.
pub type OnRefused = Arc<dyn Fn(&CertificateDer<'_>, &Error) + Send + Sync>;

/// Accepts what one of the roots vouches for and no list revokes.
pub(super) fn verifier(
    roots: &Roots,
    lists: &[RevocationList],
    on_refused: Option<OnRefused>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut by_root = Vec::new();
    for root in roots.certificates() {
        let mut store = RootCertStore::empty();
        store.add(root.clone()).map_err(|error| error.to_string())?;
        let own = lists.iter().filter(|list| list.is_of(root));
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider())
            .with_crls(own.map(|list| list.der().clone()))
            .allow_unknown_revocation_status()
            .build();
        by_root.push(verifier.map_err(|error| error.to_string())?);
    }
    let Some(first) = by_root.first().cloned() else {
        return Err("no certificate in it".to_owned());
    };
    let mut hints: Vec<DistinguishedName> = Vec::new();
    for hint in by_root.iter().flat_map(|it| it.root_hint_subjects()) {
        if hints.iter().all(|known| known.as_ref() != hint.as_ref()) {
            hints.push(hint.clone());
        }
    }
    Ok(Arc::new(Admitting {
        first,
        by_root,
        hints,
        on_refused,
    }))
}

struct Admitting {
    first: Arc<dyn ClientCertVerifier>,
    by_root: Vec<Arc<dyn ClientCertVerifier>>,
    hints: Vec<DistinguishedName>,
    on_refused: Option<OnRefused>,
}

impl Admitting {
    /// Revoked by one root is revoked, whatever another says; else one that vouches is enough; else the reason that
    /// tells most.
    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut vouched = None;
        let mut refused: Option<Error> = None;
        for verifier in &self.by_root {
            match verifier.verify_client_cert(end_entity, intermediates, now) {
                Ok(verified) => vouched = Some(verified),
                Err(error) if is_revoked(&error) => return Err(error),
                Err(error)
                    if refused
                        .as_ref()
                        .is_none_or(|it| weight(&error) > weight(it)) =>
                {
                    refused = Some(error);
                }
                Err(_) => {}
            }
        }
        match (vouched, refused) {
            (Some(verified), _) => Ok(verified),
            (None, Some(error)) => Err(error),
            (None, None) => Err(CertificateError::UnknownIssuer.into()),
        }
    }
}

fn is_revoked(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Revoked))
}

/// What another root says of a certificate that is not its own tells least.
fn weight(error: &Error) -> u8 {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => 0,
        Error::InvalidCertificate(CertificateError::BadSignature) => 1,
        _ => 2,
    }
}

impl ClientCertVerifier for Admitting {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let result = self.judge(end_entity, intermediates, now);
        if let (Err(error), Some(on_refused)) = (&result, &self.on_refused) {
            on_refused(end_entity, error);
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}

impl fmt::Debug for Admitting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admitting({} roots)", self.by_root.len())
    }
}
