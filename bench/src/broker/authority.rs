//! The bench's own certificate authority: each certificate names its holder for both sides, as a URI for Spokegate and
//! as the common name for Mosquitto.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SanType,
};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

/// Issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
}

/// One client: who it is and how it connects.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Client id, and common name.
    pub(crate) id: String,
    /// Its certificate, ready to connect.
    pub(crate) tls: Arc<ClientConfig>,
}

impl Authority {
    /// A new root.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("make the root's key")?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named("bench root");
        let certificate = params.self_signed(&key).context("sign the root")?;
        Ok(Self {
            root_pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// A satellite.
    pub(crate) fn satellite(&self, tenant: &str, satellite: &str) -> anyhow::Result<Identity> {
        let uri = format!("spiffe://spokegate.local/tenant/{tenant}/satellite/{satellite}");
        self.client(&format!("{tenant}.{satellite}"), &uri)
    }

    /// Writes a satellite's `agent.pem`, `agent.key` and `ca.pem`.
    pub(crate) fn write_satellite(
        &self,
        tenant: &str,
        satellite: &str,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let uri = format!("spiffe://spokegate.local/tenant/{tenant}/satellite/{satellite}");
        let name = SanType::URI(uri.as_str().try_into().context("name a satellite")?);
        let (certificate, key) =
            self.issue(satellite, name, ExtendedKeyUsagePurpose::ClientAuth)?;
        std::fs::write(folder.join("agent.pem"), certificate.pem())
            .context("write a satellite's certificate")?;
        std::fs::write(folder.join("ca.pem"), &self.root_pem).context("write the root")?;
        write_private(&folder.join("agent.key"), &key.serialize_pem())
    }

    /// The sanitizer's session of a tenant.
    pub(crate) fn sanitizer(&self, tenant: &str) -> anyhow::Result<Identity> {
        let uri = "spiffe://spokegate.local/service/sanitizer";
        self.client(&format!("sanitizer.{tenant}"), uri)
    }

    /// Writes a server's `certificate.pem`, `key.pem` and `ca.pem`.
    pub(crate) fn write_server(&self, folder: &Path) -> anyhow::Result<()> {
        let name = SanType::DnsName("localhost".try_into().context("name the server")?);
        let (certificate, key) =
            self.issue("localhost", name, ExtendedKeyUsagePurpose::ServerAuth)?;
        std::fs::write(folder.join("certificate.pem"), certificate.pem())
            .context("write the certificate")?;
        std::fs::write(folder.join("ca.pem"), &self.root_pem).context("write the root")?;
        write_private(&folder.join("key.pem"), &key.serialize_pem())
    }

    fn client(&self, id: &str, uri: &str) -> anyhow::Result<Identity> {
        let name = SanType::URI(uri.try_into().context("name a client")?);
        let (certificate, key) = self.issue(id, name, ExtendedKeyUsagePurpose::ClientAuth)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("choose TLS versions")?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unchecked))
            .with_client_auth_cert(vec![certificate.der().clone()], key)
            .context("use a client certificate")?;
        tls.resumption = Resumption::disabled();
        Ok(Identity {
            id: id.to_owned(),
            tls: Arc::new(tls),
        })
    }

    fn issue(
        &self,
        common_name: &str,
        name: SanType,
        usage: ExtendedKeyUsagePurpose,
    ) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate().context("make a key")?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named(common_name);
        params.extended_key_usages = vec![usage];
        params.subject_alt_names = vec![name];
        let certificate = params
            .signed_by(&key, &self.issuer)
            .context("sign a certificate")?;
        Ok((certificate, key))
    }
}

/// Takes any server. Clients share the processors with the server that is measured: what they check would count against
/// whoever is faster.
#[derive(Debug)]
struct Unchecked;

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// Writes what only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).context("write a secret")?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .context("protect a secret")
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
