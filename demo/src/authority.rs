//! Throw-away authorities: those of the two hops, and one for what browsers and the directory's clients see. Certificates
//! are made anew at each start and live for days, as real ones do.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use spokegate_contract::Address;
use spokegate_daemon::Clock;
use spokegate_identity::{ServiceName, TlsFiles, TrustDomain};
use spokegate_provisioner::{Authorities, Authority as Root, Hop, HostName, Issued, Validity};

use crate::services::TRUST_DOMAIN;

/// Names under which everything here is reached.
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];
const CERTIFICATE_DAYS: u32 = 7;
const ROOT_DAYS: u32 = 30;

/// Issues what the parts of the demonstration need, each into a folder of its own.
pub(crate) struct Authority {
    folder: PathBuf,
    hops: Authorities,
    web: Root,
    hosts: Vec<HostName>,
    validity: Validity,
}

impl Authority {
    /// Makes the authorities below `folder`; those of an earlier start are thrown away.
    pub(crate) fn create(folder: &Path, clock: &Clock) -> anyhow::Result<Self> {
        let folder = folder.join("certificates");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("remove {}", folder.display()))?;
        }
        let trust_domain: TrustDomain = TRUST_DOMAIN.parse().context("the trust domain is one")?;
        let life = Validity::days(clock.now_ms(), ROOT_DAYS);
        let roots = folder.join("authorities");
        let hops = Authorities::create(&roots, &trust_domain, life)?;
        let web = Root::create(&roots.join("web"), Hop::Fabric, &trust_domain, life)?;
        let hosts = HOSTS
            .iter()
            .map(|host| host.parse())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            folder,
            hops,
            web,
            hosts,
            validity: Validity::days(clock.now_ms(), CERTIFICATE_DAYS),
        })
    }

    pub(crate) fn broker(&self) -> anyhow::Result<TlsFiles> {
        self.write(
            "broker",
            &self.hops.fabric.issue_server(&self.hosts, self.validity)?,
        )
    }

    pub(crate) fn satellite(&self, address: &Address) -> anyhow::Result<TlsFiles> {
        let name = format!("{}.{}", address.tenant, address.satellite);
        self.write(
            &name,
            &self.hops.fabric.issue_satellite(address, self.validity)?,
        )
    }

    pub(crate) fn sanitizer(&self) -> anyhow::Result<TlsFiles> {
        self.write(
            "sanitizer",
            &self
                .hops
                .issue_service(ServiceName::Sanitizer, self.validity)?,
        )
    }

    pub(crate) fn inner_server(&self) -> anyhow::Result<TlsFiles> {
        self.write(
            "inner-sanitizer",
            &self.hops.inner.issue_server(&self.hosts, self.validity)?,
        )
    }

    pub(crate) fn inner_client(&self) -> anyhow::Result<TlsFiles> {
        self.write(
            "inner-reports",
            &self
                .hops
                .issue_service(ServiceName::ReportService, self.validity)?,
        )
    }

    /// For a listener that people or programs of the central zone reach.
    pub(crate) fn web(&self, name: &str) -> anyhow::Result<TlsFiles> {
        self.write(name, &self.web.issue_server(&self.hosts, self.validity)?)
    }

    /// The root behind [`Authority::web`].
    pub(crate) fn web_ca(&self) -> PathBuf {
        self.folder.join("authorities/web/ca.pem")
    }

    fn write(&self, name: &str, issued: &Issued) -> anyhow::Result<TlsFiles> {
        let folder = self.folder.join(name);
        issued.write(&folder)?;
        Ok(TlsFiles::in_directory(&folder))
    }
}
