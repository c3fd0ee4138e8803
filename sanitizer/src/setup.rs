//! What the supervisor tells each process in its first frame: its part of the configuration and no more.

use crate::sandbox::Ids;
use serde::{Deserialize, Serialize};
use spokegate_contract::TenantId;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use spokegate_confine::SandboxMode;

/// Certificate, key and the roots trusted for the peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPaths {
    /// PEM chain of this side.
    pub certificate: PathBuf,
    /// PEM key of this side.
    pub key: PathBuf,
    /// PEM roots that the other side must chain to.
    pub ca: PathBuf,
}

impl TlsPaths {
    /// The same, for the identity crate.
    #[must_use]
    pub fn files(&self) -> spokegate_identity::TlsFiles {
        spokegate_identity::TlsFiles {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            ca: self.ca.clone(),
        }
    }
}

/// How a child logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogSetup {
    /// As JSON instead of text.
    pub json: bool,
    /// Filter.
    pub filter: String,
}

/// The part of a process's confinement that all have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StageSetup {
    /// Whether every layer of the confinement must hold.
    pub sandbox: SandboxMode,
    /// As whom it must run, when processes are separate.
    pub user: Option<Ids>,
    /// Keys of others, which it must not be able to open.
    pub foreign_keys: Vec<PathBuf>,
}

/// The ingest process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IngestSetup {
    /// Its confinement.
    pub stage: StageSetup,
    /// Logging.
    pub log: LogSetup,
    /// Trust domain of identities.
    pub trust_domain: String,
    /// One session each.
    pub tenants: Vec<TenantId>,
    /// Schema folder, for the parameters of requests.
    pub schemas: PathBuf,
    /// The broker's `host:port`.
    pub broker: String,
    /// The name in the broker's certificate.
    pub server_name: String,
    /// This side of the first hop.
    pub tls: TlsPaths,
    /// How many connections.
    pub sessions: SessionMode,
    /// Who says that a satellite is there.
    pub presence: PresenceMode,
    /// Without a heartbeat for so long a satellite is gone, in seconds.
    pub offline_after_s: u64,
    /// Keep-alive of the sessions, in seconds.
    pub keep_alive_s: u16,
    /// Messages per second and tenant.
    pub messages_per_s: u32,
    /// Bytes per second and tenant.
    pub bytes_per_s: u64,
    /// Requests that may be open at once per tenant.
    pub requests_max: usize,
    /// Whether sessions are only open while the centre leases them.
    pub leases: bool,
}

/// How many connections the sanitizer has with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionMode {
    /// One for each customer, as the embedded broker wants it.
    PerTenant,
    /// One for all, with a filter for each customer.
    Single,
}

/// Who says that a satellite is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PresenceMode {
    /// The broker, which is ours.
    Broker,
    /// The satellite's own heartbeat, at a broker that publishes no presence.
    Heartbeat,
}

/// A worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorkerSetup {
    /// Whose messages it judges; without one, only the datasets' own contracts hold.
    pub tenant: Option<TenantId>,
    /// Schema folder; read before the confinement closes.
    pub schemas: PathBuf,
    /// What every process has.
    pub stage: StageSetup,
    /// Memory on top of what the program itself takes, in bytes.
    pub memory_bytes_max: u64,
    /// CPU time of one message, in milliseconds.
    pub cpu_ms_max: u64,
}

/// The egress process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EgressSetup {
    /// Its confinement.
    pub stage: StageSetup,
    /// Logging.
    pub log: LogSetup,
    /// Trust domain of identities.
    pub trust_domain: String,
    /// Address of the second hop.
    pub listen: SocketAddr,
    /// This side of the second hop.
    pub tls: TlsPaths,
    /// The seal key's file.
    pub seal_key_file: PathBuf,
    /// The audit key's file.
    pub audit_key_file: Option<PathBuf>,
    /// The tenants, each with a seal key derived from that.
    pub tenants: Vec<TenantId>,
}
