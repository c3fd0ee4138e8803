//! A customer's segment: the agent, in this process, and the source of its data.

mod place;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use spokegate_agent::{Agent, Config, DEFAULTS};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;

use crate::built_in::{self, BuiltIn};
use crate::node_red::{Installed, NodeRed, Setup, find_or_install};
use crate::{SourceChoice, Tenant};

pub(crate) use place::Place;

/// An agent that takes longer to reach the broker has failed.
const CONNECT: Duration = Duration::from_secs(20);
/// One tenant's satellite.
pub struct Satellite {
    tenant: Tenant,
    config: PathBuf,
    settings: Vec<String>,
    identity: PathBuf,
    setup: Setup,
    installed: Option<Installed>,
    context: Context,
    agent: Option<(Agent, Context)>,
    source: Option<Source>,
}

enum Source {
    NodeRed(NodeRed),
    BuiltIn(BuiltIn),
}

/// Node-RED, if it was chosen and is there.
pub(crate) async fn choose(
    choice: SourceChoice,
    repository: &Path,
) -> anyhow::Result<Option<Installed>> {
    if choice == SourceChoice::BuiltIn {
        return Ok(None);
    }
    let folder = repository.join("deploy/node-red");
    let found = tokio::task::spawn_blocking(move || find_or_install(&folder))
        .await
        .context("look for Node-RED")?;
    match found {
        Ok(installed) => Ok(Some(installed)),
        Err(missing) if choice == SourceChoice::Auto => {
            tracing::warn!("NO NODE-RED: data will come from a built-in source. {missing}");
            Ok(None)
        }
        Err(missing) => Err(missing.into()),
    }
}

/// Starts the satellites of all tenants, and returns when their sources answer.
pub(crate) async fn start_all(
    place: &Place<'_>,
    context: &Context,
) -> anyhow::Result<Vec<Satellite>> {
    let mut satellites = Vec::new();
    for tenant in &place.options.tenants {
        let what = || format!("start the satellite of {}", tenant.id);
        let mut satellite = place.prepare(tenant, context)?;
        place.enrol(&satellite).await.with_context(what)?;
        satellite.start_agent().await.with_context(what)?;
        satellite.launch_source().await.with_context(what)?;
        satellites.push(satellite);
    }
    for satellite in &mut satellites {
        satellite
            .source_ready()
            .await
            .with_context(|| format!("start the source of {}", satellite.tenant.id))?;
    }
    Ok(satellites)
}

impl Satellite {
    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Where its source answers pulls: `http://…/spokegate/<dataset>`.
    #[must_use]
    pub fn source_url(&self, dataset: &str) -> String {
        format!("http://{}/spokegate/{dataset}", self.setup.addr)
    }

    /// The file with the token that the source asks for.
    #[must_use]
    pub fn agent_token_file(&self) -> &Path {
        &self.setup.agent_token
    }

    /// Where flows push, without the dataset's name, and the file with the token for it.
    #[must_use]
    pub fn push_endpoint(&self) -> (&str, &Path) {
        (&self.setup.push_url, &self.setup.push_token)
    }

    /// Its Node-RED, if it has one and that runs.
    #[must_use]
    pub fn node_red(&self) -> Option<&NodeRed> {
        match &self.source {
            Some(Source::NodeRed(node_red)) => Some(node_red),
            _ => None,
        }
    }

    /// The folder with its key, certificate and roots.
    #[must_use]
    pub fn identity(&self) -> &Path {
        &self.identity
    }

    /// The file with the agent's configuration.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Its agent, if that runs.
    #[must_use]
    pub fn agent(&self) -> Option<&Agent> {
        self.agent.as_ref().map(|(agent, _)| agent)
    }

    /// Starts the agent, after [`Satellite::stop_agent`].
    ///
    /// # Errors
    /// When its configuration cannot be put to work.
    pub async fn start_agent(&mut self) -> anyhow::Result<()> {
        let layered = Layered::<Config>::new("AGENT", DEFAULTS)
            .no_environment()
            .file(&self.config);
        let config = self.settings.iter().fold(layered, Layered::flag).load()?;
        let context = self.context.child();
        let agent = Agent::bind(config, &context).await?;
        let push = agent.push_addr().context("the agent takes no pushes")?;
        self.setup.push_url = format!("http://{push}/v1/push");
        self.agent = Some((agent, context));
        Ok(())
    }

    /// Returns when the agent has a session with the broker.
    ///
    /// # Errors
    /// When it is stopped, or takes too long.
    pub async fn connected(&self) -> anyhow::Result<()> {
        let (_, context) = self.agent.as_ref().context("the agent is stopped")?;
        let ready = tokio::time::timeout(CONNECT, context.readiness.ready()).await;
        ready.with_context(|| {
            format!(
                "the agent of {} did not reach the broker within {} s",
                self.tenant.id,
                CONNECT.as_secs()
            )
        })
    }

    /// Stops the agent; the centre then sees the satellite offline.
    pub async fn stop_agent(&mut self) {
        if let Some((agent, _)) = self.agent.take() {
            agent.shutdown().await;
        }
    }

    /// Ends the source at once: Node-RED as a crash would.
    pub async fn stop_source(&mut self) {
        match self.source.take() {
            Some(Source::NodeRed(mut node_red)) => node_red.kill(),
            Some(Source::BuiltIn(built_in)) => built_in.stop().await,
            None => {}
        }
    }

    /// Starts the source on the same port, after [`Satellite::stop_source`], and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn start_source(&mut self) -> anyhow::Result<()> {
        self.launch_source().await?;
        self.source_ready().await
    }

    async fn launch_source(&mut self) -> anyhow::Result<()> {
        let setup = &self.setup;
        let source = match &self.installed {
            Some(installed) => Source::NodeRed(NodeRed::start(installed, setup)?),
            None => {
                let setup = built_in::Setup {
                    tenant: &setup.tenant,
                    addr: setup.addr,
                    agent_token: &setup.agent_token,
                    push_url: &setup.push_url,
                    push_token: &setup.push_token,
                    push_every: Duration::from_secs(setup.push_every_s),
                };
                Source::BuiltIn(BuiltIn::start(setup, &self.context).await?)
            }
        };
        self.source = Some(source);
        Ok(())
    }

    async fn source_ready(&mut self) -> anyhow::Result<()> {
        match &mut self.source {
            Some(Source::NodeRed(node_red)) => node_red.ready(&self.setup.agent_token).await,
            Some(Source::BuiltIn(_)) => Ok(()),
            None => bail!("the source is stopped"),
        }
    }
}

impl std::fmt::Debug for Satellite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Satellite")
            .field("tenant", &self.tenant.id)
            .finish_non_exhaustive()
    }
}
