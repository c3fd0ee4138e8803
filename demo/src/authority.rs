//! Throw-away authorities: those of the two hops, and one for what browsers and the directory's clients see. Certificates
//! are made anew at each start and live for days, as real ones do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use spokegate_contract::Address;
use spokegate_daemon::Clock;
use spokegate_identity::{JoinToken, ServiceName, TlsFiles, TrustDomain};
use spokegate_provisioner::{
    Authority as Root, CertificatePlan, Hop, HostName, Issued, Office, TokenOrder, Validity,
};

use crate::services::TRUST_DOMAIN;

/// Names under which everything here is reached.
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];
const CERTIFICATE_DAYS: u32 = 7;
const ROOT_DAYS: u32 = 30;

/// A token is used within the start.
const TOKEN_LIFE_MS: u64 = 60_000;

/// Issues what the parts of the demonstration need, each into a folder of its own.
pub(crate) struct Authority {
    folder: PathBuf,
    office: Office,
    trust_domain: TrustDomain,
    web: Root,
    hosts: Vec<HostName>,
    clock: Clock,
}

impl Authority {
    /// Makes the authorities below `folder`; those of an earlier start are thrown away.
    pub(crate) async fn create(folder: &Path, clock: &Clock) -> anyhow::Result<Self> {
        let folder = folder.join("certificates");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("remove {}", folder.display()))?;
        }
        let trust_domain: TrustDomain = TRUST_DOMAIN.parse().context("the trust domain is one")?;
        let life = Validity::days(clock.now_ms(), ROOT_DAYS);
        let roots = folder.join("authorities");
        let office = Office::create(&roots, &trust_domain, life).await?;
        let web = Root::create(&roots.join("web"), Hop::Fabric, &trust_domain, life)?;
        let hosts = HOSTS
            .iter()
            .map(|host| host.parse())
            .collect::<Result<_, _>>()?;
        Ok(Self {
            folder,
            office,
            trust_domain,
            web,
            hosts,
            clock: clock.clone(),
        })
    }

    /// The folder of the authorities and their registry: `--directory` of the `spokegate` command.
    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.join("authorities")
    }

    pub(crate) async fn broker(&self) -> anyhow::Result<TlsFiles> {
        self.server("broker", Hop::Fabric).await
    }

    /// Writes the present revocation list to a file, as `spokegate crl export --output` does.
    pub(crate) async fn export_list(&self, file: &Path) -> anyhow::Result<()> {
        self.office.refresh_list(self.clock.now_ms()).await?;
        std::fs::copy(self.office.list_path(), file)
            .with_context(|| format!("write {}", file.display()))?;
        Ok(())
    }

    /// A join token for a satellite, as `spokegate satellite join-token` makes one.
    pub(crate) async fn join_token(
        &self,
        address: &Address,
        door: SocketAddr,
    ) -> anyhow::Result<JoinToken> {
        let order = TokenOrder {
            tenant: address.tenant.clone(),
            satellite: Some(address.satellite.clone()),
            door: format!("localhost:{}", door.port()).parse()?,
            life_ms: TOKEN_LIFE_MS,
            approval: false,
        };
        let (token, _) = self.office.join_token(&order, self.clock.now_ms()).await?;
        Ok(token)
    }

    /// A satellite's certificate with its key, as `spokegate tenant certificate` issues one.
    pub(crate) async fn satellite(&self, address: &Address) -> anyhow::Result<Issued> {
        let plan = CertificatePlan::satellite(address, &self.trust_domain, self.validity())?;
        let now_ms = self.clock.now_ms();
        Ok(self.office.issue(Hop::Fabric, &plan, now_ms).await?)
    }

    /// A sanitizer's own certificate on the first hop; `name` is its folder's.
    pub(crate) async fn sanitizer(&self, name: &str) -> anyhow::Result<TlsFiles> {
        self.service(name, ServiceName::Sanitizer).await
    }

    /// A sanitizer's own certificate on the second hop.
    pub(crate) async fn inner_server(&self, name: &str) -> anyhow::Result<TlsFiles> {
        self.server(&format!("inner-{name}"), Hop::Inner).await
    }

    /// For the report service or the provisioner as a client of the sanitizer.
    pub(crate) async fn inner_client(&self, name: ServiceName) -> anyhow::Result<TlsFiles> {
        self.service(&format!("inner-{name}"), name).await
    }

    /// For a listener that people or programs of the central zone reach.
    pub(crate) fn web(&self, name: &str) -> anyhow::Result<TlsFiles> {
        self.write(name, &self.web.issue_server(&self.hosts, self.validity())?)
    }

    /// The root behind [`Authority::web`].
    pub(crate) fn web_ca(&self) -> PathBuf {
        self.folder.join("authorities/web/ca.pem")
    }

    async fn server(&self, name: &str, hop: Hop) -> anyhow::Result<TlsFiles> {
        let plan = CertificatePlan::server(&self.hosts, self.validity())?;
        self.issue(name, hop, &plan).await
    }

    async fn service(&self, name: &str, service: ServiceName) -> anyhow::Result<TlsFiles> {
        let plan = CertificatePlan::service(service, &self.trust_domain, self.validity())?;
        self.issue(name, Hop::of(service), &plan).await
    }

    async fn issue(
        &self,
        name: &str,
        hop: Hop,
        plan: &CertificatePlan,
    ) -> anyhow::Result<TlsFiles> {
        let issued = self.office.issue(hop, plan, self.clock.now_ms()).await?;
        self.write(name, &issued)
    }

    fn validity(&self) -> Validity {
        Validity::days(self.clock.now_ms(), CERTIFICATE_DAYS)
    }

    fn write(&self, name: &str, issued: &Issued) -> anyhow::Result<TlsFiles> {
        let folder = self.folder.join(name);
        issued.write(&folder)?;
        Ok(TlsFiles::in_directory(&folder))
    }
}
