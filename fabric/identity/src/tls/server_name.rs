//! Accepts a server's certificate by a configured name where the address dialled is another, for example an IP address
//! or a relay. Chain, dates and roots are verified as ever.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::{TlsError, TlsFiles, roots};

/// A [`client_config`](super::client_config) of the same files, expecting `name` in the server's certificate whatever
/// was dialled.
pub fn expecting(
    base: &ClientConfig,
    files: &TlsFiles,
    name: &str,
) -> Result<Arc<ClientConfig>, TlsError> {
    let name = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName {
        name: name.to_owned(),
    })?;
    let provider = Arc::clone(base.crypto_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(&files.ca)?), provider)
        .build()
        .map_err(|error| TlsError::Roots {
            path: files.ca.clone(),
            problem: error.to_string(),
        })?;
    let mut config = base.clone();
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(Expecting { name, inner }));
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct Expecting {
    name: ServerName<'static>,
    inner: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Expecting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
