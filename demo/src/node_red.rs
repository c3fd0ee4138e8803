//! Real Node-RED for a tenant: installed from the lock file, started, waited for, killed with us.

mod install;

pub use install::{Installed, Missing, find_or_install};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::child::Child;
use crate::http::PlainClient;

/// A start that takes longer has failed.
const READY: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_millis(50);

/// What one tenant's Node-RED needs to know.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Whose it is: sample data hang on it.
    pub tenant: String,
    /// Where it listens, on loopback.
    pub addr: SocketAddr,
    /// A folder of its own, made if it is not there.
    pub data: PathBuf,
    /// The file with the token that the agent shows.
    pub agent_token: PathBuf,
    /// The agent's push endpoint.
    pub push_url: String,
    /// The file with the token that flows show there.
    pub push_token: PathBuf,
    /// How often backup jobs are pushed, in seconds.
    pub push_every_s: u64,
}

/// A running Node-RED.
#[derive(Debug)]
pub struct NodeRed {
    child: Child,
    addr: SocketAddr,
}

impl NodeRed {
    /// Starts it; [`NodeRed::ready`] waits until it answers.
    ///
    /// # Errors
    /// When its folder cannot be made or Node.js not be started.
    pub fn start(installed: &Installed, setup: &Setup) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&setup.data)
            .with_context(|| format!("create {}", setup.data.display()))?;
        let flows = installed.folder().join("flows/tenant.json");
        std::fs::copy(&flows, setup.data.join("flows.json"))
            .with_context(|| format!("copy {}", flows.display()))?;
        let child = Child::spawn(command(installed, setup), &setup.data.join("node-red.log"))?;
        Ok(Self {
            child,
            addr: setup.addr,
        })
    }

    /// Waits until its flows answer the agent.
    ///
    /// # Errors
    /// When it ended or took too long; the error holds its last words.
    pub async fn ready(&mut self, agent_token: &Path) -> anyhow::Result<()> {
        let token = std::fs::read_to_string(agent_token).context("read the agent's token")?;
        let url = format!("http://{}/spokegate/devices?limit=1", self.addr);
        let client = PlainClient::new();
        let probes = READY.as_millis() / PROBE_EVERY.as_millis();
        for _ in 0..probes {
            if client
                .get(&url, token.trim())
                .await
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            if let Some(status) = self.child.ended() {
                bail!(
                    "Node-RED ended at its start ({status}): {}",
                    self.child.last_words()
                );
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
        bail!(
            "Node-RED did not answer within {} s: {}",
            READY.as_secs(),
            self.child.last_words()
        )
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.child.log()
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill();
    }
}

fn command(installed: &Installed, setup: &Setup) -> Command {
    let mut command = Command::new(installed.node());
    command
        .arg(installed.folder().join("node_modules/node-red/red.js"))
        .arg("--settings")
        .arg(installed.folder().join("sample/settings.js"))
        .current_dir(&setup.data)
        // Nothing of our environment but the way to programs.
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", &setup.data)
        .env("SPOKEGATE_NODE_RED_DATA", &setup.data)
        .env("SPOKEGATE_NODE_RED_HOST", setup.addr.ip().to_string())
        .env("SPOKEGATE_NODE_RED_PORT", setup.addr.port().to_string())
        .env("SPOKEGATE_AGENT_TOKEN_FILE", &setup.agent_token)
        .env("SPOKEGATE_PUSH_URL", &setup.push_url)
        .env("SPOKEGATE_PUSH_TOKEN_FILE", &setup.push_token)
        .env("SPOKEGATE_PUSH_EVERY_S", setup.push_every_s.to_string())
        .env("SPOKEGATE_TENANT", &setup.tenant);
    command
}
