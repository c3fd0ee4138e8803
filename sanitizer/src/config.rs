//! The configuration: one struct per section of `defaults.toml`, which documents every key.

use crate::sandbox::{Ids, Users};
use crate::setup::{
    EgressSetup, IngestSetup, LogSetup, PresenceMode, SandboxMode, SessionMode, StageSetup,
    TlsPaths, WorkerSetup,
};
use serde::Deserialize;
use spokegate_contract::{Address, TenantId};
use spokegate_daemon::config::{Faults, Section};
use spokegate_daemon::logging::{LogConfig, LogFormat};
use spokegate_daemon::ops::OpsConfig;
use spokegate_identity::{TrustDomain, is_reserved_tenant};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Most refusals that a budget may allow: so many are remembered of each satellite.
const REFUSALS_MAX: u64 = 10_000;

/// All of it.
#[derive(Debug, Clone, Deserialize)]
pub struct SanitizerConfig {
    /// The name in all certificates of this installation.
    pub trust_domain: TrustDomain,
    /// The customers.
    pub tenants: Vec<TenantId>,
    /// Whether requests for certificates pass through as well.
    pub enrolment: bool,
    /// Folder of the dataset contracts.
    pub schemas: PathBuf,
    /// Bytes of records that may wait for the centre, per customer.
    pub outbox_bytes_max: u64,
    /// Whether other sanitizers serve the same customers.
    pub share: ShareConfig,
    /// The first hop.
    pub broker: BrokerConfig,
    /// The second hop.
    pub inner: InnerConfig,
    /// The seal.
    pub seal: SealConfig,
    /// The audit.
    pub audit: AuditConfig,
    /// The workers.
    pub worker: WorkerConfig,
    /// As whom the processes run.
    pub users: UsersConfig,
    /// Refused messages.
    pub quarantine: QuarantineConfig,
    /// How much of what a satellite sends may be refused.
    pub budget: BudgetConfig,
    /// The operator's listener.
    pub ops: OpsConfig,
    /// The log.
    pub log: LogConfig,
}

/// `[share]`
#[derive(Debug, Clone, Deserialize)]
pub struct ShareConfig {
    /// Whether a customer's session is only open while the centre leases it.
    pub leases: bool,
}

/// `[broker]`
#[derive(Debug, Clone, Deserialize)]
pub struct BrokerConfig {
    /// `host:port`.
    pub address: String,
    /// The name in the broker's certificate.
    pub server_name: Option<String>,
    /// How many connections.
    pub sessions: SessionMode,
    /// Who says that a satellite is there.
    pub presence: PresenceMode,
    /// Without a heartbeat for so long a satellite is gone, in seconds.
    pub offline_after_s: u64,
    /// Keep-alive, in seconds.
    pub keep_alive_s: u16,
    /// Messages per second and customer.
    pub messages_per_s: u32,
    /// Bytes per second and customer.
    pub bytes_per_s: u64,
    /// Open requests per customer.
    pub requests_max: usize,
    /// Files.
    pub tls: TlsPaths,
}

/// `[inner]`
#[derive(Debug, Clone, Deserialize)]
pub struct InnerConfig {
    /// Where the centre connects.
    pub listen: SocketAddr,
    /// Files.
    pub tls: TlsPaths,
}

/// `[seal]`
#[derive(Debug, Clone, Deserialize)]
pub struct SealConfig {
    /// The key's file.
    pub key_file: PathBuf,
}

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
pub struct AuditConfig {
    /// The signing key's file.
    pub key_file: Option<PathBuf>,
}

/// `[worker]`
#[derive(Debug, Clone, Deserialize)]
pub struct WorkerConfig {
    /// What a missing layer means.
    pub sandbox: SandboxMode,
    /// Bytes on top of the program.
    pub memory_bytes_max: u64,
    /// CPU time of one message.
    pub cpu_ms_max: u64,
    /// Wall time of one message.
    pub stall_ms_max: u64,
    /// Messages until it is replaced.
    pub messages_max: u64,
    /// Seconds until it is replaced.
    pub age_s_max: u64,
}

/// `[users]`
#[derive(Debug, Clone, Deserialize)]
pub struct UsersConfig {
    /// Whether each process has a user of its own.
    pub separate: Separate,
    /// The supervisor's, when it is started as root.
    pub supervisor: String,
    /// The user of the ingest process.
    pub ingest: String,
    /// The user of workers.
    pub worker: String,
    /// The user of the egress process.
    pub egress: String,
}

/// Whether each process has a user of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Separate {
    /// No start otherwise.
    Require,
    /// All run as whoever starts them.
    Off,
}

/// `[quarantine]`
#[derive(Debug, Clone, Deserialize)]
pub struct QuarantineConfig {
    /// Folder.
    pub directory: PathBuf,
    /// File of the public key that all is sealed to.
    pub recipient_file: PathBuf,
    /// Most bytes in it.
    pub bytes_max: u64,
    /// Most bytes of one customer in it.
    pub tenant_bytes_max: u64,
    /// Longest stay, in hours.
    pub age_h_max: u64,
}

/// `[budget]`, for each satellite.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct BudgetConfig {
    /// Refusals in the window at which it is suspended.
    pub refusals: u64,
    /// The window, in seconds.
    pub window_s: u64,
    /// Refusals in the window at which it is slowed.
    pub slow_after: u64,
    /// Messages a second that a slowed satellite may send unasked.
    pub slow_per_s: u64,
    /// How long it is suspended, in seconds.
    pub suspend_s: u64,
    /// Lost workers in the window at which it is suspended.
    pub worker_kills: u64,
}

impl BudgetConfig {
    fn validate(&self, faults: &mut Faults) {
        for (key, value, most) in [
            ("budget.refusals", self.refusals, REFUSALS_MAX),
            ("budget.window_s", self.window_s, 86_400),
            ("budget.slow_after", self.slow_after, self.refusals),
            ("budget.slow_per_s", self.slow_per_s, 1_000),
            ("budget.suspend_s", self.suspend_s, 604_800),
            ("budget.worker_kills", self.worker_kills, self.refusals),
        ] {
            faults.bounds(key, value, 1..=most.max(1));
        }
    }
}

impl Section for SanitizerConfig {
    fn validate(&self, faults: &mut Faults) {
        self.validate_tenants(faults);
        let port = self
            .broker
            .address
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            faults
                .add("broker.address", "has no port")
                .allowed("host:port")
                .hint("address = \"broker.example:8883\"");
        }
        let single = self.broker.sessions == SessionMode::Single;
        if self.share.leases && single && self.enrolment {
            faults
                .add("share.leases", "is true for one connection that carries requests for certificates too")
                .allowed("enrolment = false, or broker.sessions = \"per-tenant\"")
                .hint("another broker has no enrolment door, so that enrolment = false costs nothing there");
        }
        if self.broker.keep_alive_s == 0 {
            faults
                .add("broker.keep_alive_s", "is 0")
                .allowed("1 to 65535")
                .hint("keep_alive_s = 30");
        }
        for (key, value, least) in [
            (
                "broker.messages_per_s",
                u64::from(self.broker.messages_per_s),
                1,
            ),
            ("broker.offline_after_s", self.broker.offline_after_s, 3),
            ("broker.bytes_per_s", self.broker.bytes_per_s, 131_072),
            ("broker.requests_max", self.broker.requests_max as u64, 1),
            ("outbox_bytes_max", self.outbox_bytes_max, 1_048_576),
            (
                "worker.memory_bytes_max",
                self.worker.memory_bytes_max,
                33_554_432,
            ),
            ("worker.cpu_ms_max", self.worker.cpu_ms_max, 10),
            ("worker.stall_ms_max", self.worker.stall_ms_max, 10),
            ("worker.messages_max", self.worker.messages_max, 1),
            ("worker.age_s_max", self.worker.age_s_max, 1),
            ("quarantine.bytes_max", self.quarantine.bytes_max, 1_048_576),
            (
                "quarantine.tenant_bytes_max",
                self.quarantine.tenant_bytes_max,
                1_048_576,
            ),
            ("quarantine.age_h_max", self.quarantine.age_h_max, 1),
        ] {
            if value < least {
                faults
                    .add(key, format!("is {value}"))
                    .allowed(format!("{least} or more"));
            }
        }
        self.budget.validate(faults);
        faults.within("log", &self.log);
        faults.within("ops", &self.ops);
    }
}

impl SanitizerConfig {
    fn validate_tenants(&self, faults: &mut Faults) {
        if self.tenants.is_empty() {
            faults
                .add("tenants", "names no customer")
                .hint("tenants = [\"acme\"]");
        }
        let mut seen = BTreeSet::new();
        for tenant in &self.tenants {
            if !seen.insert(tenant) {
                faults.add("tenants", format!("names {tenant} twice"));
            }
            if is_reserved_tenant(tenant) {
                faults
                    .add("tenants", format!("{tenant} is a reserved name"))
                    .hint("choose another id for the customer");
            }
        }
    }

    /// Whose messages pass through: the customers', and those of the broker's enrolment door.
    pub(crate) fn lanes(&self) -> Vec<TenantId> {
        let door = self.enrolment.then(|| Address::door().tenant);
        self.tenants.iter().cloned().chain(door).collect()
    }

    pub(crate) fn ingest_setup(&self, users: Users) -> IngestSetup {
        let host = self
            .broker
            .address
            .rsplit_once(':')
            .map_or("", |(host, _)| host);
        IngestSetup {
            stage: self.stage_setup(users.ingest, self.egress_keys()),
            log: self.log_setup(),
            trust_domain: self.trust_domain.to_string(),
            tenants: self.lanes(),
            schemas: self.schemas.clone(),
            broker: self.broker.address.clone(),
            server_name: self
                .broker
                .server_name
                .clone()
                .unwrap_or_else(|| host.to_owned()),
            tls: self.broker.tls.clone(),
            sessions: self.broker.sessions,
            presence: self.broker.presence,
            offline_after_s: self.broker.offline_after_s,
            keep_alive_s: self.broker.keep_alive_s,
            messages_per_s: self.broker.messages_per_s,
            bytes_per_s: self.broker.bytes_per_s,
            requests_max: self.broker.requests_max,
            leases: self.share.leases,
        }
    }

    pub(crate) fn worker_setup(&self, users: Users) -> WorkerSetup {
        WorkerSetup {
            tenant: None,
            schemas: self.schemas.clone(),
            stage: self.stage_setup(
                users.worker,
                self.egress_keys().chain([&self.broker.tls.key]),
            ),
            memory_bytes_max: self.worker.memory_bytes_max,
            cpu_ms_max: self.worker.cpu_ms_max,
        }
    }

    pub(crate) fn egress_setup(&self, users: Users) -> EgressSetup {
        EgressSetup {
            stage: self.stage_setup(users.egress, [&self.broker.tls.key]),
            log: self.log_setup(),
            trust_domain: self.trust_domain.to_string(),
            listen: self.inner.listen,
            tls: self.inner.tls.clone(),
            seal_key_file: self.seal.key_file.clone(),
            audit_key_file: self.audit.key_file.clone(),
            tenants: self.lanes(),
        }
    }

    /// The files that only egress may read.
    fn egress_keys(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.inner.tls.key, &self.seal.key_file]
            .into_iter()
            .chain(&self.audit.key_file)
    }

    fn stage_setup<'a>(
        &self,
        user: Option<Ids>,
        foreign_keys: impl IntoIterator<Item = &'a PathBuf>,
    ) -> StageSetup {
        StageSetup {
            sandbox: self.worker.sandbox,
            user,
            foreign_keys: foreign_keys.into_iter().cloned().collect(),
        }
    }

    fn log_setup(&self) -> LogSetup {
        LogSetup {
            json: self.log.format == LogFormat::Json,
            filter: self.log.filter.clone(),
        }
    }
}

impl LogSetup {
    pub(crate) fn init(&self) {
        let format = if self.json {
            LogFormat::Json
        } else {
            LogFormat::Text
        };
        spokegate_daemon::logging::init(&LogConfig {
            format,
            filter: self.filter.clone(),
        });
    }
}
