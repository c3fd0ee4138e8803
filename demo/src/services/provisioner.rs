//! The provisioner, in this process: it answers the satellites that join, and keeps the broker's revocation list.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use spokegate_daemon::config::Layered;
use spokegate_daemon::{Context, Tasks};
use spokegate_identity::ServiceName;
use spokegate_provisioner::Provisioner;
use spokegate_provisioner::config::{Config, DEFAULTS};

use super::quoted;
use crate::authority::Authority;
use crate::state::State;
use crate::{Options, Service};

/// How long an answer under way may take at the end.
const GRACE: Duration = Duration::from_secs(5);

/// A running provisioner.
pub struct Running {
    config: PathBuf,
    settings: Vec<String>,
    context: Context,
    running: Option<(Provisioner, Tasks)>,
}

pub(crate) async fn start(
    options: &Options,
    state: &State,
    authority: &Authority,
    sanitizers: &[SocketAddr],
    context: &Context,
) -> anyhow::Result<Running> {
    let inner = authority.inner_client(ServiceName::Provisioner).await?;
    let text = format!(
        r#"[authorities]
directory = {directory}
{sanitizers}"#,
        directory = quoted(&authority.directory()),
        sanitizers = super::sanitizers(sanitizers, state, &inner, ""),
    );
    let config = state.sub("provisioner")?.join("provisioner.toml");
    std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
    let settings = options.settings_of(Service::Provisioner);
    let mut running = Running {
        config,
        settings: settings.map(str::to_owned).collect(),
        context: context.clone(),
        running: None,
    };
    running.start_again().await?;
    Ok(running)
}

impl Running {
    /// Starts it, after [`Running::stop`].
    ///
    /// # Errors
    /// When its configuration cannot be put to work.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let layered = Layered::<Config>::new("PROVISIONER", DEFAULTS)
            .no_environment()
            .file(&self.config);
        let config = self.settings.iter().fold(layered, Layered::flag).load()?;
        let context = self.context.child();
        let provisioner = Provisioner::start(&config, &context).await?;
        self.running = Some((provisioner, context.tasks));
        Ok(())
    }

    /// Stops it: nobody can join or renew, and no broker hears of revocations.
    pub async fn stop(&mut self) {
        if let Some((provisioner, tasks)) = self.running.take() {
            tasks.shutdown(GRACE).await;
            provisioner.close().await;
        }
    }
}
