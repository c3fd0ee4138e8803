//! An authority of its own for every test.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use spokegate_identity::TlsFiles;

pub(super) fn spiffe(path: &str) -> SanType {
    SanType::URI(
        format!("spiffe://spokegate.local/{path}")
            .try_into()
            .unwrap(),
    )
}

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    pub(super) fn issue(&self, folder: &Path, name: &str, identity: SanType) -> TlsFiles {
        use std::os::unix::fs::PermissionsExt as _;
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![identity];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = TlsFiles {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
            ca: folder.join(format!("{name}-ca.crt")),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&files.ca, &self.certificate).unwrap();
        files
    }
}
