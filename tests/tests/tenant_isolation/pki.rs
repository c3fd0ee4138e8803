//! Certificates: the good ones from the provisioner, the bad ones signed with its key or another.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use spokegate_daemon::Clock;
use spokegate_identity::{ServiceName, TlsFiles, TrustDomain};
use spokegate_provisioner::{Authority, Hop, Issued, Validity};

pub(crate) const TRUST_DOMAIN: &str = "spokegate.local";

/// The fabric's authority, and one who has got hold of its key.
pub(crate) struct Pki {
    authority: Authority,
    forger: Issuer<'static, KeyPair>,
    validity: Validity,
    folder: tempfile::TempDir,
}

/// A certificate with its key, both in PEM.
#[derive(Clone)]
pub(crate) struct Certificate {
    pem: String,
    key: String,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let domain: TrustDomain = TRUST_DOMAIN.parse().unwrap();
        let validity = Validity::days(Clock::system().now_ms(), 7);
        let home = folder.path().join("fabric");
        let authority = Authority::create(
            &home,
            Hop::Fabric,
            &domain,
            Validity::days(Clock::system().now_ms(), 30),
        )
        .unwrap();
        let key = std::fs::read_to_string(home.join("ca-key.pem")).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Spokegate fabric authority");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let forger = Issuer::new(params, KeyPair::from_pem(&key).unwrap());
        Self {
            authority,
            forger,
            validity,
            folder,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn satellite(&self, tenant: &str, satellite: &str) -> Certificate {
        let address =
            spokegate_contract::Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
        Certificate::of(
            &self
                .authority
                .issue_satellite(&address, self.validity)
                .unwrap(),
        )
    }

    /// One that the provisioner issued, over by now.
    pub(crate) fn expired(&self, tenant: &str, satellite: &str) -> Certificate {
        let address =
            spokegate_contract::Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
        let now_ms = Clock::system().now_ms();
        let life = Validity::between(now_ms - 900_000_000, now_ms - 60_000);
        Certificate::of(&self.authority.issue_satellite(&address, life).unwrap())
    }

    pub(crate) fn sanitizer(&self) -> Certificate {
        let name = ServiceName::Sanitizer;
        Certificate::of(&self.authority.issue_service(name, self.validity).unwrap())
    }

    /// The broker's own, in a folder.
    pub(crate) fn broker(&self) -> TlsFiles {
        let names = ["localhost", "127.0.0.1"].map(|name| name.parse().unwrap());
        let issued = self.authority.issue_server(&names, self.validity).unwrap();
        let folder = self.folder.path().join("broker");
        issued.write(&folder).unwrap();
        TlsFiles::in_directory(&folder)
    }

    /// A certificate of the right authority with any common name and URIs.
    pub(crate) fn forged(
        &self,
        common_name: &str,
        uris: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        sign(&self.forger, common_name, uris, change)
    }

    /// What a client shows; it trusts the broker in any case.
    pub(crate) fn client(&self, certificate: Option<&Certificate>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes());
        roots.add(root.unwrap()).unwrap();
        let builder =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots);
        Arc::new(match certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => builder
                .with_client_auth_cert(certificate.chain(), certificate.key())
                .unwrap(),
        })
    }
}

/// A certificate that says all the right things and comes from an authority of the same name.
pub(crate) fn foreign(common_name: &str, uri: &str) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Spokegate fabric authority");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    sign(&Issuer::new(params, key), common_name, &[uri], |_| {})
}

impl Certificate {
    fn of(issued: &Issued) -> Self {
        Self {
            pem: issued.certificate_pem.clone(),
            key: issued.key_pem.expose().to_owned(),
        }
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

fn sign(
    issuer: &Issuer<'static, KeyPair>,
    common_name: &str,
    uris: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = named(common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.subject_alt_names = uris
        .iter()
        .map(|uri| SanType::URI((*uri).try_into().unwrap()))
        .collect();
    change(&mut params);
    Certificate {
        pem: params.signed_by(&key, issuer).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if !common_name.is_empty() {
        name.push(DnType::CommonName, common_name);
    }
    name
}
