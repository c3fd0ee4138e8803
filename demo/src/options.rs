//! What to start, and how.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use spokegate_contract::{Address, SatelliteId, TenantId};
use spokegate_identity::{TlsFiles, TrustDomain};

/// What [`Fabric::start`](crate::Fabric::start) starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The customers, each with one satellite.
    pub tenants: Vec<Tenant>,
    /// Where the satellites' data come from.
    pub source: SourceChoice,
    /// Where state goes. Without one, into a folder in the system's temporary directory that is removed at the end.
    pub directory: Option<PathBuf>,
    /// The port of the forms; another when it is taken. 0: any.
    pub forms_port: u16,
    /// The port of the administration; another when it is taken. 0: any.
    pub admin_port: u16,
    /// How often each source pushes its backup jobs, in seconds.
    pub push_every_s: u64,
    /// The repository: `deploy/`, `schemas/` and `report-service/` are read from it.
    pub repository: PathBuf,
    /// The program of the sanitizer. Without one, it is looked for beside our own and above it.
    pub sanitizer: Option<PathBuf>,
    /// How many sanitizers share the tenants; with more than one, each serves those that the centre leases to it.
    pub sanitizers: usize,
    /// Which broker stands in the middle.
    pub broker: BrokerChoice,
    /// Settings beyond the demonstration's own, as `section.key=value`, for tests.
    pub settings: Vec<(Service, String)>,
}

/// Which broker stands in the middle.
#[derive(Clone, Debug, Default)]
pub enum BrokerChoice {
    /// Our own, in this process.
    #[default]
    Embedded,
    /// Another one: the sanitizer has one session there for all tenants, and knows satellites by their heartbeats.
    External(Arc<dyn OtherBroker>),
}

/// Somebody else's broker, which the demonstration does not start by itself.
pub trait OtherBroker: Send + Sync + std::fmt::Debug {
    /// Starts it and gives the address at which it admits clients.
    ///
    /// # Errors
    /// When it does not start.
    fn start(&self, needs: &BrokerNeeds) -> anyhow::Result<SocketAddr>;
}

/// What a broker needs to know of the demonstration.
#[derive(Clone, Debug)]
pub struct BrokerNeeds {
    /// The name in all certificates.
    pub trust_domain: TrustDomain,
    /// Its own certificate and key, and the authority of its clients.
    pub tls: TlsFiles,
    /// Who may come, beside the sanitizer.
    pub satellites: Vec<Address>,
}

/// A service whose configuration a test may add to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The broker.
    Broker,
    /// The sanitizer.
    Sanitizer,
    /// The provisioner.
    Provisioner,
    /// Each satellite agent.
    Agent,
    /// The report service.
    Reports,
}

/// A customer of the demonstration.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The id, as in topics and certificates.
    pub id: TenantId,
    /// The name that people read.
    pub title: String,
    /// Its one satellite.
    pub satellite: SatelliteId,
}

/// Where the satellites' data come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChoice {
    /// Node-RED; without Node.js the built-in source, and a loud line in the log.
    Auto,
    /// Node-RED, or no start.
    NodeRed,
    /// The built-in source.
    BuiltIn,
}

impl Tenant {
    /// A customer with the satellite `hq`.
    ///
    /// # Errors
    /// When the id is none.
    pub fn new(id: &str, title: &str) -> anyhow::Result<Self> {
        Ok(Self {
            id: id
                .parse()
                .with_context(|| format!("{id} is no tenant id"))?,
            title: title.to_owned(),
            satellite: "hq".parse().context("hq is a satellite id")?,
        })
    }
}

impl Options {
    /// The two sample customers, free ports, Node-RED where there is Node.js.
    ///
    /// # Errors
    /// Never in practice: the sample ids are ids.
    pub fn sample() -> anyhow::Result<Self> {
        Ok(Self {
            tenants: vec![
                Tenant::new("acme", "Acme Dental Group")?,
                Tenant::new("globex", "Globex Logistics")?,
            ],
            source: SourceChoice::Auto,
            directory: None,
            forms_port: 0,
            admin_port: 0,
            push_every_s: 300,
            repository: Path::new(env!("CARGO_MANIFEST_DIR"))
                .parent()
                .context("the crate is in a repository")?
                .to_owned(),
            sanitizer: None,
            sanitizers: 1,
            broker: BrokerChoice::Embedded,
            settings: Vec::new(),
        })
    }

    /// Every satellite.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        let address = |tenant: &Tenant| Address::new(tenant.id.clone(), tenant.satellite.clone());
        self.tenants.iter().map(address).collect()
    }

    /// The settings for a service beyond the demonstration's own.
    pub(crate) fn settings_of(&self, service: Service) -> impl Iterator<Item = &str> {
        self.settings
            .iter()
            .filter(move |(whose, _)| *whose == service)
            .map(|(_, setting)| setting.as_str())
    }
}
