//! A throw-away certificate authority.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
}

pub struct Certificate {
    pem: String,
    key: KeyPair,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let root_pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            root_pem,
        }
    }

    pub fn identity(&self, path: &str) -> Certificate {
        let uri = format!("spiffe://spokegate.local/{path}");
        self.issue(
            SanType::URI(uri.as_str().try_into().unwrap()),
            ExtendedKeyUsagePurpose::ClientAuth,
        )
    }

    pub fn server(&self) -> Certificate {
        let localhost = SanType::DnsName("localhost".try_into().unwrap());
        self.issue(localhost, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn issue(&self, name: SanType, usage: ExtendedKeyUsagePurpose) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test");
        params.extended_key_usages = vec![usage];
        params.subject_alt_names = vec![name];
        Certificate {
            pem: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key,
        }
    }

    /// Writes a certificate, its key and this authority's root; returns their folder.
    pub fn write(&self, certificate: &Certificate, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("certificate.pem"), &certificate.pem).unwrap();
        std::fs::write(folder.join("ca.pem"), &self.root_pem).unwrap();
        let key = folder.join("key.pem");
        std::fs::write(&key, certificate.key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        folder.to_owned()
    }

    /// The bytes of a key that a folder from [`Authority::write`] holds, as the standard form has them.
    pub fn key_der(folder: &Path) -> Vec<u8> {
        let file = folder.join("key.pem");
        let key = PrivatePkcs8KeyDer::from_pem_file(file).unwrap();
        key.secret_pkcs8_der().to_vec()
    }

    /// A client that trusts this authority's servers.
    pub fn client(&self, certificate: Option<&Certificate>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(
                rustls::pki_types::CertificateDer::from_pem_slice(self.root_pem.as_bytes())
                    .unwrap(),
            )
            .unwrap();
        let builder =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots);
        Arc::new(match certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let chain = vec![
                    rustls::pki_types::CertificateDer::from_pem_slice(certificate.pem.as_bytes())
                        .unwrap(),
                ];
                let key = PrivatePkcs8KeyDer::from(certificate.key.serialize_der()).into();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}
