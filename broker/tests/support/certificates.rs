//! A throw-away certificate authority.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams,
    SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use spokegate_identity::Presented;
use time::{Duration, OffsetDateTime};

/// A CA.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    root_pem: String,
}

/// An end-entity certificate with its key and its issuer's root.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
    key: KeyPair,
    root_pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named(name);
        let certificate = params.self_signed(&key).unwrap();
        let (root, root_pem) = (certificate.der().clone(), certificate.pem());
        Self {
            issuer: Issuer::new(params, key),
            root,
            root_pem,
        }
    }

    /// The PEM of a root that names an installation.
    pub(crate) fn of(uri: &str) -> String {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    /// The root, DER.
    pub(crate) fn root_der(&self) -> &CertificateDer<'static> {
        &self.root
    }

    pub(crate) fn satellite(&self, tenant: &str, satellite: &str) -> Certificate {
        self.identity(&format!(
            "spiffe://spokegate.local/tenant/{tenant}/satellite/{satellite}"
        ))
    }

    pub(crate) fn service(&self, name: &str) -> Certificate {
        self.identity(&format!("spiffe://spokegate.local/service/{name}"))
    }

    /// A certificate with one URI in it.
    pub(crate) fn identity(&self, uri: &str) -> Certificate {
        self.issue(&[uri], |_| {})
    }

    /// A certificate with these URIs, changed before it is signed.
    pub(crate) fn issue(
        &self,
        uris: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named("spokegate test");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()))
            .collect();
        change(&mut params);
        self.sign(&params, key)
    }

    /// The broker's own.
    pub(crate) fn server(&self) -> Certificate {
        self.issue(&[], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
        })
    }

    /// A revocation list in DER.
    pub(crate) fn list(&self, number: u64, revoked: &[&Certificate]) -> Vec<u8> {
        let now = OffsetDateTime::now_utc();
        let entry = |certificate: &&Certificate| {
            let presented = Presented::of(std::slice::from_ref(&certificate.der)).unwrap();
            RevokedCertParams {
                serial_number: SerialNumber::from_slice(presented.serial().as_bytes()),
                revocation_time: now,
                reason_code: None,
                invalidity_date: None,
            }
        };
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: now + Duration::days(7),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    /// The root in PEM.
    pub(crate) fn root_pem(&self) -> &str {
        &self.root_pem
    }

    fn sign(&self, params: &CertificateParams, key: KeyPair) -> Certificate {
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate {
            pem: certificate.pem(),
            der: certificate.der().clone(),
            key,
            root_pem: self.root_pem.clone(),
        }
    }

    /// What a client needs to talk to this CA's broker, with a certificate of any CA or none.
    pub(crate) fn client(&self, certificate: Option<&Certificate>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let builder =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => builder
                .with_client_auth_cert(vec![certificate.der.clone()], certificate.key())
                .unwrap(),
        };
        Arc::new(config)
    }
}

impl Certificate {
    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }

    /// Writes `certificate.pem`, `key.pem` and `ca.pem`.
    pub(crate) fn write(&self, directory: &Path) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(directory.join("certificate.pem"), &self.pem).unwrap();
        std::fs::write(directory.join("ca.pem"), &self.root_pem).unwrap();
        let key = directory.join("key.pem");
        std::fs::write(&key, self.key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(CertificateDer::from_pem_file(directory.join("certificate.pem")).is_ok());
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
