//! The agent's settings; `defaults.toml` is their reference.

mod node_red;
mod source;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;
use spokegate_contract::limits::{HELLO_DATASETS_MAX, MESSAGE_BYTES_MAX};
use spokegate_daemon::SecretSource;
use spokegate_daemon::config::{Faults, Section};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use spokegate_identity::{Door, TlsFiles, TrustDomain};

use crate::proxy::{Proxy, ProxyAddress};

pub use node_red::NodeRedConfig;
pub use source::{FileFormat, ScheduleConfig, ServerConfig, SourceConfig, SourceKind};

/// What `example-config` prints.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// All settings of an agent.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// The installation's name in every certificate.
    pub trust_domain: TrustDomain,
    /// The dataset contracts, where this machine has them.
    pub schemas: Option<PathBuf>,
    /// Where the broker is.
    pub broker: BrokerConfig,
    /// Who this agent is, and whom it trusts.
    pub tls: TlsFiles,
    /// How the certificate is renewed.
    pub enrolment: EnrolmentConfig,
    /// Where pushes wait.
    pub spool: SpoolConfig,
    /// Where pushes come in.
    pub push: PushConfig,
    /// How pulls are answered.
    pub pull: PullConfig,
    /// The heartbeat.
    pub status: StatusConfig,
    /// Where other versions of the agent go.
    #[serde(default)]
    pub update: UpdateConfig,
    /// The Node-RED that the agent keeps.
    #[serde(default)]
    pub node_red: NodeRedConfig,
    /// Which files may be read.
    #[serde(default)]
    pub files: FilesConfig,
    /// The segment's datasets.
    #[serde(default)]
    pub source: Vec<SourceConfig>,
    /// Sources that are asked on a timer.
    #[serde(default)]
    pub schedule: Vec<ScheduleConfig>,
    /// The operator's listener.
    pub ops: OpsConfig,
    /// The log.
    pub log: LogConfig,
}

/// The `[broker]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct BrokerConfig {
    /// `host:port` of the mutual-TLS listener.
    pub address: String,
    /// The name in the broker's certificate, where it is not the host of the address.
    pub server_name: Option<String>,
    /// The HTTP proxy that leads to the broker and to the door.
    pub proxy: Option<String>,
    /// A file with `USER:PASSWORD` for it.
    pub proxy_credentials_file: Option<PathBuf>,
    /// Seconds between signs of life on an idle connection.
    pub keep_alive_s: u64,
}

impl BrokerConfig {
    /// Host and port of the address; `None` when it is not of that form.
    pub(crate) fn host_and_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.address.rsplit_once(':')?;
        rustls::pki_types::ServerName::try_from(host).ok()?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.contains(':')).then_some((host, port))
    }

    /// The proxy, with its credentials read from their file.
    pub(crate) fn proxy(&self) -> anyhow::Result<Option<Proxy>> {
        let credentials = SecretSource::new(None, self.proxy_credentials_file.clone());
        let Some(text) = &self.proxy else {
            return Ok(None);
        };
        let at = text.parse().map_err(anyhow::Error::msg);
        let proxy = at.and_then(|at| Proxy::new(at, &credentials));
        proxy.map(Some).context("use the proxy (broker.proxy)")
    }
}

/// The `[enrolment]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct EnrolmentConfig {
    /// Whether the agent renews its certificate by itself.
    pub renew: bool,
    /// The broker's enrolment listener, asked once the certificate has expired.
    pub door: Option<Door>,
}

/// The `[spool]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct SpoolConfig {
    /// The folder; made when it is missing.
    pub path: PathBuf,
    /// Bytes of messages that it may hold.
    pub bytes_max: u64,
    /// Hours that a message may wait.
    pub age_h_max: u64,
    /// Bytes on their way without an ack.
    pub window_bytes: u64,
}

/// The `[push]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct PushConfig {
    /// A loopback address.
    pub listen: SocketAddr,
    /// A file with the token.
    pub token_file: Option<PathBuf>,
}

impl PushConfig {
    /// Where the token comes from; empty when nothing can be pushed.
    pub(crate) fn token(&self) -> SecretSource {
        SecretSource::new(None, self.token_file.clone())
    }
}

/// The `[files]` section.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct FilesConfig {
    /// The folder below which files of sources are.
    pub directory: Option<PathBuf>,
}

/// The `[pull]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct PullConfig {
    /// Requests answered at the same time, beyond one for each source.
    pub parallel_max: usize,
    /// Requests that one source answers at the same time.
    pub per_source_max: usize,
    /// Bytes of answers that are kept for sources with `cache_max_age_s`.
    pub cache_bytes_max: usize,
}

/// The `[update]` section.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UpdateConfig {
    /// The folder of the two slots.
    pub slots: Option<PathBuf>,
    /// The file of the release keys.
    pub release_keys: Option<PathBuf>,
}

/// The `[status]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct StatusConfig {
    /// Seconds between heartbeats.
    pub every_s: u64,
}

impl Section for Config {
    fn validate(&self, faults: &mut Faults) {
        faults.within("broker", &self.broker);
        faults.within("spool", &self.spool);
        faults.within("push", &self.push);
        faults.within("node_red", &self.node_red);
        faults.bounds("pull.parallel_max", self.pull.parallel_max, 1..=256);
        faults.bounds("pull.per_source_max", self.pull.per_source_max, 1..=256);
        let cache_bytes = 65_536..=268_435_456;
        faults.bounds(
            "pull.cache_bytes_max",
            self.pull.cache_bytes_max,
            cache_bytes,
        );
        faults.bounds("status.every_s", self.status.every_s, 1..=3_600);
        if self.source.len() > HELLO_DATASETS_MAX {
            faults
                .add("source", format!("has {} entries", self.source.len()))
                .allowed(format!("at most {HELLO_DATASETS_MAX}"));
        }
        let reads_files = self.source.iter().any(SourceConfig::reads_files);
        if reads_files
            && !self
                .files
                .directory
                .as_ref()
                .is_some_and(|folder| folder.is_absolute())
        {
            faults
                .add(
                    "files.directory",
                    "is missing or not absolute, and a [[source]] reads a file",
                )
                .hint("write \"/srv/exports\"");
        }
        source::validate_all(&self.source, &self.schedule, faults);
        faults.within("ops", &self.ops);
        faults.within("log", &self.log);
    }
}

impl Section for BrokerConfig {
    fn validate(&self, faults: &mut Faults) {
        if self.host_and_port().is_none() {
            faults
                .add("address", format!("{:?} is no host and port", self.address))
                .allowed("a host name or IPv4 address, a colon and a port")
                .hint("write \"broker.example.net:8883\"");
        }
        if let Some(name) = &self.server_name
            && rustls::pki_types::ServerName::try_from(name.as_str()).is_err()
        {
            faults
                .add(
                    "server_name",
                    format!("{name:?} is no name that a certificate can have"),
                )
                .allowed("a host name");
        }
        match self.proxy.as_deref().map(str::parse::<ProxyAddress>) {
            Some(Err(problem)) => {
                faults
                    .add("proxy", problem)
                    .allowed("http:// with a host and a port")
                    .hint("write \"http://proxy.example.net:3128\", and USER:PASSWORD into the file that proxy_credentials_file names");
            }
            None if self.proxy_credentials_file.is_some() => {
                faults
                    .add("proxy_credentials_file", "has no meaning without a proxy")
                    .hint("set proxy too, or remove it");
            }
            _ => {}
        }
        faults.bounds("keep_alive_s", self.keep_alive_s, 5..=300);
    }
}

impl Section for SpoolConfig {
    fn validate(&self, faults: &mut Faults) {
        faults.bounds(
            "bytes_max",
            self.bytes_max,
            MESSAGE_BYTES_MAX as u64..=1 << 40,
        );
        faults.bounds("age_h_max", self.age_h_max, 1..=8_760);
        faults.bounds("window_bytes", self.window_bytes, 1..=16_777_216);
    }
}

impl Section for PushConfig {
    fn validate(&self, faults: &mut Faults) {
        if !self.listen.ip().is_loopback() {
            faults
                .add(
                    "listen",
                    format!("{} can be reached from other machines", self.listen),
                )
                .allowed("an address of this machine alone")
                .hint(
                    "write \"127.0.0.1:8021\"; flows that run elsewhere need an agent of their own",
                );
        }
    }
}

#[cfg(test)]
mod tests;
