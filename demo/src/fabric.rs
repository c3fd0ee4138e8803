//! Everything, running.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use spokegate_daemon::{Context, Secret};

use crate::authority::Authority;
use crate::client::Browser;
use crate::directory::Directory;
use crate::satellite::{Place, Satellite};
use crate::services::{broker, people, provisioner, reports, sanitizer};
use crate::state::State;
use crate::{Options, SourceChoice};

/// How long tasks may take to finish at the end.
const GRACE: Duration = Duration::from_secs(10);

/// The whole of Spokegate on this machine's loopback. Dropping it ends the child processes; [`Fabric::shutdown`] also
/// lets what runs finish.
pub struct Fabric {
    context: Context,
    broker: broker::Running,
    sanitizers: Vec<sanitizer::Running>,
    provisioner: provisioner::Running,
    authority: Authority,
    satellites: Vec<Satellite>,
    directory: Directory,
    password: Secret,
    reports: reports::Running,
    ca_pem: String,
    // Last: its folder goes when nobody uses it any more.
    state: State,
}

impl Fabric {
    /// Starts everything and returns when all of it is ready.
    ///
    /// # Errors
    /// When a part cannot be started; what was started by then has been stopped.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let context = Context::new();
        let started = Self::start_in(&options, &context).await;
        if started.is_err() {
            context.tasks.abort().await;
        }
        started
    }

    async fn start_in(options: &Options, context: &Context) -> anyhow::Result<Self> {
        let state = State::open(options.directory.as_deref())?;
        let authority = Authority::create(state.folder(), &context.clock).await?;
        let node_red = crate::satellite::choose(options.source, &options.repository).await?;
        let broker = broker::start(options, &state, &authority, context)
            .await
            .context("start the broker")?;
        // Before the agents: what an agent says on connecting reaches only a sanitizer that listens.
        let sanitizers = sanitizer::start_all(options, &state, &authority, broker.addr()).await?;
        let inner: Vec<_> = sanitizers
            .iter()
            .map(sanitizer::Running::inner_addr)
            .collect();
        let provisioner = provisioner::start(options, &state, &authority, &inner, context)
            .await
            .context("start the provisioner")?;
        let place = Place {
            options,
            state: &state,
            authority: &authority,
            broker: broker.addr(),
            door: broker.door_addr(),
            installed: node_red.as_ref(),
        };
        let satellites = crate::satellite::start_all(&place, context).await?;
        let password = crate::state::random_secret(6)?;
        let service_password = state.secret("directory.secret")?;
        let content = people::content(&password, &service_password);
        let directory_tls = authority.web("directory")?;
        let directory = Directory::bind(
            &content,
            &directory_tls.certificate,
            &directory_tls.key,
            context,
        )
        .await
        .context("start the directory")?;
        let around = reports::Around {
            state: &state,
            authority: &authority,
            directory: directory.addr(),
            sanitizers: &inner,
        };
        let reports = reports::start(options, &around, context)
            .await
            .context("start the report service")?;
        for satellite in &satellites {
            satellite.connected().await?;
        }
        let ca_pem =
            std::fs::read_to_string(authority.web_ca()).context("read the throw-away authority")?;
        Ok(Self {
            context: context.clone(),
            broker,
            sanitizers,
            provisioner,
            authority,
            satellites,
            directory,
            password,
            reports,
            ca_pem,
            state,
        })
    }

    /// Where staff work: `https://localhost:<port>`.
    #[must_use]
    pub fn forms_url(&self) -> String {
        format!("https://localhost:{}", self.reports.forms_addr().port())
    }

    /// Where administrators work.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("https://localhost:{}", self.reports.admin_addr().port())
    }

    /// The authority behind both, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file of the authority behind both, in PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.authority.web_ca()
    }

    /// Whether what it wrote is there when it has ended: in a folder that was chosen.
    #[must_use]
    pub fn keeps_state(&self) -> bool {
        self.state.stays()
    }

    /// The password of alice, carol and erin.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }

    /// A browser without a screen, for the forms.
    ///
    /// # Errors
    /// Never in practice: the authority is one.
    pub fn browser(&self) -> anyhow::Result<Browser> {
        Browser::new(&self.forms_url(), &self.ca_pem)
    }

    /// A browser without a screen, for the administration.
    ///
    /// # Errors
    /// Never in practice: the authority is one.
    pub fn admin_browser(&self) -> anyhow::Result<Browser> {
        Browser::new(&self.admin_url(), &self.ca_pem)
    }

    /// Where satellites and the sanitizer connect.
    #[must_use]
    pub fn broker_addr(&self) -> SocketAddr {
        self.broker.addr()
    }

    /// The broker.
    #[must_use]
    pub fn broker(&self) -> &broker::Running {
        &self.broker
    }

    /// The broker, to start it again.
    pub fn broker_mut(&mut self) -> &mut broker::Running {
        &mut self.broker
    }

    /// The provisioner.
    pub fn provisioner(&mut self) -> &mut provisioner::Running {
        &mut self.provisioner
    }

    /// The folder of the authorities and their registry: `--directory` of the `spokegate` command.
    #[must_use]
    pub fn authorities(&self) -> PathBuf {
        self.authority.directory()
    }

    /// The first sanitizer's process.
    pub fn sanitizer(&mut self) -> &mut sanitizer::Running {
        let mut sanitizers = self.sanitizers.iter_mut();
        sanitizers.next().expect("one at least was started")
    }

    /// The processes of all sanitizers: [`Options::sanitizers`] of them.
    pub fn sanitizers(&mut self) -> &mut [sanitizer::Running] {
        &mut self.sanitizers
    }

    /// The satellites, in the tenants' order.
    #[must_use]
    pub fn satellites(&self) -> &[Satellite] {
        &self.satellites
    }

    /// A tenant's satellite.
    ///
    /// # Errors
    /// When there is no such tenant.
    pub fn satellite(&mut self, tenant: &str) -> anyhow::Result<&mut Satellite> {
        let mut satellites = self.satellites.iter_mut();
        satellites
            .find(|satellite| satellite.tenant().id.as_str() == tenant)
            .with_context(|| format!("the demonstration has no tenant {tenant}"))
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The report service.
    #[must_use]
    pub fn reports(&self) -> &reports::Running {
        &self.reports
    }

    /// The folder that holds all state.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.state.folder()
    }

    /// The folder with the certificates: a sub-folder for each name, with `certificate.pem`, `key.pem` and `ca.pem`.
    #[must_use]
    pub fn certificates(&self) -> PathBuf {
        self.state.folder().join("certificates")
    }

    /// True when the data come from real Node-RED.
    #[must_use]
    pub fn uses_node_red(&self) -> bool {
        self.satellites
            .iter()
            .all(|satellite| satellite.node_red().is_some())
    }

    /// Ends when a task that everything hangs on has failed, with the reason; else never.
    pub async fn failed(&self) -> anyhow::Error {
        self.context.tasks.soft().cancelled().await;
        match self.context.tasks.failure() {
            Some(failure) => failure.into(),
            None => std::future::pending().await,
        }
    }

    /// Stops everything, from the people's side to the broker.
    pub async fn shutdown(mut self) {
        self.reports.stop().await;
        self.directory.stop().await;
        for satellite in &mut self.satellites {
            satellite.stop_agent().await;
            satellite.stop_source().await;
        }
        self.provisioner.stop().await;
        for sanitizer in &mut self.sanitizers {
            sanitizer.stop().await;
        }
        self.broker.stop().await;
        self.context.tasks.shutdown(GRACE).await;
    }
}

impl std::fmt::Debug for Fabric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fabric")
            .field("forms", &self.forms_url())
            .field("folder", &self.folder())
            .finish_non_exhaustive()
    }
}

/// What was asked for, in words.
impl std::fmt::Display for SourceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::NodeRed => "node-red",
            Self::BuiltIn => "built-in",
        })
    }
}
