//! The certificates of an installation, as the operator's office issues them.

use std::path::{Path, PathBuf};

use spokegate_contract::Address;
use spokegate_daemon::Clock;
use spokegate_identity::{ServiceName, TlsFiles, TrustDomain};
use spokegate_provisioner::{Authority, CertificatePlan, Hop, HostName, Office, Validity};

/// The name in all certificates.
pub(crate) const TRUST_DOMAIN: &str = "spokegate.test";

/// Issues each certificate into a folder of its own.
pub(crate) struct Certificates {
    folder: PathBuf,
    office: Office,
    web: Authority,
    hosts: Vec<HostName>,
    life: Validity,
    now_ms: u64,
}

impl Certificates {
    pub(crate) async fn create(folder: &Path) -> Self {
        let domain: TrustDomain = TRUST_DOMAIN.parse().unwrap();
        let now_ms = Clock::system().now_ms();
        let life = Validity::days(now_ms, 7);
        let roots = Validity::days(now_ms, 30);
        let office = Office::create(&folder.join("authorities"), &domain, roots)
            .await
            .unwrap();
        let web = Authority::create(&folder.join("web-authority"), Hop::Fabric, &domain, roots);
        Self {
            folder: folder.to_owned(),
            office,
            web: web.unwrap(),
            hosts: vec!["localhost".parse().unwrap(), "127.0.0.1".parse().unwrap()],
            life,
            now_ms,
        }
    }

    /// A server on either hop.
    pub(crate) async fn server(&self, name: &str, hop: Hop) -> TlsFiles {
        let plan = CertificatePlan::server(&self.hosts, self.life).unwrap();
        self.issue(name, hop, &plan).await
    }

    /// A service as a client.
    pub(crate) async fn service(&self, name: &str, service: ServiceName) -> TlsFiles {
        let domain = self.domain();
        let plan = CertificatePlan::service(service, &domain, self.life).unwrap();
        self.issue(name, Hop::of(service), &plan).await
    }

    /// A satellite.
    pub(crate) async fn satellite(&self, address: &Address) -> TlsFiles {
        let domain = self.domain();
        let plan = CertificatePlan::satellite(address, &domain, self.life).unwrap();
        let name = format!("{}-{}", address.tenant, address.satellite);
        self.issue(&name, Hop::Fabric, &plan).await
    }

    /// What people and the directory's clients see.
    pub(crate) fn web(&self, name: &str) -> TlsFiles {
        let folder = self.folder.join(name);
        let issued = self.web.issue_server(&self.hosts, self.life).unwrap();
        issued.write(&folder).unwrap();
        TlsFiles::in_directory(&folder)
    }

    /// Writes the present revocation list to a file.
    pub(crate) async fn export_list(&self, file: &Path) {
        self.office.refresh_list(self.now_ms).await.unwrap();
        std::fs::copy(self.office.list_path(), file).unwrap();
    }

    fn domain(&self) -> TrustDomain {
        TRUST_DOMAIN.parse().unwrap()
    }

    async fn issue(&self, name: &str, hop: Hop, plan: &CertificatePlan) -> TlsFiles {
        let folder = self.folder.join(name);
        let issued = self.office.issue(hop, plan, self.now_ms).await.unwrap();
        issued.write(&folder).unwrap();
        TlsFiles::in_directory(&folder)
    }
}
