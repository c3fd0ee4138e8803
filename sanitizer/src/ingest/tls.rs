//! TLS towards the broker, also when it is reached under another name than its certificate's.

use anyhow::{Context as _, anyhow};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use spokegate_identity::TlsFiles;
use std::sync::Arc;

/// The configuration for a broker that is dialled as `host` and whose certificate says `server_name`.
pub(super) fn client_config(
    files: &TlsFiles,
    host: &str,
    server_name: &str,
) -> anyhow::Result<Arc<ClientConfig>> {
    let config = spokegate_identity::client_config(files)?;
    if host == server_name {
        return Ok(config);
    }
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(&files.ca).context("read the broker's roots")?
    {
        roots.add(certificate.context("read the broker's roots")?)?;
    }
    let provider = Arc::clone(config.crypto_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|_| anyhow!("broker.server_name {server_name:?} is no host name"))?;
    let mut config = Arc::unwrap_or_clone(config);
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(OtherName { inner, name }));
    Ok(Arc::new(config))
}

/// Verifies as always, against a name of its own.
#[derive(Debug)]
struct OtherName {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for OtherName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
